# SPDX-License-Identifier: Apache-2.0
"""Which of the requested evaluations a finished run has.

No TensorFlow here.
"""

from typing import TYPE_CHECKING

from tfp_rd.config import EvaluationConfig

if TYPE_CHECKING:
  from tfp_rd.run import directory

__all__ = ['missing', 'satisfies', 'union']


def satisfies(run: 'directory.Run', wanted: EvaluationConfig) -> bool:
  """Whether the result has all betas, draws and images that are wanted.

  Args:
    run: A finished run.
    wanted: How the run is to be evaluated.

  Raises:
    UserError: The result cannot be read.
  """
  return union(run, wanted) == run.evaluation and not missing(run, wanted)


def union(run: 'directory.Run', wanted: EvaluationConfig) -> EvaluationConfig:
  """Returns the larger of the present and the requested draws and images.

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


def _more(there, wanted):
  """Returns the larger of two caps, of which `None` is none."""
  return None if there is None or wanted is None else max(there, wanted)
