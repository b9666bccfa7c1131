# SPDX-License-Identifier: Apache-2.0
"""Layers of two streams: kernels that reach only up and left.

A layer has a branch for each stream.  `tfp_rd.network.causal` stacks layers,
and `tfp_rd.network.causal_sampler` runs them row by row and pixel by pixel.
"""

import numpy as np
import tensorflow as tf

from tfp_rd.network import gated, initial, modulation, precision

__all__ = ['CausalConv', 'Doubling', 'Entrance', 'Halving', 'Layer']

# Which of the rows i - 1, i and the columns j - 1, j, j + 1 the corner stream
# sees at the entrance: all that comes before (i, j).
_CORNER_MASK = np.array([[1, 1, 1], [1, 0, 0]])[:, :, None, None]


class CausalConv(tf.Module):
  """A convolution of the rows i - 1, i that reaches up and left.

  A kernel of two columns covers j - 1, j, and one of three j - 1, j, j + 1.

  Args:
    input_size: Features of the input.
    output_size: Features of the output.
    num_columns: Columns of the kernel, 2 or 3.
    stride: 2 halves the map: output (i, j) belongs to input (2 i, 2 j).
    gain: Gain of the initial kernel.
    mask: Multiplies the kernel, or `None`.
    seed: Seed of the initial kernel.
    dtype: Type of the weights.
  """

  def __init__(
    self,
    input_size,
    output_size,
    *,
    num_columns,
    stride=1,
    gain=1.0,
    mask=None,
    seed,
    dtype,
  ):
    super().__init__()
    self._kernel = initial.normal(
      [2, num_columns, input_size, output_size],
      seed=seed,
      gain=gain,
      dtype=dtype,
      name='kernel',
    )
    self._bias = initial.zeros([output_size], dtype=dtype, name='bias')
    self._mask = None if mask is None else tf.constant(mask, dtype)
    self.input_size = input_size
    self.stride = stride
    self._paddings = [1, num_columns - 2]

  @property
  def kernel(self) -> tf.Tensor:
    """`[2, columns, i, o]`, masked."""
    kernel = tf.convert_to_tensor(self._kernel)
    return kernel if self._mask is None else kernel * self._mask

  def __call__(self, x):
    """Convolves maps `[N, h, w, i]`."""
    x = tf.pad(x, [[0, 0], [1, 0], self._paddings, [0, 0]])
    y = precision.multiply(self._convolve, x, self.kernel)
    return tf.nn.bias_add(y, self._bias)

  def _convolve(self, x, kernel):
    return tf.nn.conv2d(x, kernel, self.stride, 'VALID')

  def of_above(self, above):
    """Returns what row i - 1, `[w, N, i]`, adds to row i, `[w', N, o]`."""
    return self._of_row(0, above) + self._bias

  def of_rows(self, above, row):
    """Returns row i of the output, from rows i - 1 and i of the input."""
    return self.of_above(above) + self._of_row(1, row)

  def of_left(self, left, here=None):
    """Returns what columns j - 1 and j, `[N, i]`, of row i add to (i, j)."""
    if here is None:
      return left @ self.kernel[1, 0]
    kernel = tf.reshape(self.kernel[1, :2], [2 * self.input_size, -1])
    return tf.concat([left, here], -1) @ kernel

  def _of_row(self, n, row):
    columns = self._kernel.shape[1]
    kernel = tf.reshape(self.kernel[n], [columns * self.input_size, -1])
    padded = tf.pad(row, [self._paddings, [0, 0], [0, 0]])
    stop = row.shape[0]
    seen = [padded[k : k + stop : self.stride] for k in range(columns)]
    return tf.tensordot(tf.concat(seen, -1), kernel, 1)


