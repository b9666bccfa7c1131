# SPDX-License-Identifier: Apache-2.0
"""The training loop: calls the compiled program, validates and saves."""

import pathlib
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any, Optional

import tensorflow as tf

from tfp_rd import errors
from tfp_rd.model import evaluation
from tfp_rd.model import variables as variables_lib
from tfp_rd.network import initial
from tfp_rd.run import interruption
from tfp_rd.training import folder, scoring
from tfp_rd.training import inputs as inputs_lib
from tfp_rd.training import schedule as schedule_lib
from tfp_rd.training import selection as selection_lib

__all__ = [
  'OnProgress',
  'State',
  'check_precision',
  'score_fn',
  'should_compile',
  'train_program',
  'validation_seed',
]

# The owner where none is given.
_NOBODY = '00' * 32

# Instructions for bfloat16, as Linux names them, and where.
_FASTER = ('avx512_bf16', 'amx_bf16')
_CPU = pathlib.Path('/proc/cpuinfo')

OnProgress = Callable[[int, int, Mapping[str, float]], Any]


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
  schedule: schedule_lib.Schedule,
  *,
  objective,
  validation=None,
  run_dir=None,
  origin: Optional[folder.Origin] = None,
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
    origin: The finished training with fewer steps that this one goes on from.
    on_progress: Called with the step, the number of steps and the metrics.
    on_warning: Called with a sentence when a file cannot be read.

  Returns:
    The metrics, one mapping for each row of the schedule.

  Raises:
    FloatingPointError: A term stopped being finite.
    Stopped: Ctrl-C, or what a command takes for it; a checkpoint is written.
    OSError: A file cannot be written.
  """
  files = folder.Folder(
    run_dir,
    state,
    on_warning,
    origin=origin,
    num_steps=schedule.num_steps,
  )
  metrics = files.restore()
  # The same draws at every validation, and none that training sees.
  score = score_fn(
    state.program.movable,
    objective,
    validation,
    seed=validation_seed(inputs.seed),
  )
  if int(state.program.step) < schedule.num_steps:
    # While it is traced nothing is lost, so that a stop ends it at once.
    state.program.trace(inputs)
  try:
    with interruption.postponed() as request:
      _take_rows(
        state,
        inputs,
        schedule,
        files=files,
        metrics=metrics,
        score=score,
        on_row=on_progress,
        request=request,
      )
  finally:
    # After a divergence too, which leaves weights that are not finite.
    state.selection.take()
  return metrics


def _take_rows(
  state, inputs, schedule, *, files, metrics, score, on_row, request
):
  """Takes the steps that are left, call by call, and appends to `metrics`."""
  program = state.program
  pace = schedule_lib.Pace(schedule.checkpoint_seconds)
  while (step := int(program.step)) < schedule.num_steps:
    start, row_end = time.monotonic(), schedule.next_row(step)
    means = program.run(inputs, pace.num_steps(row_end - step), goes_on=True)
    first, step = step, int(program.step)
    pace.took(step - first, time.monotonic() - start)
    if is_whole := step == row_end:
      metrics.append(_end_row(state, schedule, step, means, score))
    state.seconds.assign_add(time.monotonic() - start)
    if is_whole:
      files.write(metrics)
    if step == schedule.num_steps or pace.is_due(at_row=is_whole):
      files.save(metrics)
      pace.saved()
    try:
      if is_whole:
        on_row(step, schedule.num_steps, metrics[-1])
      request.check()
    except KeyboardInterrupt as e:
      files.save(metrics)
      kept = files.describe(step, schedule.num_steps)
      number = getattr(e, 'number', signal.SIGINT)
      raise interruption.Stopped(kept, number=number) from None


def _end_row(state, schedule, step, means, score):
  """Returns the row of metrics that has just become whole."""
  state.program.begin_row()
  if not schedule.is_validation(step):
    return {'step': step, **means}
  best = state.selection.offer(step, score)
  return {'step': step, **means, **best.columns}


def validation_seed(seed: initial.Seed):
  """Returns the seed of validations, `[2]`, from that of a training's steps."""
  return initial.fold_in(seed, -2)


def score_fn(movable, objective, validation, *, seed):
  """Returns a function that gives the `Score` of the weights as they are.

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

  return lambda: scoring.score(objective, measure)
