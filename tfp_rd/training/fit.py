# SPDX-License-Identifier: Apache-2.0
"""Training of any model on any array."""

import dataclasses
import pathlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np

from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd.objective import beta_elbo
from tfp_rd.training import checkpoint, loop, trainer
from tfp_rd.training import claim as claim_lib

__all__ = ['Fit', 'fit']

# Steps enough for a first look; an average needs validation to be chosen.
_DEFAULTS = config_lib.TrainingConfig(num_steps=1000, weight_averaging=0.0)


class Fit(NamedTuple):
  """What `fit` returns.

  Attributes:
    steps: Steps taken in all, those before a resume included.
    metrics: One mapping a call of the compiled loop: means over its steps, and
      at validations the score.
    run_dir: Where checkpoints and metrics are, or `None`.
  """

  steps: int
  metrics: list[Mapping[str, float]]
  run_dir: Optional[pathlib.Path]


def fit(
  model,
  images,
  *,
  objective=None,
  training: Optional[config_lib.TrainingConfig] = None,
  execution: Optional[config_lib.Execution] = None,
  num_steps: Optional[int] = None,
  batch_size: Optional[int] = None,
  learning_rate: Optional[float] = None,
  validation=None,
  labels=None,
  dynamic: bool = False,
  seed=0,
  run_dir=None,
  resume: bool = False,
  parts: Sequence[str] = (),
  on_progress: loop.OnProgress = lambda step, num_steps, metrics: None,
  on_warning: Callable[[str], Any] = warnings.warn,
) -> Fit:
  """Trains a model in place.

  Args:
    model: A `LatentVariableModel`, or a `ConditionalModel`.
    images: `[N, ...]`.
    objective: An objective; `BetaElbo(beta=1)` by default.
    training: All settings of the training, in place of the three that follow;
      by default 1,000 steps and no average of the weights.  Validation is on
      all images of `validation`.
    execution: Checkpoints, compilation and summaries for TensorBoard.
    num_steps: Steps of the optimiser.
    batch_size: Images a step.
    learning_rate: Adam's rate; linear to 0 from half of the steps on.
    validation: `[M, ...]` images on which the kept weights are chosen; without
      them the last step's are kept.
    labels: `[N]`, for an objective that requires them.
    dynamic: Whether `images` are probabilities that pixels are on, as in a
      `Dataset` that says so, and drawn anew at every use.
    seed: An integer or a pair, from which all randomness follows.
    run_dir: Folder for checkpoints and `metrics.csv`; the same call goes on
      from what is there.  `None` keeps nothing.
    resume: Go on in `run_dir` though the model has other initial weights than
      it had there, as an unseeded tf_keras model has in another process.
    parts: Which parts move, as in `('marginal',)`; the others, and what they
      share with these, stay bit for bit.  All parts by default.
    on_progress: Called with the step, the number of steps and the metrics.
    on_warning: Called with a sentence when a file cannot be read.

  Returns:
    Steps, metrics, and where they are.

  Raises:
    UserError: A setting is given twice or out of its range, the loss depends on
      variables that no part owns, `run_dir` is of another call, or `dynamic`
      images are no probabilities.
    FloatingPointError: A term stopped being finite; the error names it.  The
      model then has the weights that were best on validation, if there are
      any, and the last checkpoint is good.
  """
  objective = beta_elbo.BetaElbo() if objective is None else objective
  training = _settings(
    training,
    num_steps=num_steps,
    batch_size=batch_size,
    learning_rate=learning_rate,
  )
  execution = config_lib.Execution() if execution is None else execution
  _check_average(training, validation)
  if dynamic:
    _check_probabilities(images)
  program = trainer.make_program(
    model,
    images,
    objective=objective,
    training=training,
    execution=execution,
    dynamic=dynamic,
    seed=seed,
    labels=labels,
    parts=parts,
  )
  inputs = trainer.make_inputs(
    program,
    images,
    objective=objective,
    training=training,
    seed=seed,
    labels=labels,
  )
  if run_dir is not None:
    settings = {
      'objective': repr(objective),
      **dataclasses.asdict(training),
      'seed': inputs.seed.numpy().tolist(),
      'dynamic': bool(dynamic),
      'parts': ' '.join(parts),
      'images': claim_lib.digest_of(inputs.images),
      'labels': claim_lib.digest_of(inputs.labels),
      'validation': claim_lib.digest_of(validation),
    }
    claim_lib.claim(
      run_dir,
      settings,
      weights_sha256=checkpoint.weights_sha256(program.model),
      resume=resume,
    )
  _, metrics = trainer.train(
    program,
    inputs,
    objective=objective,
    training=training,
    execution=execution,
    validation=validation,
    run_dir=run_dir,
    on_progress=on_progress,
    on_warning=on_warning,
  )
  return Fit(
    int(program.step),
    metrics,
    None if run_dir is None else pathlib.Path(run_dir),
  )


def _settings(training, **typed):
  """Returns the settings of a training, each from one place."""
  given = {name: value for name, value in typed.items() if value is not None}
  if training is None:
    return dataclasses.replace(_DEFAULTS, **given)
  if given:
    name = next(iter(given))
    raise errors.UserError(
      f'{name} is given twice, as {given[name]!r} and in training, where it is '
      f'{getattr(training, name)!r}; leave out one of them.'
    )
  return training


def _check_average(training, validation):
  is_validated = validation is not None and training.validate_every
  if training.weight_averaging and not is_validated:
    raise errors.UserError(
      f'weight_averaging is {training.weight_averaging:g}, and without '
      'validation the average would never be chosen; give validation images '
      'and a validate_every, or weight_averaging=0.'
    )


def _check_probabilities(images):
  low, high = np.min(images), np.max(images)
  if not 0 <= low <= high <= 1:
    raise errors.UserError(
      f'images hold values from {low:g} to {high:g}; with dynamic=True they '
      'are probabilities in [0, 1], so divide greys by 255.'
    )
