# SPDX-License-Identifier: Apache-2.0
"""Which of the requested evaluations a finished run has.

No TensorFlow here.
"""

import dataclasses
from typing import TYPE_CHECKING

from tfp_rd.config import EvaluationConfig
from tfp_rd.run import refinement

if TYPE_CHECKING:
  from tfp_rd.run import directory

__all__ = ['keeps_points', 'missing', 'satisfies', 'union']


def satisfies(run: 'directory.Run', wanted: EvaluationConfig) -> bool:
  """Whether the result has all betas, draws and images that are wanted.

  A run that is kept without weights can have no further points: where only
  these are missing, it has what it can.

  Args:
    run: A finished run.
    wanted: How the run is to be evaluated.

  Raises:
    UserError: The result cannot be read.
  """
  if not keeps_points(run, wanted) or missing(run, wanted):
    return False
  return not run.has_weights or _next_beta(run, wanted) is None


def keeps_points(run: 'directory.Run', wanted: EvaluationConfig) -> bool:
  """Whether the points of the result have the draws and images wanted."""
  there = run.evaluation
  more = union(run, wanted)
  return more == dataclasses.replace(
    there, eval_max_points=more.eval_max_points
  )


def union(run: 'directory.Run', wanted: EvaluationConfig) -> EvaluationConfig:
  """Returns the larger of the present and the requested numbers.

  Betas are those of the result; `missing` returns the others.
  """
  there = run.evaluation
  return EvaluationConfig(
    eval_samples=max(there.eval_samples, wanted.eval_samples),
    eval_examples=_more(there.eval_examples, wanted.eval_examples),
    eval_train_examples=_more(
      there.eval_train_examples, wanted.eval_train_examples
    ),
    eval_betas=there.eval_betas,
    eval_max_points=max(there.eval_max_points, wanted.eval_max_points),
  )


def missing(
  run: 'directory.Run', wanted: EvaluationConfig
) -> tuple[float, ...]:
  """Returns the wanted betas of a curve that the result has not."""
  if not run.config.objective.is_curve:
    return ()
  betas = wanted.eval_betas or run.config.objective.betas()
  there = run.points('test')
  return tuple(beta for beta in betas if beta not in there)


def _next_beta(run, wanted):
  """Returns a beta between those of a curve that is wanted too, or `None`."""
  if not (run.config.objective.is_curve and wanted.eval_max_points):
    return None
  points = run.points('validation')
  return refinement.next_beta(
    {beta: point.rate_nats for beta, point in points.items()},
    max_points=wanted.eval_max_points,
  )


def _more(there, wanted):
  """Returns the larger of two caps, of which `None` is none."""
  return None if there is None or wanted is None else max(there, wanted)
