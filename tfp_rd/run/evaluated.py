# SPDX-License-Identifier: Apache-2.0
"""Which of the requested evaluations a finished run has.

No TensorFlow here.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Optional, TYPE_CHECKING

from tfp_rd import errors
from tfp_rd.config import Config, EvaluationConfig
from tfp_rd.run import refinement

if TYPE_CHECKING:
  from tfp_rd.run import directory

__all__ = [
  'keeps_points',
  'missing',
  'satisfies',
  'union',
  'wanted_betas',
  'wanted_of_each',
]


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


def wanted_betas(
  run: 'directory.Run', betas: Sequence[float] = ()
) -> tuple[tuple[Optional[float], ...], str]:
  """Returns the betas at which a run is measured.

  Args:
    run: A finished run.
    betas: Those that are asked for.  By default a curve is measured at that of
      its points' betas that is nearest to 1, and any other run at its own.

  Returns:
    betas: Those that the run has.
    sentence: Which of them it lacks, and what it has; empty if it has all.
      A run of one beta lacks none if its own is among them.
  """
  known = tuple(run.points('test'))
  objective = run.config.objective
  if not betas:
    with_beta = [beta for beta in known if beta is not None]
    if not objective.is_curve or not with_beta:
      return known, ''
    return (min(with_beta, key=lambda b: abs(math.log(b))),), ''
  betas = tuple(dict.fromkeys(float(beta) for beta in betas))
  if not objective.is_curve:
    found = tuple(beta for beta in known if beta in betas)
    own = 'none' if known[0] is None else f'{known[0]:g}'
    return found, '' if found else _lacks(run, betas, f'it has {own}')
  low, high = objective.beta_range
  found = tuple(beta for beta in betas if low <= beta <= high)
  lacking = [beta for beta in betas if beta not in found]
  if not lacking:
    return found, ''
  return found, _lacks(run, lacking, f'its curve goes from {low:g} to {high:g}')


def given_betas(config: Config) -> Sequence[Optional[float]]:
  """Returns the betas of a run, without those that are found between them."""
  if not config.objective.is_curve:
    return (config.beta,)
  return config.evaluation.eval_betas or config.objective.betas()


def wanted_of_each(
  runs: 'Sequence[directory.Run]', betas: Sequence[float] = ()
) -> tuple[dict['directory.Run', tuple[Optional[float], ...]], list[str]]:
  """Returns the betas at which runs are measured, as `wanted_betas`.

  Args:
    runs: Runs, finished or not.
    betas: Those that are asked for.

  Returns:
    wanted: By run, those that it has; runs that have none are left out.
    sentences: Of each run that has no result or lacks one.
  """
  wanted, sentences = {}, []
  for run in runs:
    try:
      found, sentence = wanted_betas(run, betas)
    except errors.UserError as e:
      sentences.append(str(e))
      continue
    sentences += filter(None, [sentence])
    if found:
      wanted[run] = found
  return wanted, sentences


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


def _lacks(run, betas, known):
  listed = ', '.join(f'{beta:g}' for beta in betas)
  return f'{run.path.name} has no beta {listed}: {known}.'
