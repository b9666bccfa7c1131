# SPDX-License-Identifier: Apache-2.0
"""A causal convolutional network: two streams, several scales, linear gates.

The vertical stream at pixel (i, j) sees rows above i; the corner stream sees
these and the pixels to the left in row i.  Both start at the entrance, which
sees earlier pixels alone; every kernel after it reaches only up and left.
Residual blocks go down the scales and up again, with shortcuts between layers
of equal size, as in PixelCNN++ [1] with the paper's gates [2].  One choice is
ours: the kernel that doubles a map is 2x2.

#### References

[1]: Tim Salimans et al. PixelCNN++: Improving the PixelCNN with Discretized
     Logistic Mixture Likelihood and Other Modifications. In _International
     Conference on Learning Representations_, 2017.
     https://arxiv.org/abs/1701.05517
[2]: Alexander A. Alemi et al. Fixing a Broken ELBO. In _International
     Conference on Machine Learning_, 2018, Appendix F.2.
     https://arxiv.org/abs/1711.00464
"""

from collections.abc import Callable
from typing import Any, Optional

import tensorflow as tf

from tfp_rd.network import causal_layer, gated, initial

__all__ = ['CORNER', 'CausalNetwork', 'VERTICAL', 'inputs', 'join_sides']

# Positions of the two streams in the pairs of a layer.
VERTICAL, CORNER = 0, 1


