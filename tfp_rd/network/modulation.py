# SPDX-License-Identifier: Apache-2.0
"""How a condition acts on features: it scales, shifts and blends them.

It acts before a gate, so that a condition can open and close features.  Its
weights start at zero, so that the condition has no effect at first.

#### References

[1]: Ethan Perez et al. FiLM: Visual Reasoning with a General Conditioning
     Layer. In _AAAI Conference on Artificial Intelligence_, 2018.
     https://arxiv.org/abs/1709.07871
"""

import tensorflow as tf

from tfp_rd.network import initial

__all__ = ['Blend', 'Modulation']


class Modulation(tf.Module):
  """Scale and shift of features by a condition [1]; the identity at the start.

  Args:
    condition_size: Width of the condition.
    output_size: Features.
    dtype: Type of the weights.
  """

  def __init__(
    self,
    condition_size: int,
    output_size: int,
    *,
    dtype: initial.DType = 'float32',
  ):
    super().__init__()
    self.kernel = initial.zeros(
      [condition_size, 2 * output_size], dtype=dtype, name='condition_kernel'
    )

  def __call__(self, x: tf.Tensor, condition: tf.Tensor) -> tf.Tensor:
    """Modulates `x [N, ..., c]` by `condition [N, s]`, or one of x's rank."""
    both = _spread(tf.tensordot(condition, self.kernel, 1), x)
    scale, shift = tf.split(both, 2, axis=-1)
    return x * (1.0 + scale) + shift


class Blend(tf.Module):
  """Combines two maps of x into one by a condition; at first, the first map.

  For `x = [a, b]` it returns `a (1 + s) + b t + u`, where s, t and u are linear
  in the condition.  So the condition changes the kernel of the map before it
  along one direction for each feature, and that map costs twice as much.

  Args:
    condition_size: Width of the condition.
    output_size: Features of the result.
    dtype: Type of the weights.
  """

  def __init__(
    self,
    condition_size: int,
    output_size: int,
    *,
    dtype: initial.DType = 'float32',
  ):
    super().__init__()
    self._first = Modulation(condition_size, output_size, dtype=dtype)
    self._kernel = initial.zeros(
      [condition_size, output_size], dtype=dtype, name='blend_kernel'
    )

  def __call__(self, x: tf.Tensor, condition: tf.Tensor) -> tf.Tensor:
    """Blends `x [N, ..., 2 c]` by `condition [N, s]`, or one of x's rank."""
    a, b = tf.split(x, 2, axis=-1)
    share = _spread(tf.tensordot(condition, self._kernel, 1), x)
    return self._first(a, condition) + b * share


def _spread(rows, x):
  """Reshapes `[N, c]` to the rank of x, by axes of length 1 in between."""
  while rows.shape.rank < x.shape.rank:
    rows = rows[:, tf.newaxis]
  return rows
