# SPDX-License-Identifier: Apache-2.0
"""Trains an exported run under JAX, without TensorFlow.

The weights are chosen on validation as everywhere else, by the objective of the
run.  What it has reached is kept in PATH.state.npz, from where another call
goes on.
"""

import math
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks import artifact as artifact_lib
from benchmarks import program_validation, run_program, run_state
from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd.training import schedule as schedule_lib

__all__ = ['train']

_SAVE_SECONDS = 120.0


def train(
  path,
  *,
  minutes: float = math.inf,
  say: Callable[[str], Any] = lambda text: None,
) -> dict[str, Any]:
  """Takes steps until the run or the time is over, one row at the least.

  Args:
    path: As `export --output` has it.
    minutes: How long it may take, compilation included.
    say: Called with a line after each validation.

  Returns:
    Step, device, steps a second, and whether the run is finished.

  Raises:
    UserError: There is no JAX, a file is missing or damaged, or a term stopped
      being finite.
    OSError: The state cannot be written.
  """
  deadline = time.monotonic() + 60 * minutes
  artifact, digest = artifact_lib.read(path)
  if 'config' not in artifact.about:
    raise errors.UserError(
      f'{path}.npz is a program to be timed; export a run, by --run=DIR, to '
      'train it.'
    )
  with run_state.lock(path):
    return _train(_Training(path, artifact, digest), deadline, say)


def _train(training, deadline, say):
  saved, longest = time.monotonic(), 0.0
  while not training.is_finished:
    start = time.monotonic()
    line = training.take_row()
    if line:
      say(line)
    now = time.monotonic()
    longest = max(longest, now - start)
    if now + 2 * longest > deadline:
      break
    if now - saved > _SAVE_SECONDS:
      training.save()
      saved = now
  training.save()
  return training.record


