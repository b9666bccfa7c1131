# SPDX-License-Identifier: Apache-2.0
"""Betas that the seeds of a curve share, so that each point has all seeds.

Where the rate of a curve jumps differs a little from seed to seed, and so do
the betas at which it is evaluated besides those that were asked for.  No
TensorFlow here.
"""

import collections
import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Union

from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd.run import directory as run_lib
from tfp_rd.run import pending

__all__ = ['passes', 'with_shared_betas']


def passes(
  cells: Sequence[config_lib.Config], run_root: Union[str, os.PathLike]
) -> Iterator[list[config_lib.Config]]:
  """Yields what is to be trained, then what lacks betas of other seeds.

  Args:
    cells: Runs, with the evaluation that is wanted of them.
    run_root: The folder that holds one folder a run.
  """
  yield pending.pending(cells, run_root)
  yield pending.pending(with_shared_betas(cells, run_root), run_root)


def with_shared_betas(
  cells: Sequence[config_lib.Config], run_root: Union[str, os.PathLike]
) -> list[config_lib.Config]:
  """Asks each curve for the betas of the same curve under other seeds.

  Args:
    cells: Runs, with the evaluation that is wanted of them.
    run_root: The folder that holds one folder a run.

  Returns:
    The cells in order.  A finished curve with weights is asked for the betas
    of every result of that curve below the folder, whatever its seed; the other
    cells are as they were.
  """
  betas = _betas_below(run_root) if any(map(_is_curve, cells)) else {}
  return [_asked(cell, run_root, betas.get(_key(cell), ())) for cell in cells]


def _betas_below(run_root):
  """Returns the betas of each curve under all of its seeds."""
  betas = collections.defaultdict(set)
  if not pathlib.Path(run_root).is_dir():
    return betas
  for run in run_lib.runs_below(run_root, on_refused=lambda sentence: None):
    if run.is_done and _is_curve(run.config):
      with contextlib.suppress(errors.UserError):
        betas[_key(run.config)].update(run.points('test'))
  return betas


def _is_curve(config):
  return config.objective.is_curve


def _key(config):
  """Returns what a run is but for its seed."""
  return dataclasses.replace(config, seed=0).digest


def _asked(cell, run_root, betas):
  """Returns a cell with the betas of all seeds, where its own are fewer."""
  run = run_lib.Run(pathlib.Path(run_root) / cell.name, cell)
  if not (betas and run.has_weights and pending.is_finished(run)):
    return cell
  if set(betas) <= set(run.points('test')):
    return cell
  evaluation = dataclasses.replace(cell.evaluation, eval_betas=tuple(betas))
  return dataclasses.replace(cell, evaluation=evaluation)
