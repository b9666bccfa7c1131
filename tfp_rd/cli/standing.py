# SPDX-License-Identifier: Apache-2.0
"""How far a run has come, read from its directory."""

import contextlib
from collections.abc import Mapping
from typing import NamedTuple, Optional

from tfp_rd.run import directory as run_lib

__all__ = ['Touch', 'first_step', 'num_steps', 'touched']


class Touch(NamedTuple):
  """What a process has written of a run that has no result yet.

  Attributes:
    time_s: When, in seconds since the epoch.
    since_s: When it began.
    step: Its step; 0 while nothing but its lock was written.
    metrics: The last row.
  """

  time_s: float
  since_s: float
  step: int
  metrics: Mapping[str, float]


def num_steps(run: run_lib.Run) -> int:
  """Returns the steps of a run."""
  return run.config.training.num_steps


def first_step(run: run_lib.Run) -> int:
  """Returns the step at which a run begins or goes on."""
  if run.is_done:
    return num_steps(run)
  files = run.path.glob('checkpoint/ckpt-*.index')
  names = (path.stem.split('-')[1] for path in files)
  steps = [int(name) for name in names if name.isdigit()]
  if not steps and run.config.warm_start == 'longer':
    parent = run_lib.parent_of(run)
    steps = [num_steps(parent)] if parent else []
  return min(max(steps, default=0), num_steps(run))


def touched(run: run_lib.Run, *, since: float) -> Optional[Touch]:
  """Returns what a process has written of a run, `None` for nothing.

  Args:
    run: The run.
    since: In seconds since the epoch; what is older does not count.
  """
  locked = _changed(run.path / 'lock')
  written = _changed(run.path / 'metrics.csv')
  if max(locked, written) < since:
    return None
  # Rows that are older than the lock are of a process that has ended.
  row = _last_row(run) if written >= max(locked, since) else {}
  last = max(locked, written)
  return Touch(last, locked or last, int(row.get('step', 0)), row)


def _changed(path):
  with contextlib.suppress(OSError):
    return path.stat().st_mtime
  return 0.0


def _last_row(run):
  # The row may be half written: another process is at it.
  with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
    rows = run.metrics
    return rows[-1] if rows else {}
  return {}