class Entrance(tf.Module):
  """Computes the first features of both streams, from earlier pixels alone.

  Causality depends on it alone: all later kernels include their own position.
  """

  def __init__(self, input_size, features, *, seed, dtype):
    super().__init__()
    self.vertical, self.corner = (
      CausalConv(
        input_size, features, num_columns=3, mask=mask, seed=s, dtype=dtype
      )
      for mask, s in zip(
        (None, _CORNER_MASK), initial.split(seed, 2), strict=True
      )
    )

  def __call__(self, x):
    """Returns the first features of both streams, of `x [N, h, w, C]`."""
    # Shifted down by a row: the vertical stream sees rows i - 2 and i - 1.
    above = tf.pad(x, [[0, 0], [1, 0], [0, 0], [0, 0]])[:, :-1]
    return self.vertical(above), self.corner(x)


class Layer(tf.Module):
  """A residual layer: `branches` of the vertical and of the corner stream.

  On the way up each branch also takes the shortcut of its stream, and the
  corner branch always takes the output of the vertical one.
  """

  def __init__(
    self, features, *, has_shortcut, condition_size, dropout, seed, dtype
  ):
    super().__init__()
    self.branches = [
      _Branch(
        features,
        num_columns=num_columns,
        side_size=side_size,
        condition_size=condition_size,
        dropout=dropout,
        seed=s,
        dtype=dtype,
      )
      for num_columns, side_size, s in zip(
        (3, 2),
        (features, 2 * features) if has_shortcut else (0, features),
        initial.split(seed, 2),
        strict=True,
      )
    ]


class _Branch(tf.Module):
  """x + gate(conv(dropout(gate(conv(x) + side))))."""

  def __init__(
    self,
    features,
    *,
    num_columns,
    side_size,
    condition_size,
    dropout,
    seed,
    dtype,
  ):
    super().__init__()
    seeds = initial.split(seed, 3)
    self._dropout = dropout
    num_outputs = gated.num_outputs(features, condition_size)
    self.convs = [
      CausalConv(
        features,
        num_outputs,
        num_columns=num_columns,
        gain=gain,
        seed=s,
        dtype=dtype,
      )
      # The last gain makes each branch small compared with x.
      for s, gain in zip(seeds, (2.0, 0.3), strict=False)
    ]
    self._side = (
      initial.normal(
        [side_size, num_outputs], seed=seeds[2], dtype=dtype, name='side'
      )
      if side_size
      else None
    )
    self._blends = [
      modulation.Blend(condition_size, 2 * features, dtype=dtype)
      for _ in self.convs
      if condition_size
    ]

  def __call__(self, x, side, condition, *, seed=None, convolve=None):
    """Applies the branch to a stream.

    Args:
      x: `[..., features]`: whole maps, or what `convolve` takes.
      side: Further features of the same leading shape, or `None`.
      condition: As `modulation.Blend` takes it, or `None`.
      seed: Seed of the dropout, or `None`.
      convolve: Function of a `CausalConv` and x; by default its call.
    """
    convolve = convolve or CausalConv.__call__
    first, second = self.convs
    h = convolve(first, x)
    if side is not None:
      h += precision.multiply(gated.product, side, self._side)
    h = gated.gate(self._blend(0, h, condition))
    h = gated.dropout(h, self._dropout, seed)
    return x + gated.gate(self._blend(1, convolve(second, h), condition))

  def _blend(self, n, h, condition):
    return self._blends[n](h, condition) if self._blends else h


class Halving(tf.Module):
  """Halves the resolution of both streams: pixel i sees pixels up to 2 i."""

  def __init__(self, features, *, seed, dtype):
    super().__init__()
    self.convs = [
      CausalConv(
        features,
        features,
        num_columns=num_columns,
        stride=2,
        seed=s,
        dtype=dtype,
      )
      for num_columns, s in zip((3, 2), initial.split(seed, 2), strict=True)
    ]


class Doubling(tf.Module):
  """Doubles the resolution of both streams: each pixel becomes 2x2.

  The maps return the four pixels one after another along the features.
  """

  def __init__(self, features, *, seed, dtype):
    super().__init__()
    self.maps = [
      gated.Dense(features, 4 * features, seed=s, dtype=dtype)
      for s in initial.split(seed, 2)
    ]
