# SPDX-License-Identifier: Apache-2.0
"""Layers of two streams: kernels that reach only up and left.

A pair `(vertical, corner)` of maps `[N, h, w, features]` goes in and comes out.
See `tfp_rd.network.causal`, which stacks them.
"""

import numpy as np
import tensorflow as tf

from tfp_rd.network import gated, initial

__all__ = ['Doubling', 'Entrance', 'Halving', 'Layer']

# Which of the rows i - 1, i and the columns j - 1, j, j + 1 the corner stream
# sees at the entrance: all that comes before (i, j).
_CORNER_MASK = np.array([[1, 1, 1], [1, 0, 0]])[:, :, None, None]


class Entrance(tf.Module):
  """Image to both streams: the only place where causality is decided."""

  def __init__(self, input_size, features, *, seed, dtype):
    super().__init__()
    seeds = initial.split(seed, 2)
    self._vertical, self._corner = (
      gated.Conv(
        input_size,
        features,
        kernel=(2, 3),
        padding='VALID',
        seed=s,
        dtype=dtype,
      )
      for s in seeds
    )
    self._mask = tf.constant(_CORNER_MASK, dtype)

  def __call__(self, x):
    """Begins both streams from `x [N, h, w, C]`."""
    # One row more above and the last row cut: rows i - 2 and i - 1.
    above = tf.pad(x, [[0, 0], [2, 0], [1, 1], [0, 0]])[:, :-1]
    around = tf.pad(x, [[0, 0], [1, 0], [1, 1], [0, 0]])
    corner = self._corner
    kernel = corner.kernel * self._mask
    return self._vertical(above), tf.nn.bias_add(
      tf.nn.conv2d(around, kernel, 1, 'VALID'), corner.bias
    )


class Layer(tf.Module):
  """A residual layer of both streams; the corner sees the vertical one."""

  def __init__(
    self, features, *, has_shortcut, condition_size, dropout, seed, dtype
  ):
    super().__init__()
    seeds = initial.split(seed, 2)
    self._vertical, self._corner = (
      _Branch(
        features,
        kernel=kernel,
        side_size=side_size,
        condition_size=condition_size,
        dropout=dropout,
        seed=s,
        dtype=dtype,
      )
      for kernel, side_size, s in (
        ((2, 3), features * has_shortcut, seeds[0]),
        ((2, 2), features * (1 + has_shortcut), seeds[1]),
      )
    )

  def __call__(self, streams, shortcut, condition, seed):
    """Moves both streams on.

    Args:
      streams: The pair.
      shortcut: Such a pair of the way down, or `None`.
      condition: `[N, c]` or `None`.
      seed: Seed of the dropout, or `None`.
    """
    vertical, corner = streams
    seeds = (None, None) if seed is None else initial.split(seed, 2)
    if shortcut is None:
      vertical = self._vertical(vertical, None, condition, seeds[0])
      side = vertical
    else:
      vertical = self._vertical(vertical, shortcut[0], condition, seeds[0])
      side = tf.concat([vertical, shortcut[1]], -1)
    return vertical, self._corner(corner, side, condition, seeds[1])


class _Branch(tf.Module):
  """x + gate(conv(dropout(gate(conv(x) + side))))."""

  def __init__(
    self,
    features,
    *,
    kernel,
    side_size,
    condition_size,
    dropout,
    seed,
    dtype,
  ):
    super().__init__()
    seeds = initial.split(seed, 3)
    self._dropout = dropout
    self._first, self._second = (
      _CausalConv(
        features, 2 * features, kernel=kernel, gain=gain, seed=s, dtype=dtype
      )
      # The last gain makes each branch small beside what it is added to.
      for s, gain in zip(seeds, (2.0, 0.3), strict=False)
    )
    self._side = (
      initial.normal(
        [side_size, 2 * features], seed=seeds[2], dtype=dtype, name='side'
      )
      if side_size
      else None
    )
    self._modulation = (
      gated.Modulation(condition_size, features, dtype=dtype)
      if condition_size
      else None
    )

  def __call__(self, x, side, condition, seed):
    h = self._first(x)
    if side is not None:
      h += tf.tensordot(side, self._side, 1)
    h = gated.gate(h)
    if self._modulation is not None:
      h = self._modulation(h, condition)
    h = gated.dropout(h, self._dropout, seed)
    return x + gated.gate(self._second(h))


class Halving(tf.Module):
  """Both streams at half the resolution: pixel i of it sees 2 i and before."""

  def __init__(self, features, *, seed, dtype):
    super().__init__()
    self._convs = [
      _CausalConv(
        features,
        features,
        kernel=kernel,
        stride=2,
        gain=1.0,
        seed=s,
        dtype=dtype,
      )
      for kernel, s in zip(
        ((2, 3), (2, 2)), initial.split(seed, 2), strict=True
      )
    ]

  def __call__(self, streams):
    """Halves both maps, rounded up to whole pixels by the caller's padding."""
    return tuple(c(s) for c, s in zip(self._convs, streams, strict=True))


class Doubling(tf.Module):
  """Both streams at twice the resolution: each pixel becomes 2x2."""

  def __init__(self, features, *, seed, dtype):
    super().__init__()
    self._maps = [
      gated.Dense(features, 4 * features, seed=s, dtype=dtype)
      for s in initial.split(seed, 2)
    ]

  def __call__(self, streams):
    """Doubles both maps."""
    return tuple(
      tf.nn.depth_to_space(m(s), 2)
      for m, s in zip(self._maps, streams, strict=True)
    )


class _CausalConv(tf.Module):
  """A convolution that reaches only up (and to both sides there) and left."""

  def __init__(
    self, input_size, output_size, *, kernel, stride=1, gain, seed, dtype
  ):
    super().__init__()
    self._conv = gated.Conv(
      input_size,
      output_size,
      kernel=kernel,
      stride=stride,
      padding='VALID',
      gain=gain,
      seed=seed,
      dtype=dtype,
    )
    # Three columns are j - 1, j, j + 1; two are j - 1, j.
    self._paddings = [[0, 0], [kernel[0] - 1, 0], [1, kernel[1] - 2], [0, 0]]

  def __call__(self, x):
    return self._conv(tf.pad(x, self._paddings))
