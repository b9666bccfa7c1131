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

import tensorflow as tf

from tfp_rd.network import causal_layer, gated, initial

__all__ = ['CausalNetwork']


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
    self._entrance = causal_layer.Entrance(
      input_size + 1, features, seed=seeds[0], dtype=dtype
    )
    self._layers = [
      causal_layer.Layer(
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
      causal_layer.Halving(features, seed=s, dtype=dtype)
      for s in rest[: num_scales - 1]
    ]
    self._doublings = [
      causal_layer.Doubling(features, seed=s, dtype=dtype)
      for s in rest[num_scales:]
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


def _fold_in(seed, n):
  return None if seed is None else initial.fold_in(seed, n)
