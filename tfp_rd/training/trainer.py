# SPDX-License-Identifier: Apache-2.0
"""How a training is put together from the records of its settings."""

from collections.abc import Callable, Sequence
from typing import Any, Optional

from tfp_rd import config as config_lib
from tfp_rd.network import initial
from tfp_rd.training import folder as folder_lib
from tfp_rd.training import inputs as inputs_lib
from tfp_rd.training import loop, requirements, schedule, tensorboard
from tfp_rd.training import program as program_lib

__all__ = ['make_inputs', 'make_program', 'train']


def make_program(
  model,
  images,
  *,
  objective,
  training: config_lib.TrainingConfig,
  execution: config_lib.Execution,
  dynamic: bool,
  seed,
  labels=None,
  parts: Sequence[str] = (),
) -> program_lib.Program:
  """Returns the program of a training at step 0.

  Args:
    model: What is trained.
    images: `[N, ...]`.
    objective: The objective.
    training: How it is trained.
    execution: How it is compiled.
    dynamic: Whether images are on-probabilities.
    seed: Of the training, an integer or a pair.
    labels: `[N]`, or `None`.
    parts: Which parts of the model move; all of them by default.

  Raises:
    UserError: Model, data, machine and objective do not fit each other.
  """
  loop.check_precision(training.precision)
  requirements.check(
    objective, model, images=images, has_labels=labels is not None
  )
  return program_lib.Program(
    model,
    objective,
    batch_size=training.batch_size,
    steps_per_call=execution.steps_per_call,
    dynamic=dynamic,
    normalize_gradients=training.normalize_gradients,
    weight_averaging=training.weight_averaging,
    precision=training.precision,
    jit_compile=loop.should_compile(execution.jit_compile),
    seed=initial.fold_in(seed, 2),
    parts=parts,
    adds_losses=requirements.adds_losses(objective, model, images=images),
  )


def make_inputs(
  program, images, *, objective, training, seed, labels=None
) -> inputs_lib.Inputs:
  """Returns what a training brings to its program.

  Args:
    program: From `make_program`.
    images: `[N, ...]`.
    objective: The objective, whose numbers may differ from the program's.
    training: How it is trained.
    seed: Of the training, an integer or a pair.
    labels: `[N]`, or `None`.
  """
  return inputs_lib.make_inputs(
    images,
    seed=initial.fold_in(seed, 1),
    objective=objective,
    learning_rate=training.learning_rate,
    num_steps=training.num_steps,
    labels=labels if 'labels' in objective.requires else None,
    dtype=program.model.dtype or 'float32',
  )


def train(
  program,
  inputs: inputs_lib.Inputs,
  *,
  objective,
  training: config_lib.TrainingConfig,
  execution: config_lib.Execution,
  validation,
  run_dir,
  owner: str,
  origin: Optional[folder_lib.Origin] = None,
  on_progress: loop.OnProgress,
  on_warning: Callable[[str], Any],
) -> tuple[loop.State, list]:
  """Trains to the end, from wherever it was left.

  Args:
    program: From `make_program`.
    inputs: From `make_inputs`.
    objective: The objective.
    training: How it is trained.
    execution: Checkpoints and summaries.
    validation: `[M, ...]` images, or `None`.
    run_dir: Folder of checkpoints and metrics, or `None`.
    owner: SHA-256 of what is trained, whose checkpoints alone are taken.
    origin: The finished training with fewer steps that this one goes on from.
    on_progress: Called with the step, the number of steps and the metrics.
    on_warning: Called with a sentence when a file cannot be read.

  Returns:
    state: The kept weights in the model.
    metrics: One mapping a row of `metrics.csv`.

  Raises:
    FloatingPointError: A term stopped being finite.
    Stopped: Ctrl-C, or what a command takes for it; a checkpoint is written.
    OSError: A file cannot be written.
  """
  if execution.tensorboard and run_dir is not None:
    every = training.validate_every
    on_progress = tensorboard.writing(
      run_dir,
      on_progress,
      program=program,
      objective=objective,
      validation=validation,
      num_validations=training.num_steps // every if every else 0,
    )
  state = loop.State(program, owner=owner)
  metrics = loop.train_program(
    state,
    inputs,
    schedule.Schedule(
      num_steps=training.num_steps,
      validate_every=0 if validation is None else training.validate_every,
      checkpoint_seconds=execution.checkpoint_seconds,
      steps_per_call=execution.steps_per_call,
    ),
    objective=objective,
    validation=validation,
    run_dir=run_dir,
    origin=origin,
    on_progress=on_progress,
    on_warning=on_warning,
  )
  return state, metrics
