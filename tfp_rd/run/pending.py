# SPDX-License-Identifier: Apache-2.0
"""What is left to do is what has no result on disk, or lacks points there.

There is no list of jobs: each process takes the next run that no other process
has locked.  So several processes can share one root, and any of them may be
killed.  No TensorFlow here.
"""

import contextlib
import os
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Union

from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd.run import directory as run_lib
from tfp_rd.run import evaluated

__all__ = ['is_finished', 'pending', 'set_aside_corrupt', 'train_pending']

Path = Union[str, os.PathLike]
Cells = Sequence[config_lib.Config]


def pending(cells: Cells, run_root: Path) -> list[config_lib.Config]:
  """Returns the cells without a result that has what they ask, in order.

  Args:
    cells: Runs, with the evaluation that is wanted of them.
    run_root: The folder that holds one folder a run.
  """
  return [cell for cell in cells if not is_finished(_run(cell, run_root))]


def is_finished(run: run_lib.Run) -> bool:
  """Whether a run's files can be read and have what its record asks."""
  try:
    if not (run.is_done and _has_examples(run)):
      return False
    if run_lib.load_run(run.path).config.digest != run.config.digest:
      return False
    return evaluated.satisfies(run, run.config.evaluation)
  except errors.UserError:
    return False


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
    if not (run.is_done and _is_corrupt(run)):
      continue
    # Held, another process is at it; else nobody can mend it meanwhile.
    with contextlib.suppress(errors.UserError), run_lib.lock(run):
      path = run.path / 'result.json'
      if run.is_done and _is_corrupt(run):
        moved.append(path.rename(path.with_name('result.json.corrupt')))
  return moved


def train_pending(
  cells: Cells,
  run_root: Path,
  *,
  execute: Callable[[run_lib.Run], object],
  on_wait: Callable[[Cells], object] = lambda held: None,
  poll_s: float = 2.0,
) -> dict[config_lib.Config, Exception]:
  """Trains every cell without a result, sharing them with other processes.

  A run that another process holds is tried again at the end: by then it is
  done, or its process has died and this one goes on with it.

  Args:
    cells: Runs, in the order in which they are tried.
    run_root: The folder that holds one folder a run.
    execute: Trains one run; it takes `run.lock` itself, and should leave a
      run alone that has its result by then.
    on_wait: Called with the cells that are held, or wait for their parent, when
      nothing else is left.
    poll_s: Seconds between two tries of them.

  Returns:
    The error of each cell whose training diverged, that has no parent to start
    from, or that this process cannot go on with; the others go on.

  Raises:
    UserError: A run was refused.
    OSError: Something cannot be written.
  """
  diverged: dict[config_lib.Config, Exception] = {}
  left = pending(cells, run_root)
  _refuse_orphans(left, run_root)
  while left:
    left = [c for c in left if _waits(c, run_root, execute, diverged)]
    if left:
      on_wait(left)
      time.sleep(poll_s)
  return diverged


def _refuse_orphans(left, run_root):
  known = {cell.identity for cell in left}
  for cell in left:
    if (
      cell.parent
      and cell.parent not in known
      and run_lib.parent_of(_run(cell, run_root)) is None
    ):
      raise errors.UserError(
        f'{cell.name} starts from the run {cell.parent}, which is neither in '
        f'{run_root} nor to be trained; train it first.'
      )


def _waits(cell, run_root, execute, failed):
  """Trains one cell; returns whether it waits for a process or its parent."""
  if cell.parent:
    refused = _refused_by_parent(cell, run_root, failed)
    if refused is not None:
      failed[cell] = refused
      return False
    if run_lib.parent_of(_run(cell, run_root)) is None:
      return True
  try:
    run = run_lib.create_run(run_root, cell)
  except errors.UserError as e:  # Its config.json is damaged.
    failed[cell] = e
    return False
  if is_finished(run):
    return False
  try:
    execute(run)
  except FloatingPointError as e:  # The training diverged.
    failed[cell] = e
  except errors.HeldBackError as e:
    # Trying the lock here instead would be in the way of another process that
    # is about to take it.
    if e.for_now:
      return True
    failed[cell] = e
  return False


def _refused_by_parent(cell, run_root, failed):
  """Returns why a cell has nothing to start from, or `None`."""
  reasons = {other.identity: e for other, e in failed.items()}
  if cell.parent in reasons:
    # Of a chain each names what went wrong at its beginning.
    cause = reasons[cell.parent].__cause__ or reasons[cell.parent]
    error = errors.HeldBackError(
      f'{cell.name} starts from {cell.parent}, which has no result: {cause}'
    )
    error.__cause__ = cause
    return error
  parent = run_lib.parent_of(_run(cell, run_root))
  if parent is not None and not parent.has_weights:
    return errors.HeldBackError(
      f'{cell.name} starts from {parent.path.name}, which has no weights '
      'there; remove its result.json to train it again.'
    )
  return None


def _is_corrupt(run):
  """Whether files were read and are damaged; others may be whole."""
  try:
    return not _has_examples(run)
  except errors.HeldBackError:
    return False
  except errors.UserError:
    return True


def _has_examples(run):
  return bool(run.result) and bool(run.examples)


def _run(cell, run_root):
  return run_lib.Run(pathlib.Path(run_root) / cell.name, cell)
