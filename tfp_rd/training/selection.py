# SPDX-License-Identifier: Apache-2.0
"""The weights that are kept: the best on validation, averaged or not."""

import math
from collections.abc import Callable

import tensorflow as tf

from tfp_rd.training import scoring

__all__ = ['Selection']


class Selection(tf.Module):
  """Keeps the weights that are best on validation so far; test is not used.

  Args:
    variables: By name, all variables of the model, and those that players bring
      along.  Not the trainable ones alone: a layer may keep moving means.
    average: The model's `optimizer.Average`, or `None`; players have none.

  Attributes:
    score: What the kept weights scored; infinite before the first offer.
    step: At which step they were.
    is_averaged: Whether they are the average rather than the weights.
  """

  def __init__(self, variables, average):
    super().__init__()
    self._variables = dict(variables)
    self._average = average
    self._kept = {
      name: tf.Variable(v, trainable=False)
      for name, v in self._variables.items()
    }
    self.score = tf.Variable(math.inf, dtype=tf.float64, trainable=False)
    self.step = tf.Variable(0, dtype=tf.int64, trainable=False)
    self.is_averaged = tf.Variable(initial_value=False, trainable=False)

  def offer(
    self, step: int, score_fn: Callable[[], scoring.Score]
  ) -> scoring.Score:
    """Scores the weights, and their average, and keeps what is best so far.

    Args:
      step: Number of the step.
      score_fn: Returns the score of the model as it is.

    Returns:
      The better of the two scores.
    """
    best = self._offer_one(step, score_fn, is_averaged=False)
    if self._average is not None:
      averages = self._average.values
      weights = {name: tf.identity(self._variables[name]) for name in averages}
      _assign(self._variables, averages)
      averaged = self._offer_one(step, score_fn, is_averaged=True)
      best = min(best, averaged, key=lambda score: score.value)
      _assign(self._variables, weights)
    return best

  def _offer_one(self, step, score_fn, *, is_averaged):
    score = score_fn()
    if score.value < float(self.score):
      self.score.assign(score.value)
      self.step.assign(step)
      self.is_averaged.assign(is_averaged)
      _assign(self._kept, self._variables)
    return score

  def put(self, kept, *, score: float, step: int, is_averaged: bool) -> None:
    """Keeps weights that were chosen elsewhere.

    Args:
      kept: Their values by name.
      score: What they scored.
      step: At which step they were.
      is_averaged: Whether they are the average rather than the weights.
    """
    self.score.assign(score)
    self.step.assign(step)
    self.is_averaged.assign(is_averaged)
    _assign(self._kept, kept)

  @property
  def variables_chosen(self) -> dict[str, tf.Variable]:
    """The variables whose values are kept, by name."""
    return dict(self._variables)

  def take(self) -> None:
    """Gives model and players the kept weights, if any were offered."""
    if math.isfinite(float(self.score)):
      _assign(self._variables, self._kept)


def _assign(variables, values):
  for name, value in values.items():
    variables[name].assign(value)
