# SPDX-License-Identifier: Apache-2.0
"""Training of any model on any array."""

import dataclasses
import pathlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Optional, Union

from tfp_rd import config as config_lib
from tfp_rd.network import initial
from tfp_rd.run import sealed
from tfp_rd.training import arguments, checkpoint, loop, trainer
from tfp_rd.training import claim as claim_lib

__all__ = ['Fit', 'fit']


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
  parts: Union[str, Sequence[str]] = (),
  on_progress: loop.OnProgress = lambda step, num_steps, metrics: None,
  on_warning: Callable[[str], Any] = warnings.warn,
) -> Fit:
  """Trains a model in place.

  Args:
    model: A `LatentVariableModel`, or a `ConditionalModel`.
    images: `[N, ...]`.
    objective: An objective, or its text; `BetaElbo(beta=1)` by default.
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
    parts: Which part or parts move, as in `('marginal',)`; the others, and what
      they share with these, stay bit for bit.  All parts by default.
    on_progress: Called with the step, the number of steps and the metrics.
    on_warning: Called with a sentence when a file cannot be read.

  Returns:
    Steps, metrics, and where they are.

  Raises:
    UserError: A setting is given twice or out of its range, the loss depends on
      variables that no part owns, `run_dir` is of another call or a run's own
      folder, images, validation and labels do not fit each other, the objective
      names other metrics than it returns, or `dynamic` images are no
      probabilities.  Nothing has been written then.
    FloatingPointError: A term stopped being finite; the error names it.  The
      model then has the weights that were best on validation, if there are
      any, and the last checkpoint is good.
  """
  objective = arguments.read_objective(objective)
  training, execution = arguments.read_settings(
    training,
    execution,
    typed={
      'num_steps': num_steps,
      'batch_size': batch_size,
      'learning_rate': learning_rate,
    },
    validation=validation,
  )
  arguments.check_arrays(
    images, validation=validation, labels=labels, dynamic=dynamic
  )
  arguments.check_run_dir(run_dir)
  parts = (parts,) if isinstance(parts, str) else tuple(parts)
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
  settings = {
    'objective': repr(objective),
    **dataclasses.asdict(training),
    'seed': initial.as_seed(seed).numpy().tolist(),
    'dynamic': bool(dynamic),
    'parts': ' '.join(parts),
    'images': claim_lib.digest_of(inputs.images),
    'labels': claim_lib.digest_of(inputs.labels),
    'validation': claim_lib.digest_of(validation),
  }
  if run_dir is not None:
    if not (pathlib.Path(run_dir) / claim_lib.NAME).exists():
      # What the first step refuses is refused before anything is written.
      program.trace(inputs)
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
    owner=sealed.digest(settings),
    on_progress=on_progress,
    on_warning=on_warning,
  )
  return Fit(
    int(program.step),
    metrics,
    None if run_dir is None else pathlib.Path(run_dir),
  )
