# SPDX-License-Identifier: Apache-2.0
"""Betas that the seeds of a curve share, so that each point has all seeds.

Where the rate of a curve jumps differs a little from seed to seed, and so do
the betas at which it is evaluated besides those that were asked for.  No
TensorFlow here.
"""

import collections
import dataclasses
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Union

from tfp_rd import config as config_lib
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
    The cells in order.  A finished curve that is there under several seeds is
    asked for the betas of all that are finished; the others are as they were.
  """
  betas = collections.defaultdict(dict)
  for cell in cells:
    run = run_lib.Run(pathlib.Path(run_root) / cell.name, cell)
    if cell.objective.is_curve and run.has_weights and pending.is_finished(run):
      betas[_without_seed(cell)][cell] = {*run.points('test')}
  return [_asked(cell, betas[_without_seed(cell)]) for cell in cells]


def _without_seed(cell):
  return dataclasses.replace(cell, seed=0)


def _asked(cell, betas):
  """Returns a cell with the betas of all seeds, where its own are fewer."""
  union = set().union(*betas.values())
  if betas.get(cell, union) == union:
    return cell
  evaluation = dataclasses.replace(
    cell.evaluation, eval_betas=tuple(sorted(union))
  )
  return dataclasses.replace(cell, evaluation=evaluation)
