# SPDX-License-Identifier: Apache-2.0
"""A grid is axes times a base configuration: a table of runs, and no more.

What is left to do is what has no result on disk.  There is no list of jobs and
no record of who does what: a process takes the next run that nobody holds, so
that several processes share one root, and any of them may be killed.  No
TensorFlow here.
"""

import contextlib
import dataclasses
import itertools
import os
import pathlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Union

from tfp_rd import architecture as architecture_lib
from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd import run as run_lib

__all__ = [
  'beta_elbos',
  'Grid',
  'pending',
  'set_aside_corrupt',
  'train_pending',
]

Path = Union[str, os.PathLike]
Cells = Sequence[config_lib.Config]


def beta_elbos(
  betas: Iterable[float], *, kl_annealing_steps: int = 0
) -> tuple[str, ...]:
  """Writes the beta-ELBO of each beta as `repr` of the objective does.

  Args:
    betas: The weights of the rate.
    kl_annealing_steps: Steps over which the weight grows from 0 to beta.

  Returns:
    One canonical text a beta.
  """
  more = (
    f', kl_annealing_steps={kl_annealing_steps}' if kl_annealing_steps else ''
  )
  return tuple(f'beta_elbo(beta={float(beta)!r}{more})' for beta in betas)


@dataclasses.dataclass(frozen=True)
class Grid:
  """Axes times a base configuration.

  Attributes:
    base: What all runs share.
    architectures: Three signs each, as in `'-+v'`.
    objectives: Canonical texts, as in `'beta_elbo(beta=0.5)'`.
    seeds: Integers.
    curve_changes: For one-run curves, by the sign of the decoder, fields of
      training, model and objective that are not those of the base.
    warm_start: `'up'` or `'down'` to start each beta from the weights of the
      one below, or above; the first of a family is as without.
  """

  base: config_lib.Config = config_lib.Config()
  architectures: tuple[str, ...] = tuple(map(str, architecture_lib.ALL))
  objectives: tuple[str, ...] = beta_elbos((0.1, 0.3, 1, 3))
  seeds: tuple[int, ...] = (0,)
  curve_changes: Mapping[str, Mapping[str, Any]] = dataclasses.field(
    default_factory=dict
  )
  warm_start: str = ''

  def cells(self) -> tuple[config_lib.Config, ...]:
    """Returns the runs, in the order in which they are best done.

    The runs of one family are neighbours: they share one compiled program,
    and a grid that is stopped early has whole curves of some families, which
    can be read, rather than one point of each, which cannot.  Seeds come
    outermost, so that the whole plane is there before any of it is repeated.
    """
    families = itertools.product(self.seeds, self.architectures)
    cells = itertools.chain.from_iterable(
      itertools.starmap(self._family, families)
    )
    # A value given twice is one run; `dict` keeps the first place of each.
    return tuple(dict.fromkeys(cells))

  def _family(self, seed, architecture):
    """Yields the runs of one family; warm ones name the run before them."""
    cells = [self._cell(seed, architecture, o) for o in self.objectives]
    if not self.warm_start:
      yield from cells
      return
    parent = ''
    betas = dict.fromkeys(cells)
    for cell in sorted(
      betas, key=lambda c: c.beta, reverse=self.warm_start == 'down'
    ):
      if parent:
        cell = dataclasses.replace(
          cell, warm_start=self.warm_start, parent=parent
        )
      parent = cell.identity
      yield cell

  def _cell(self, seed, architecture, objective):
    decoder = architecture_lib.parse(architecture).decoder
    is_curve = config_lib.is_curve(objective)
    changes = self.curve_changes.get(decoder, {}) if is_curve else {}
    return dataclasses.replace(
      self.base,
      model=_changed(
        self.base.model, {'architecture': architecture, **changes}
      ),
      training=_changed(self.base.training, changes),
      objective=_with_weight(objective, changes.get('weight_power')),
      seed=seed,
    )


