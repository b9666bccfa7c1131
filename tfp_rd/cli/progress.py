# SPDX-License-Identifier: Apache-2.0
"""Progress of a grid: a progress bar on a terminal, else one line per run.

The bar counts steps of all runs, so that it moves within a run and goes on
where it was; runs that other processes finish move it too, since what is done
is read from the directories.
"""

import contextlib
import math
import pathlib
import sys
from collections.abc import Mapping, Sequence

import tqdm

from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd.run import directory as run_lib

__all__ = ['Progress']

_BAR = '{desc} |{bar}| {percentage:3.0f}%, {remaining} left{postfix}'


class Progress:
  """Shows runs done, the run at work, its nats so far and the time left.

  Standard error is a terminal: one bar.  Else: one line for each run that
  ends while this watches.
  """

  def __init__(self, cells: Sequence[config_lib.Config], run_root: str):
    root = pathlib.Path(run_root)
    self._runs = [run_lib.Run(root / cell.name, cell) for cell in cells]
    self._steps = {run: _steps(run) for run in self._runs}
    self._done = {run for run in self._runs if run.is_done}
    self._bar = tqdm.tqdm(
      total=sum(run.config.training.num_steps for run in self._runs),
      initial=sum(self._steps.values()),
      desc=self._count(),
      bar_format=_BAR,
      smoothing=0.05,  # Families differ in speed; steps of one do not.
      dynamic_ncols=True,
      disable=None,  # Where nobody watches.
      leave=True,
    )

  def __enter__(self) -> 'Progress':
    return self

  def __exit__(self, *_) -> None:
    self._bar.close()

  def step(
    self, run: run_lib.Run, step: int, metrics: Mapping[str, float]
  ) -> None:
    """Shows the step of a run.

    Args:
      run: The run at work.
      step: Steps that it has done.
      metrics: Holds `rate_nats` and `distortion_nats`.
    """
    self._steps[run] = step
    rate, distortion = metrics.get('rate_nats'), metrics.get('distortion_nats')
    nats = '' if rate is None else f', R {rate:.1f} D {distortion:.1f} nats'
    # tqdm puts its own comma before a postfix.
    self._bar.set_postfix_str(_label(run.config) + nats, refresh=False)
    self._refresh()

  def look(self, *, at_work: bool = False) -> None:
    """Reads from the directories what has ended, and is at work if asked."""
    for run in self._runs:
      if run not in self._done and run.is_done:
        self._done.add(run)
        self._steps[run] = run.config.training.num_steps
        self._announce(run)
    self._refresh()
    if at_work:
      self._look_at_work()

  def _look_at_work(self):
    last = None
    for run in (run for run in self._runs if run not in self._done):
      with contextlib.suppress(OSError):
        changed = (run.path / 'metrics.csv').stat().st_mtime
        last = max(last or (changed, run), (changed, run), key=lambda c: c[0])
        self._steps[run] = _steps(run)
    if last:
      self.step(last[1], self._steps[last[1]], _last_row(last[1]))

  def _announce(self, run):
    if not self._bar.disable:
      return
    with contextlib.suppress(errors.UserError):
      points = run.points('test')
      beta = min(points, key=lambda b: abs(math.log(b or 1.0)))
      where = f' at beta {beta:g}' if len(points) > 1 else ''
      print(
        f'{len(self._done)}/{len(self._runs)}  {_label(run.config)}{where}: '
        f'test R {points[beta].rate_nats:.2f}  '
        f'D {points[beta].distortion_nats:.2f}  '
        f'-ELBO {-points[beta].elbo_nats:.2f} nats',
        file=sys.stderr,
        flush=True,
      )

  def _refresh(self):
    self._bar.set_description_str(self._count(), refresh=False)
    self._bar.update(sum(self._steps.values()) - self._bar.n)

  def _count(self):
    return f'{len(self._done)}/{len(self._runs)} runs'


def _label(config: config_lib.Config) -> str:
  beta = config.objective.beta
  label = config.objective.label if beta is None else f'beta {beta:g}'
  seed = f' seed {config.seed}' if config.seed else ''
  return f'{config.model.architecture} {label}{seed}'


def _steps(run):
  if run.is_done:
    return run.config.training.num_steps
  return int(_last_row(run).get('step', 0))


def _last_row(run):
  # The row may be half written: another process is at it.
  with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
    rows = run.metrics
    return rows[-1] if rows else {}
  return {}