class CausalNetwork(tf.Module):
  """Images to logits, where a logit sees only earlier pixels in raster order.

  Args:
    input_size: Channels of the image, and of what is concatenated to it.
    output_size: Logits of each pixel.
    features: Features of every layer.
    num_scales: Number of resolutions, each half the one before.
    num_layers: Residual layers of a block; each scale has a block on the way
      down and one on the way up.
    condition_size: Width of the condition, 0 for none.
    dropout: Rate at which features of residual branches are dropped.
    seed: Seed of the initial weights.
    dtype: Type of the weights.
  """

  def __init__(
    self,
    input_size: int,
    output_size: int,
    *,
    features: int,
    num_scales: int,
    num_layers: int,
    condition_size: int = 0,
    dropout: float = 0.0,
    seed: initial.Seed,
    dtype: initial.DType = 'float32',
  ):
    super().__init__()
    blocks = 2 * num_scales * num_layers
    seeds = initial.split(seed, blocks + 2 * num_scales)
    self.num_scales = num_scales
    self._num_layers = num_layers
    # The image, and a mask that is 1 at pixels and 0 in the padding.
    self.entrance = causal_layer.Entrance(
      input_size + 1, features, seed=seeds[0], dtype=dtype
    )
    self.layers = [
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
    self.halvings = [
      causal_layer.Halving(features, seed=s, dtype=dtype)
      for s in rest[: num_scales - 1]
    ]
    self.doublings = [
      causal_layer.Doubling(features, seed=s, dtype=dtype)
      for s in rest[num_scales:]
    ]
    self.last = gated.Dense(
      features, output_size, seed=rest[num_scales - 1], dtype=dtype
    )

  def __call__(
    self,
    x: tf.Tensor,
    *,
    planes: Optional[tf.Tensor] = None,
    maps: Optional[tf.Tensor] = None,
    condition: Optional[tf.Tensor] = None,
    seed: Optional[initial.Seed] = None,
  ) -> tf.Tensor:
    """Computes logits.

    Args:
      x: `[N, H, W, C]` in [0, 1], seen causally.
      planes: `[N, H, W, Q]`, concatenated to x and so seen causally too.
      maps: `[N, H, W, 2 * features]`, added to the first features of both
        streams, so that all pixels see them, the first one too.
      condition: `[N, c]`.
      seed: Seed of the dropout; `None` drops nothing.

    Returns:
      `[N, H, W, P]`.
    """
    height, width = x.shape[1:3]
    streams = self.entrance(inputs(self.pad(x), self.with_mask(x, planes)))
    if maps is not None:
      added = tf.split(self.pad(maps), 2, axis=-1)
      streams = [s + a for s, a in zip(streams, added, strict=True)]
    outputs = {}
    for stream, h in zip((VERTICAL, CORNER), streams, strict=True):
      h, outputs = self._over_maps(stream, h, outputs, condition, seed)
    return self.last(h)[:, :height, :width]

  def _over_maps(self, stream, h, vertical, condition, seed):
    """Runs one stream; returns its end and the output of each layer.

    Args:
      stream: `VERTICAL` or `CORNER`.
      h: `[N, H', W', features]`, the start of the stream.
      vertical: For the corner stream, the vertical one's output of each layer.
      condition: `[N, c]` or `None`.
      seed: Seed of the dropout, or `None`.
    """
    outputs = {}

    def apply(n, h, shortcut):
      side = join_sides(vertical.get(n), shortcut)
      outputs[n] = self.layers[n].branches[stream](
        h, side, condition, seed=_seed(seed, n, stream)
      )
      return outputs[n]

    def deeper(scale, h, inner):
      h = inner(self.halvings[scale].convs[stream](h))
      return tf.nn.depth_to_space(self.doublings[scale].maps[stream](h), 2)

    return self.walk(h, apply=apply, deeper=deeper), outputs

  def walk(
    self,
    h: Any,
    *,
    apply: Callable[..., Any],
    deeper: Callable[..., Any],
    scale: int = 0,
  ) -> Any:
    """Runs a stream from a scale down to the coarsest and up again.

    Args:
      h: The stream at this scale.
      apply: Function of the number of a layer, of h and of the shortcut, on
        the way up, or `None`; returns h.
      deeper: Function of the scale, of h, and of a function that runs the
        stream from the next scale on; returns h for the way up.
      scale: The scale of h.

    Returns:
      h at this scale.
    """
    shortcuts = []
    for n in self.layers_of(scale):
      h = apply(n, h, None)
      shortcuts.append(h)
    if scale + 1 < self.num_scales:
      h = deeper(
        scale,
        h,
        lambda h: self.walk(h, apply=apply, deeper=deeper, scale=scale + 1),
      )
    for n in self.layers_of(2 * self.num_scales - 1 - scale):
      h = apply(n, h, shortcuts.pop())
    return h

  def layers_of(self, block: int) -> range:
    """Returns the numbers of a block's layers; the way down comes first."""
    return range(block * self._num_layers, (block + 1) * self._num_layers)

  def with_mask(
    self, x: tf.Tensor, planes: Optional[tf.Tensor] = None
  ) -> tf.Tensor:
    """Appends a mask to planes: 1 at pixels of x and 0 in the padding.

    Args:
      x: `[N, H, W, C]`; its values do not matter.
      planes: `[N, H, W, Q]`, or `None` for the mask alone.

    Returns:
      `[N, H', W', Q + 1]`, padded.
    """
    ones = tf.ones_like(x[..., :1])
    return self.pad(ones if planes is None else tf.concat([planes, ones], -1))

  def pad(self, x: tf.Tensor) -> tf.Tensor:
    """Pads below and to the right, so that every scale has whole pixels.

    In raster order the padding lies between the rows.  It is the same for all
    images, so that causality is not affected.
    """
    multiple = 2 ** (self.num_scales - 1)
    below, right = (-x.shape[1] % multiple, -x.shape[2] % multiple)
    return tf.pad(x, [[0, 0], [0, below], [0, right], [0, 0]])


def inputs(x: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
  """Returns the inputs of the first layer.

  Args:
    x: Pixels `[..., C]` in [0, 1], mapped to [-1, 1] and to 0 in the padding.
    mask: `[..., Q + 1]`, from `CausalNetwork.with_mask`.
  """
  return tf.concat([(2.0 * x - 1.0) * mask[..., -1:], mask], -1)


def join_sides(*sides: Optional[tf.Tensor]) -> Optional[tf.Tensor]:
  """Concatenates the sides that are not `None`; `None` if all are."""
  sides = [s for s in sides if s is not None]
  return tf.concat(sides, -1) if sides else None


def _seed(seed, n, stream):
  if seed is None:
    return None
  return initial.split(initial.fold_in(seed, n), 2)[stream]