class _Training:
  """A run on the device."""

  def __init__(self, path, artifact, digest):
    self._path, self._digest = path, digest
    self._about = about = artifact.about
    self._config = config_lib.Config.from_dict(about['config'])
    training = self._config.training
    self._schedule = schedule_lib.Schedule(
      num_steps=training.num_steps,
      validate_every=training.validate_every,
      steps_per_call=about['steps_per_call'],
    )
    self._device = run_program.Device()
    inputs = artifact.programs['train'].inputs
    inputs += artifact.programs['evaluate'].inputs
    # What a call is given comes with it.
    known = {name for name in inputs if name in artifact.arrays}
    self._values = self._device.put({n: artifact.arrays[n] for n in known})
    self._train = self._device.compile(artifact.programs['train'])
    self._validation = program_validation.Validation(
      artifact, self._device, self._config.objective
    )
    self._variables = run_state.variables(artifact)
    self._progress = {
      'step': 0,
      'score': None,
      'kept_step': 0,
      'is_averaged': False,
      'seconds': 0.0,
      'rows': [],
      'parts': [],
    }
    self._kept = {}
    if run_state.exists(path):
      self._go_on(run_state.read(path, artifact, digest=self._digest))
    self._seconds, self._begun = [], self._progress['step']
    self._saved_step = self._begun if run_state.exists(path) else None
    self._parts = self._progress['parts']

  def _go_on(self, state):
    """Takes up the state of an earlier call."""
    self._progress = dict(state.progress)
    self._kept = {
      name: array
      for name, array in state.arrays.items()
      if name.startswith(run_state.KEPT)
    }
    self._values.update(
      self._device.put({name: state.arrays[name] for name in self._variables})
    )

  @property
  def is_finished(self) -> bool:
    return self._progress['step'] >= self._schedule.num_steps

  def take_row(self) -> str:
    """Takes the steps of a row; returns a line after a validation."""
    start, step = time.monotonic(), self._progress['step']
    end = self._schedule.next_row(step)
    num_steps = np.array(end - step, np.int32)
    self._values.update(self._device.put({'num_steps': num_steps}))
    outputs, seconds = self._train(self._values)
    outputs = {name: float(x) for name, x in outputs.items()}
    last = {k: outputs.pop(k) for k in [*outputs] if k.startswith('last_')}
    if bad := [k for k, x in last.items() if not math.isfinite(x)]:
      last = self._saved_step
      raise errors.UserError(
        f'{bad[0].removeprefix("last_")} stopped being finite between steps '
        f'{step} and {end}; the last state that was written is '
        f'{"none" if last is None else f"of step {last}"}.'
      )
    self._seconds.append(seconds / (end - step))
    row = {'step': end, **outputs}
    if is_validation := self._schedule.is_validation(end):
      row.update(self._validate(end).columns)
    self._progress['rows'].append(row)
    self._progress['step'] = end
    self._progress['seconds'] += time.monotonic() - start
    return _line(row, self._schedule.num_steps) if is_validation else ''

  def _validate(self, step):
    """Scores the weights, and their average, and keeps what is best."""
    weights, averages = self._about['weights'], self._about['averages']
    best = self._offer(step, weights, is_averaged=False)
    if averages:
      names = {**weights, **averages}
      averaged = self._offer(step, names, is_averaged=True)
      best = min(best, averaged, key=lambda score: score.value)
    return best

  def _offer(self, step, names, *, is_averaged):
    """Scores the weights of these names, by the names that they stand for."""
    of_model = self._about['weights']
    moved = {of_model[k]: self._values[name] for k, name in names.items()}
    values = {**self._values, **moved}
    score = self._validation.score(values)
    known = self._progress['score']
    if score.value < (math.inf if known is None else known):
      self._progress.update(
        score=score.value, kept_step=step, is_averaged=is_averaged
      )
      # On the host, since the next call may take the memory.
      self._kept = {
        f'{run_state.KEPT}{k}': np.array(values[of_model[k]]) for k in of_model
      }
    return score

  def _check(self):
    """Returns R and D of one pass, which an import must find again."""
    weights, averages = self._about['weights'], self._about['averages']
    beta = self._about['validation']['betas'][0]
    moved = {'weights': {}}
    if averages:
      moved['average'] = {
        weights[k]: self._values[name] for k, name in averages.items()
      }
    if self._kept:
      kept = self._device.put(self._kept)
      moved['kept'] = {
        name: kept[f'{run_state.KEPT}{k}'] for k, name in weights.items()
      }
    nats = {
      name: self._validation.first_pass({**self._values, **values}, beta)
      for name, values in moved.items()
    }
    return {'beta': beta, 'nats': nats}

  def save(self) -> None:
    """Writes the state."""
    part = self._part()
    parts = [*self._parts, part] if part['num_steps'] else self._parts
    self._progress['parts'] = parts
    arrays = {name: np.asarray(self._values[name]) for name in self._variables}
    run_state.write(
      run_state.State({**arrays, **self._kept}, self._progress, self._check()),
      self._path,
      digest=self._digest,
      max_mib=self._about['max_mib'],
    )
    self._saved_step = self._progress['step']

  def _part(self):
    steps = self._progress['step'] - self._begun
    speed = 1 / statistics.median(self._seconds) if self._seconds else None
    return {
      'device': self._device.name,
      **self._device.versions,
      'tf32_allowed': self._about['tf32_allowed'],
      'num_steps': steps,
      'steps_per_s': None if speed is None else float(f'{speed:.4g}'),
      'compile_s': round(self._train.compile_s, 1),
    }

  @property
  def record(self) -> Mapping[str, Any]:
    """What a call has done, as its last line has it."""
    return {
      'run': self._config.name,
      'step': self._progress['step'],
      'of': self._schedule.num_steps,
      'is_finished': self.is_finished,
      **self._part(),
    }


def _line(row, num_steps):
  return (
    f'step {row["step"]} of {num_steps}: R {row["rate_nats"]:.2f} '
    f'D {row["distortion_nats"]:.2f} nats in training, '
    f'score {row["validation_score"]:.3f} on validation'
  )
