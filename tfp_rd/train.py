# SPDX-License-Identifier: Apache-2.0
"""Training of any model on any array."""

import pathlib
from collections.abc import Mapping
from typing import NamedTuple, Optional

from tfp_rd import (
  loop,
)
from tfp_rd import program as program_lib
from tfp_rd.network import initial
from tfp_rd.objective import beta_elbo

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
  num_steps=1000,
  seed=0,
  batch_size=128,
  learning_rate=1e-3,
  normalize_gradients=False,
  weight_averaging=0.0,
  validation=None,
  validate_every=100,
  run_dir=None,
  checkpoint_every=500,
  steps_per_call=50,
  jit_compile=False,
  on_progress: loop.OnProgress = lambda step, num_steps, metrics: None,
) -> Fit:
  """Trains a model in place.

  Args:
    model: A `LatentVariableModel`.
    images: `[N, ...]`, in the model's dtype.
    objective: An objective; `BetaElbo(beta=1)` by default.
    num_steps: Steps of the optimiser.
    seed: An integer or a pair, from which all randomness follows.
    batch_size: Images a step.
    learning_rate: Adam's rate; linear to 0 from half of the steps on.
    normalize_gradients: Divide each variable's gradient by its norm.
    weight_averaging: Decay of an average of the weights, 0 for none; it
      competes with the weights on validation.
    validation: `[M, ...]` images on which the kept weights are chosen; without
      them the last step's are kept.
    validate_every: Steps between validations.
    run_dir: Folder for checkpoints and `metrics.csv`; training goes on from
      what is there.  `None` keeps nothing.
    checkpoint_every: Steps between checkpoints.
    steps_per_call: Steps in one call of the compiled loop.
    jit_compile: Whether XLA compiles the loop; slower on CPUs.
    on_progress: Is told the step, the number of steps and the metrics.

  Returns:
    Steps, metrics, and where they are.

  Raises:
    UserError: The loss depends on variables that no part owns.
    FloatingPointError: A term stopped being finite; the error names it, and
      the last checkpoint is good.
  """
  objective = beta_elbo.BetaElbo() if objective is None else objective
  program = program_lib.Program(
    model,
    objective,
    batch_size=batch_size,
    steps_per_call=steps_per_call,
    normalize_gradients=normalize_gradients,
    weight_averaging=weight_averaging,
    jit_compile=jit_compile,
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
  )
  metrics = loop.train_program(
    loop.State(program),
    inputs,
    schedule,
    objective=objective,
    validation=validation,
    run_dir=run_dir,
    on_progress=on_progress,
  )
  return Fit(
    int(program.step),
    metrics,
    None if run_dir is None else pathlib.Path(run_dir),
  )
