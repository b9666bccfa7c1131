# SPDX-License-Identifier: Apache-2.0
"""Features of beta that parts take as their condition, and parts that have it.

See `tfp_rd.model.conditional_model`.
"""

import math
from collections.abc import Callable
from typing import Any, Optional

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd.network import initial

__all__ = [
  'At',
  'Condition',
  'MarginalAt',
  'NUM_FEATURES',
  'features',
  'num_betas',
]

tfd = tfp.distributions

# Chebyshev polynomials of log beta, of degree 1 to 4: smooth, and in [-1, 1].
NUM_FEATURES = 4


def features(
  beta: Any, beta_range: tuple[float, float], dtype: initial.DType = 'float32'
) -> tf.Tensor:
  """Returns the parts' condition `[..., c]` at betas `[...]`.

  Args:
    beta: Numbers or tensors.
    beta_range: Where the features go from one end to the other.
    dtype: Theirs.
  """
  low, high = map(math.log, beta_range)
  # A Python number must not pass through float32.
  beta = (
    tf.cast(beta, dtype) if tf.is_tensor(beta) else tf.constant(beta, dtype)
  )
  t = (2.0 * tf.math.log(beta) - (low + high)) / (high - low)
  polynomials = [tf.ones_like(t), t]
  for _ in range(NUM_FEATURES - 1):
    polynomials.append(2.0 * t * polynomials[-1] - polynomials[-2])
  return tf.stack(polynomials[1:], axis=-1)


class Condition(tf.Module):
  """The condition of images, from a beta: a number, a variable or `[G]`."""

  def __init__(
    self,
    beta: Any,
    beta_range: tuple[float, float],
    dtype: initial.DType,
    num_repeats: int,
  ):
    super().__init__()
    self._beta = beta
    self._beta_range = beta_range
    self._dtype = dtype
    self._num_repeats = num_repeats

  @property
  def num_betas(self) -> int:
    """How many betas it is of: 1, or G."""
    shape = tf.convert_to_tensor(self._beta).shape
    return shape.num_elements() or 1

  def each(self) -> tf.Tensor:
    """Returns `[c]`, or `[G * num_repeats, c]`."""
    once = features(self._beta, self._beta_range, self._dtype)
    if once.shape.rank == 1:
      return once
    return tf.repeat(once, self._num_repeats, axis=0)

  def spread(self, marginal: Callable[..., Any]) -> tfd.Distribution:
    """Returns the distribution of a marginal, computed once a group."""
    once = features(self._beta, self._beta_range, self._dtype)
    if once.shape.rank == 1 or self._num_repeats == 1:
      return marginal(condition=once)
    shape = [once.shape[0], self._num_repeats]
    groups = marginal(condition=once[:, tf.newaxis])
    return tfd.BatchReshape(
      tfd.BatchBroadcast(groups, with_shape=shape),
      batch_shape=[math.prod(shape)],
    )


class At(tf.Module):
  """An encoder or a decoder at its condition."""

  def __init__(self, part: Callable[..., Any], condition: Condition):
    super().__init__()
    self._part = part
    self._condition = condition

  @property
  def condition(self) -> Condition:
    """Its condition."""
    return self._condition

  def __call__(
    self,
    x: tf.Tensor,
    *,
    condition: Optional[tf.Tensor] = None,
    seed: Optional[initial.Seed] = None,
  ) -> tfd.Distribution:
    """Calls the part; the condition is the model's own."""
    del condition
    return self._part(x, condition=self._condition.each(), seed=seed)


class MarginalAt(tf.Module):
  """A marginal at its condition."""

  def __init__(self, marginal: Callable[..., Any], condition: Condition):
    super().__init__()
    self._marginal = marginal
    self._condition = condition

  def __call__(
    self, *, condition: Optional[tf.Tensor] = None
  ) -> tfd.Distribution:
    """Returns the distribution; the condition is the model's own."""
    del condition
    return self._condition.spread(self._marginal)


def num_betas(part: Any) -> int:
  """Returns at how many betas a part is; 1 for one without a beta."""
  return part.condition.num_betas if isinstance(part, At) else 1
