# SPDX-License-Identifier: Apache-2.0
"""Training of any model on any array."""

import hashlib
import json
import pathlib
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Optional

import numpy as np

from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd.network import initial
from tfp_rd.objective import beta_elbo
from tfp_rd.run import atomic_file
from tfp_rd.training import loop
from tfp_rd.training import program as program_lib

__all__ = ['Fit', 'fit']

_DEFAULTS = config_lib.TrainingConfig()


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
  num_steps=1000,
  seed=0,
  dynamic=False,
  batch_size=_DEFAULTS.batch_size,
  learning_rate=_DEFAULTS.learning_rate,
  normalize_gradients=False,
  weight_averaging=0.0,
  precision='float32',
  validation=None,
  validate_every=_DEFAULTS.validate_every,
  run_dir=None,
  checkpoint_every=500,
  steps_per_call=50,
  jit_compile='auto',
  on_progress: loop.OnProgress = lambda step, num_steps, metrics: None,
  on_warning: Callable[[str], Any] = warnings.warn,
) -> Fit:
  """Trains a model in place.

  Args:
    model: A `LatentVariableModel`.
    images: `[N, ...]`.
    objective: An objective; `BetaElbo(beta=1)` by default.
    num_steps: Steps of the optimiser.
    seed: An integer or a pair, from which all randomness follows.
    dynamic: Whether `images` are probabilities that pixels are on, as in a
      `Dataset` that says so, and drawn anew at every use.
    batch_size: Images a step.
    learning_rate: Adam's rate; linear to 0 from half of the steps on.
    normalize_gradients: Divide each variable's gradient by its norm.
    weight_averaging: Decay of an average of the weights, 0 for none; it
      competes with the weights on validation.
    precision: `'bfloat16'` for products of convolutions and dense layers, in
      training alone.
    validation: `[M, ...]` images on which the kept weights are chosen; without
      them the last step's are kept.
    validate_every: Steps between validations.
    run_dir: Folder for checkpoints and `metrics.csv`; the same call goes on
      from what is there.  `None` keeps nothing.
    checkpoint_every: Steps between checkpoints.
    steps_per_call: Steps in one call of the compiled loop.
    jit_compile: Whether XLA compiles the loop: `'true'`, `'false'`, or
      `'auto'` for accelerators alone.
    on_progress: Is told the step, the number of steps and the metrics.
    on_warning: Is told a sentence when a checkpoint cannot be read.

  Returns:
    Steps, metrics, and where they are.

  Raises:
    UserError: The loss depends on variables that no part owns, `run_dir` is of
      another call, or `dynamic` images are no probabilities.
    FloatingPointError: A term stopped being finite; the error names it, and
      the last checkpoint is good.
  """
  objective = beta_elbo.BetaElbo() if objective is None else objective
  if dynamic:
    _check_probabilities(images)
  loop.check_precision(precision)
  program = program_lib.Program(
    model,
    objective,
    batch_size=batch_size,
    steps_per_call=steps_per_call,
    dynamic=dynamic,
    normalize_gradients=normalize_gradients,
    weight_averaging=weight_averaging,
    precision=precision,
    jit_compile=loop.should_compile(jit_compile),
    seed=initial.fold_in(seed, 0),
  )
  schedule = loop.Schedule(
    num_steps=num_steps,
    validate_every=0 if validation is None else validate_every,
    checkpoint_every=checkpoint_every,
    steps_per_call=steps_per_call,
  )
  inputs = loop.make_inputs(
    images,
    seed=initial.fold_in(seed, 1),
    objective=objective,
    learning_rate=learning_rate,
    num_steps=num_steps,
    dtype=model.dtype or 'float32',
  )
  if run_dir is not None:
    _claim(run_dir, program, inputs, schedule, dynamic=dynamic)
  metrics = loop.train_program(
    loop.State(program),
    inputs,
    schedule,
    objective=objective,
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


def _check_probabilities(images):
  low, high = np.min(images), np.max(images)
  if not 0 <= low <= high <= 1:
    raise errors.UserError(
      f'images hold values from {low:g} to {high:g}; with dynamic=True they '
      'are probabilities in [0, 1], so divide greys by 255.'
    )


def _claim(run_dir, program, inputs, schedule, *, dynamic):
  """Writes into a folder what is trained there, or refuses another's folder."""
  what = {
    'objective': repr(program.objective),
    'batch_size': program.batch_size,
    **({'dynamic': True} if dynamic else {}),
    'num_steps': schedule.num_steps,
    'validate_every': schedule.validate_every,
    'learning_rate': float(inputs.learning_rate),
    'seed': inputs.seed.numpy().tolist(),
    'images_sha256': hashlib.sha256(
      inputs.images.numpy().tobytes()
    ).hexdigest(),
    'variables': [v.shape.as_list() for v in program.variables],
  }
  path = pathlib.Path(run_dir) / 'fit.json'
  path.parent.mkdir(parents=True, exist_ok=True)
  if not path.exists():
    atomic_file.write_atomically(path, json.dumps(what, indent=1))
  elif json.loads(path.read_text()) != what:
    raise errors.UserError(
      f'{run_dir} holds another training, see {path.name}; name another '
      'run_dir.'
    )
