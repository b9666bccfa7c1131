# SPDX-License-Identifier: Apache-2.0
"""Progress of a grid: a bar on a terminal, else a line at times.

The bar counts steps of all runs, from their checkpoints on, so that it moves
within a run and never goes back; runs that other processes train move it too,
since what is done is read from the directories.
"""

import contextlib
import math
import pathlib
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence

import tqdm

from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd.cli import standing
from tfp_rd.run import directory as run_lib
from tfp_rd.run import pending

__all__ = ['Progress']

_BAR = '{desc} |{bar}| {percentage:3.0f}%, {remaining} left{postfix}'
# Between two lines of a log.
_MINUTE_S = 60.0
# Clocks of file systems differ a little.
_SKEW_S = 5.0


class Progress:
  """Shows runs done, the run at work, its nats so far and the time left.

  Standard error is a terminal: one bar.  Else a line at the start, one a
  minute, and one for each run that ends while this watches.

  Args:
    cells: The runs.
    run_root: The folder that holds one folder a run.
    num_workers: Processes that train them.
    on_look: Called with the number of finished runs at each step, and whenever
      the directories are read.
    minute_s: Seconds between two lines of a log.
  """

  def __init__(
    self,
    cells: Sequence[config_lib.Config],
    run_root: str,
    *,
    num_workers: int = 1,
    on_look: Callable[[int], object] = lambda num_done: None,
    minute_s: float = _MINUTE_S,
  ):
    self._root = pathlib.Path(run_root)
    self._runs = [run_lib.Run(self._root / cell.name, cell) for cell in cells]
    self._steps = {run: standing.first_step(run) for run in self._runs}
    self._done = {run for run in self._runs if pending.is_finished(run)}
    self._num_workers, self._on_look = num_workers, on_look
    self._minute_s = minute_s
    self._first = sum(self._steps.values())
    self._total = sum(standing.num_steps(run) for run in self._runs)
    self._since = time.time() - _SKEW_S
    self._began = time.monotonic()
    # The run at work, and what is told of it.
    self._shown, self._doing = None, ''
    self._ended = threading.Event()
    self._bar = tqdm.tqdm(
      total=self._total,
      initial=self._first,
      desc=self._count(),
      bar_format=_BAR,
      smoothing=0.05,  # Families differ in speed; steps of one do not.
      dynamic_ncols=True,
      disable=None,  # Where nobody watches.
      leave=True,
    )

  def __enter__(self) -> 'Progress':
    if self._bar.disable:
      _say(self._beginning())
      # A thread: while TensorFlow compiles, nothing else can speak.
      threading.Thread(target=self._speak, daemon=True).start()
    return self

  def __exit__(self, *_) -> None:
    self._ended.set()
    self._bar.close()

  def begin(self, run: run_lib.Run) -> None:
    """Shows that a run is about to be compiled, or evaluated."""
    self._show(run, 'evaluating' if run.is_done else 'compiling')
    self._bar.refresh()

  def step(
    self, run: run_lib.Run, step: int, metrics: Mapping[str, float]
  ) -> None:
    """Shows the step of a run.

    Args:
      run: The run at work.
      step: Steps that it has done.
      metrics: Holds `rate_nats` and `distortion_nats`.
    """
    self._steps[run] = max(step, self._steps[run])
    if step >= standing.num_steps(run):
      self._show(run, 'evaluating')
      self._bar.refresh()
      return
    rate, distortion = metrics.get('rate_nats'), metrics.get('distortion_nats')
    nats = '' if rate is None else f' R {rate:.1f} D {distortion:.1f} nats'
    self._show(run, f'training{nats}')
    self._on_look(len(self._done))

  def look(self, *, at_work: bool = False) -> None:
    """Reads from the directories what has ended, and is at work if asked."""
    for run in self._runs:
      if run not in self._done and pending.is_finished(run):
        self._done.add(run)
        self._steps[run] = standing.num_steps(run)
        self._announce(run)
    self._refresh()
    if at_work:
      self._look_at_work()
    self._on_look(len(self._done))

  def _look_at_work(self):
    """Shows one of the runs that other processes have touched."""
    left = [run for run in self._runs if run not in self._done]
    found = {run: standing.touched(run, since=self._since) for run in left}
    found = {run: touch for run, touch in found.items() if touch}
    for run, touch in found.items():
      self._steps[run] = max(touch.step, self._steps[run])
    if not found:
      return
    # The same as long as it is at work, so that the line can be read.
    run = self._shown
    if run not in found:
      run = max(found, key=lambda r: found[r].time_s)
    if found[run].step:
      self.step(run, found[run].step, found[run].metrics)
    else:
      self.begin(run)

  def _announce(self, run):
    if not self._bar.disable:
      return
    with contextlib.suppress(errors.UserError):
      points = run.points('test')
      beta = min(points, key=lambda b: abs(math.log(b or 1.0)))
      where = f' at beta {beta:g}' if len(points) > 1 else ''
      _say(
        f'{len(self._done)}/{len(self._runs)}  {_label(run.config)}{where}: '
        f'test R {points[beta].rate_nats:.2f}  '
        f'D {points[beta].distortion_nats:.2f}  '
        f'-ELBO {-points[beta].elbo_nats:.2f} nats'
      )

  def _show(self, run, doing):
    self._shown, self._doing = run, doing
    # tqdm puts its own comma before a postfix.
    self._bar.set_postfix_str(self._at_work(), refresh=False)
    self._refresh()

  def _at_work(self):
    return f'{_label(self._shown.config)}, {self._doing}'

  def _refresh(self):
    self._bar.set_description_str(self._count(), refresh=False)
    self._bar.update(max(0, self._taken() - self._bar.n))

  def _taken(self):
    return sum(self._steps.values())

  def _count(self):
    return f'{len(self._done)}/{len(self._runs)} runs'

  # What a log is told.

  def _beginning(self):
    lengths = [standing.num_steps(run) for run in self._runs]
    ends = [f'{n:,}' for n in sorted({min(lengths), max(lengths)})]
    runs = 'run' if len(self._runs) == 1 else 'runs'
    workers = 'worker' if self._num_workers == 1 else 'workers'
    return (
      f'{len(self._runs)} {runs} of {" to ".join(ends)} steps '
      f'in {self._root}, by {self._num_workers} {workers}; done: '
      f'{len(self._done)}, with {self._first:,} of {self._total:,} steps.'
    )

  def _speak(self):
    while not self._ended.wait(self._minute_s):
      at_work = f'; {self._at_work()}' if self._shown else ''
      share = 100 * self._taken() // self._total
      _say(f'{self._count()}, {share}% of the steps{self._left()}{at_work}')

  def _left(self):
    taken = self._taken() - self._first
    if not taken:
      return ''
    seconds = time.monotonic() - self._began
    minutes = math.ceil((self._total - self._taken()) * seconds / taken / 60)
    if minutes < 100:
      return f', {minutes} min left'
    return f', {minutes / 60:.0f} h left'


def _say(line):
  print(line, file=sys.stderr, flush=True)


def _label(config: config_lib.Config) -> str:
  beta = config.objective.beta
  label = config.objective.label if beta is None else f'beta {beta:g}'
  seed = f' seed {config.seed}' if config.seed else ''
  return f'{config.model.architecture} {label}{seed}'