def _with_weight(objective, weight_power):
  """Returns the text with a last field, as the objective's repr has it."""
  if not weight_power or 'weight_power' in objective:
    return objective
  return f'{objective[:-1]}, weight_power={weight_power!r})'


def _changed(record, changes):
  """Returns the record with those of the changes that are fields of it."""
  names = {field.name for field in dataclasses.fields(record)}
  known = {name: changes[name] for name in changes if name in names}
  return dataclasses.replace(record, **known)


def pending(cells: Cells, run_root: Path) -> list[config_lib.Config]:
  """Returns the cells without a readable result, in their order.

  Args:
    cells: Runs.
    run_root: The folder that holds one folder a run.
  """
  return [cell for cell in cells if not _is_readable(_run(cell, run_root))]


def set_aside_corrupt(cells: Cells, run_root: Path) -> list[pathlib.Path]:
  """Renames each corrupt `result.json`, so that its cell is pending again.

  Args:
    cells: Runs.
    run_root: The folder that holds one folder a run.

  Returns:
    The new paths, which end in `.corrupt`; nothing is deleted.

  Raises:
    OSError: A file cannot be renamed.
  """
  moved = []
  for cell in cells:
    run = _run(cell, run_root)
    if not run.is_done or _is_readable(run):
      continue
    # Held, another process is at it; else nobody can mend it meanwhile.
    with contextlib.suppress(errors.UserError), run_lib.lock(run):
      path = run.path / 'result.json'
      if run.is_done and not _is_readable(run):
        moved.append(path.rename(path.with_name('result.json.corrupt')))
  return moved


def train_pending(
  cells: Cells,
  run_root: Path,
  *,
  execute: Callable[[run_lib.Run], object],
  on_wait: Callable[[Cells], object] = lambda held: None,
  poll_s: float = 2.0,
) -> dict[config_lib.Config, ArithmeticError]:
  """Trains every cell without a result, sharing them with other processes.

  A run that another process holds is passed over and looked at again at the
  end: by then it is done, or its process has died and this one takes it on.

  Args:
    cells: Runs, in the order in which they are tried.
    run_root: The folder that holds one folder a run.
    execute: Trains one run; it takes `run.lock` itself, and should leave a
      run alone that has its result by then.
    on_wait: Is told which cells are held, or wait for their parent, whenever
      nothing else is left.
    poll_s: Seconds between two looks at them.

  Returns:
    The error of each cell whose training diverged, or its parent's; the others
    go on.

  Raises:
    UserError: A run was refused.
    OSError: Something cannot be written.
  """
  diverged: dict[config_lib.Config, ArithmeticError] = {}
  left = pending(cells, run_root)
  while left:
    left = [c for c in left if _is_held_back(c, run_root, execute, diverged)]
    if left:
      on_wait(left)
      time.sleep(poll_s)
  return diverged


def _is_held_back(cell, run_root, execute, diverged):
  """Trains one cell, unless it waits for another process or its parent."""
  if cell.parent in {c.identity for c in diverged}:
    diverged[cell] = ArithmeticError(
      f'{cell.name} starts from {cell.parent}, which diverged.'
    )
    return False
  if cell.parent and run_lib.parent_of(_run(cell, run_root)) is None:
    return True
  run = run_lib.create_run(run_root, cell)
  if run.is_done:
    return False
  try:
    execute(run)
  except ArithmeticError as e:
    diverged[cell] = e
  except errors.UserError as e:
    # How `run.lock` refuses.  Trying the lock here instead would be in the way
    # of another process that is about to take it.
    if isinstance(e.__cause__, BlockingIOError):
      return True
    raise
  return False


def _is_readable(run):
  try:
    return bool(run.result)
  except errors.UserError:
    return False


def _run(cell, run_root):
  return run_lib.Run(pathlib.Path(run_root) / cell.name, cell)
