# SPDX-License-Identifier: Apache-2.0
"""The training loop: calls the compiled program, validates and saves."""

import dataclasses
import math
import pathlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tfp_rd import errors
from tfp_rd.model import evaluation
from tfp_rd.model import variables as variables_lib
from tfp_rd.network import initial
from tfp_rd.training import folder
from tfp_rd.training import inputs as inputs_lib
from tfp_rd.training import selection as selection_lib

__all__ = [
  'OnProgress',
  'Schedule',
  'State',
  'check_precision',
  'score_fn',
  'should_compile',
  'train_program',
]

# Draws for each image when weights are compared on validation; the same draws
# at every validation, so that only the weights differ.
_VALIDATION_SAMPLES = 4

# The owner where none is given.
_NOBODY = '00' * 32

# Instructions for bfloat16, as Linux names them, and where.
_FASTER = ('avx512_bf16', 'amx_bf16')
_CPU = pathlib.Path('/proc/cpuinfo')

OnProgress = Callable[[int, int, Mapping[str, float]], Any]


@dataclasses.dataclass(frozen=True)
class Schedule:
  """When something happens.

  Attributes:
    num_steps: Where training ends.
    validate_every: Steps between validations; 0 for none.
    checkpoint_every: Steps between checkpoints; 0 for one at the end.
    steps_per_call: Steps of one call at the most.
  """

  num_steps: int
  validate_every: int = 100
  checkpoint_every: int = 500
  steps_per_call: int = 50

  def next_stop(self, step: int) -> int:
    """Returns the step at which the next call ends."""
    stops = [self.num_steps, step + self.steps_per_call]
    for every in (self.validate_every, self.checkpoint_every):
      if every:
        stops.append((step // every + 1) * every)
    return min(stops)

  def is_validation(self, step: int) -> bool:
    """Whether the weights are validated at this step."""
    return bool(self.validate_every) and (
      step % self.validate_every == 0 or step == self.num_steps
    )

  def is_checkpoint(self, step: int) -> bool:
    """Whether a checkpoint is written at this step."""
    every = self.checkpoint_every
    return step == self.num_steps or bool(every and step % every == 0)


class State(tf.Module):
  """All that a checkpoint holds.

  Args:
    program: The program.
    owner: SHA-256 of what is trained, in hexadecimal digits; a checkpoint of
      something else is refused.
  """

  def __init__(self, program, *, owner: str = _NOBODY):
    super().__init__()
    self.program = program
    self.owner = tf.Variable(
      list(bytes.fromhex(owner)), trainable=False, dtype=tf.uint8
    )
    weights = variables_lib.named({'': program.model})
    self.selection = selection_lib.Selection(
      {**weights, **program.players.brought}, program.average
    )
    self.seconds = tf.Variable(0.0, dtype=tf.float64, trainable=False)
    # Of the metrics up to the checkpoint's step, byte by byte.
    self.metrics_sha256 = tf.Variable(tf.zeros([32], tf.uint8), trainable=False)

  def named_variables(self) -> dict[str, tf.Variable]:
    """Returns all variables by name: the model's, the players', the rest."""
    modules = {'model': self.program.model, 'training': self}
    return variables_lib.named(modules)


def should_compile(jit_compile: str) -> bool:
  """Returns whether XLA compiles: `'auto'` is yes on accelerators alone."""
  if jit_compile == 'auto':
    return bool(tf.config.list_physical_devices('GPU'))
  return jit_compile == 'true'


def check_precision(dtype: str) -> None:
  """Checks that this machine multiplies in a type faster than in float32.

  Raises:
    UserError: It does not: bfloat16 would be slower, and no better.
  """
  if dtype == 'float32' or tf.config.list_physical_devices('GPU'):
    return
  known = _CPU.read_text().split() if _CPU.exists() else ()
  if not any(name in known for name in _FASTER):
    raise errors.UserError(
      'this CPU has no instructions for bfloat16 (AVX512-BF16 or AMX), so that '
      'it would be slow; leave --precision=float32.'
    )


def train_program(
  state: State,
  inputs: inputs_lib.Inputs,
  schedule: Schedule,
  *,
  objective,
  validation=None,
  run_dir=None,
  on_progress: OnProgress = lambda step, num_steps, metrics: None,
  on_warning: Callable[[str], Any] = lambda sentence: None,
) -> list[Mapping[str, float]]:
  """Trains until the schedule ends, from the last checkpoint if there is one.

  Args:
    state: The program, fresh; left with the kept weights.
    inputs: What the run brings.
    schedule: When something happens.
    objective: Scores the weights on validation, at its own beta.
    validation: `[M, ...]` images, or `None`.
    run_dir: Folder of checkpoints and metrics, or `None`.
    on_progress: Called with the step, the number of steps and the metrics.
    on_warning: Called with a sentence when a file cannot be read.

  Returns:
    The metrics, one mapping a call.

  Raises:
    FloatingPointError: A term stopped being finite.
    OSError: A file cannot be written.
  """
  program = state.program
  files = folder.Folder(run_dir, state, on_warning)
  metrics = files.restore()
  # The same draws at every validation, and none that training sees.
  score = score_fn(
    program.movable,
    objective,
    validation,
    seed=initial.fold_in(inputs.seed, -2),
  )
  try:
    while (step := int(program.step)) < schedule.num_steps:
      start = time.monotonic()
      row = program.run(inputs, schedule.next_stop(step) - step)
      step = int(program.step)
      row = {'step': step, **row}
      if schedule.is_validation(step):
        row['validation_score'] = state.selection.offer(step, score)
      state.seconds.assign_add(time.monotonic() - start)
      metrics.append(row)
      files.write(metrics, save=schedule.is_checkpoint(step))
      on_progress(step, schedule.num_steps, row)
  finally:
    # After a divergence too, which leaves weights that are not finite.
    state.selection.take()
  return metrics


def score_fn(movable, objective, validation, *, seed):
  """Returns a function that scores the weights as they are; less is better.

  Args:
    movable: A `tfp_rd.model.movable_model.MovableModel`.
    objective: Scores a point, or the points at the betas that it compares.
    validation: `[M, ...]` images.
    seed: Of the draws, the same at every call.
  """

  def measure(beta, num_samples):
    return evaluation.evaluate(
      movable.to(beta), validation, num_samples=num_samples, seed=seed
    )

  def score():
    if objective.is_curve:  # As many draws in all.
      betas = objective.compared_betas()
      num_samples = -(-_VALIDATION_SAMPLES // len(betas))
      value = objective.score({b: measure(b, num_samples) for b in betas})
    else:
      value = objective.score(measure(objective.beta, _VALIDATION_SAMPLES))
    return value if math.isfinite(value) else math.inf

  return score
