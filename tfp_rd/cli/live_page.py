# SPDX-License-Identifier: Apache-2.0
"""The page of a report, and of a grid while it trains."""

import pathlib
import time
from collections.abc import Iterator
from typing import Any, TYPE_CHECKING

from tfp_rd import errors
from tfp_rd.cli import command, standing
from tfp_rd.curve import collection
from tfp_rd.page import page
from tfp_rd.run import directory as run_lib

if TYPE_CHECKING:
  from tfp_rd.curve.collection import Collection

__all__ = ['LivePage', 'write']

# Between two writings while nothing ends; writing takes a twentieth of the time
# at most.
_LEAST_PAUSE_S = 60.0
_PART = 20.0
# What was written before has been left.
_RECENT_S = 600.0


class LivePage:
  """Writes the page of a grid again and again.

  Args:
    run_root: The folder that holds one folder a run.
    report_dir: Where to write; empty for nowhere.
  """

  def __init__(self, run_root: str, report_dir: str):
    self._root, self._folder = run_root, report_dir
    self._next_s = self._next_new_s = 0.0
    self._num_done = 0

  def look(self, num_done: int) -> None:
    """Writes the page if a run has ended, or it is a while old.

    Args:
      num_done: Runs that are finished.
    """
    began = time.monotonic()
    is_new = num_done != self._num_done and began >= self._next_new_s
    if not self._folder or not (is_new or began >= self._next_s):
      return
    self._num_done = num_done
    try:
      write(collection.collect(self._root), self._root, self._folder)
    except (OSError, ImportError, errors.UserError) as e:
      # The training goes on.
      command.print_error(f'the page is not written: {e}')
    now = time.monotonic()
    self._next_new_s = now + _PART * (now - began)
    self._next_s = max(now + _LEAST_PAUSE_S, self._next_new_s)


def write(
  collected: 'Collection', run_root: str, report_dir: str
) -> tuple[pathlib.Path, list[str]]:
  """Writes the page with what is at work just now; see `page.write_page`."""
  return page.write_page(
    collected, report_dir, at_work=list(_at_work(run_root))
  )


def _at_work(run_root) -> Iterator[dict[str, Any]]:
  """Yields the runs that a process has written of late."""
  since = time.time() - _RECENT_S
  for run in run_lib.runs_below(run_root, on_refused=lambda sentence: None):
    touch = None if run.is_done else standing.touched(run, since=since)
    if touch is None:
      continue
    yield {
      'name': run.path.name,
      'step': touch.step,
      'num_steps': standing.num_steps(run),
      'since': _clock(touch.since_s),
      'written': _clock(touch.time_s),
      'until_s': touch.time_s + _RECENT_S,
    }


def _clock(time_s):
  return time.strftime('%H:%M', time.localtime(time_s))
