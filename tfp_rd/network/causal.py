# SPDX-License-Identifier: Apache-2.0
"""A causal convolutional network: two streams, several scales, linear gates.

The vertical stream at pixel (i, j) sees rows above i; the corner stream sees
these and the pixels to the left in row i.  Both follow from the entrance,
which sees earlier pixels alone: every kernel after it reaches only up and
left.  Residual blocks go down the scales and up again, with shortcuts between
layers of equal size, as in PixelCNN++ [1] with the paper's gates [2].  Ours
where these are silent or it is simpler: the kernel that doubles a map is 2x2.

#### References

[1]: Tim Salimans et al. PixelCNN++: Improving the PixelCNN with Discretized
     Logistic Mixture Likelihood and Other Modifications. In _International
     Conference on Learning Representations_, 2017.
     https://arxiv.org/abs/1701.05517
[2]: Alexander A. Alemi et al. Fixing a Broken ELBO. In _International
     Conference on Machine Learning_, 2018, Appendix F.2.
     https://arxiv.org/abs/1711.00464
"""

import numpy as np
import tensorflow as tf

from tfp_rd.network import gated, initial

__all__ = ['CausalNetwork']

# Which of the rows i - 1, i and the columns j - 1, j, j + 1 the corner stream
# sees at the entrance: all that comes before (i, j).
_CORNER_MASK = np.array([[1, 1, 1], [1, 0, 0]])[:, :, None, None]


class CausalNetwork(tf.Module):
  """Images to logits, where a logit sees only earlier pixels in raster order.

  Args:
    input_size: Channels of the image, and of what is concatenated to it.
    output_size: Logits a pixel.
    features: Features everywhere.
    num_scales: Resolutions, each half the one before.
    num_layers: Residual layers of a block; each scale has a block on the way
      down and one on the way up.
    condition_size: Width of the condition, 0 for none.
    dropout: Rate at which features of residual branches are dropped.
    seed: Seed of the initial weights.
    dtype: Type of the weights.
  """

  def __init__(
    self,
    input_size,
    output_size,
    *,
    features,
    num_scales,
    num_layers,
    condition_size=0,
    dropout=0.0,
    seed,
    dtype='float32',
  ):
    super().__init__()
    blocks = 2 * num_scales * num_layers
    seeds = initial.split(seed, blocks + 2 * num_scales)
    self._num_scales = num_scales
    self._num_layers = num_layers
    # The image, and ones that tell pixels from padding.
    self._entrance = _Entrance(
      input_size + 1, features, seed=seeds[0], dtype=dtype
    )
    self._layers = [
      _Layer(
        features,
        has_shortcut=n >= blocks // 2,
        condition_size=condition_size,
        dropout=dropout,
        seed=seeds[n + 1],
        dtype=dtype,
      )
      for n in range(blocks)
    ]
    rest = seeds[blocks + 1 :]
    self._halvings = [
      _Halving(features, seed=s, dtype=dtype) for s in rest[: num_scales - 1]
    ]
    self._doublings = [
      _Doubling(features, seed=s, dtype=dtype) for s in rest[num_scales:]
    ]
    self._last = gated.Dense(
      features, output_size, seed=rest[num_scales - 1], dtype=dtype
    )

  def __call__(self, x, *, maps=None, condition=None, seed=None):
    """Computes logits.

    Args:
      x: `[N, H, W, C]` in [-1, 1], seen causally.
      maps: `[N, H, W, 2 * features]`, added to both streams as they begin and
        so seen from the first pixel on.
      condition: `[N, c]`.
      seed: Seed of the dropout; `None` drops nothing.

    Returns:
      `[N, H, W, P]`.
    """
    height, width = x.shape[1:3]
    x = self._pad(tf.concat([x, tf.ones_like(x[..., :1])], -1))
    streams = self._entrance(x)
    if maps is not None:
      added = tf.split(self._pad(maps), 2, axis=-1)
      streams = tuple(s + a for s, a in zip(streams, added, strict=True))
    corner = self._residual(streams, condition, seed)
    return self._last(corner)[:, :height, :width]

  def _residual(self, streams, condition, seed):
    """Goes down the scales and up again; returns the corner stream."""
    layers = iter(enumerate(self._layers))
    shortcuts = []
    for scale in range(self._num_scales):
      if scale:
        streams = self._halvings[scale - 1](streams)
      for _ in range(self._num_layers):
        n, layer = next(layers)
        streams = layer(streams, None, condition, _fold_in(seed, n))
        shortcuts.append(streams)
    for scale in reversed(range(self._num_scales)):
      for _ in range(self._num_layers):
        n, layer = next(layers)
        shortcut = shortcuts.pop()
        streams = layer(streams, shortcut, condition, _fold_in(seed, n))
      if scale:
        streams = self._doublings[scale - 1](streams)
    return streams[1]

  def _pad(self, x):
    """Pads below and to the right, so that every scale has whole pixels.

    Such pixels hold no image: they come between rows and tell nothing.
    """
    multiple = 2 ** (self._num_scales - 1)
    below, right = (-x.shape[1] % multiple, -x.shape[2] % multiple)
    return tf.pad(x, [[0, 0], [0, below], [0, right], [0, 0]])


class _Entrance(tf.Module):
  """The only place where causality is decided."""

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
    # One row more above and the last row cut: rows i - 2 and i - 1.
    above = tf.pad(x, [[0, 0], [2, 0], [1, 1], [0, 0]])[:, :-1]
    around = tf.pad(x, [[0, 0], [1, 0], [1, 1], [0, 0]])
    corner = self._corner
    kernel = corner.kernel * self._mask
    return self._vertical(above), tf.nn.bias_add(
      tf.nn.conv2d(around, kernel, 1, 'VALID'), corner.bias
    )


class _Layer(tf.Module):
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


class _Halving(tf.Module):
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
    return tuple(c(s) for c, s in zip(self._convs, streams, strict=True))


class _Doubling(tf.Module):
  """Both streams at twice the resolution: each pixel becomes 2x2."""

  def __init__(self, features, *, seed, dtype):
    super().__init__()
    self._maps = [
      gated.Dense(features, 4 * features, seed=s, dtype=dtype)
      for s in initial.split(seed, 2)
    ]

  def __call__(self, streams):
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


def _fold_in(seed, n):
  return None if seed is None else initial.fold_in(seed, n)
