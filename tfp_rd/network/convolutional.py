# SPDX-License-Identifier: Apache-2.0
"""The paper's five gated convolutions, and the deconvolutions that mirror them.

    image -> (w0,5,1) (w0,5,2) (w1,5,1) (w1,5,2) (w2,rest) -> features
    latent -> (w1,rest) (w1,5,1) (w1,5,2) (w0,5,1) (w0,5,2) (w0,4,1)
           -> linear (1,5,1) -> logits

Each bracket is features, kernel, stride.  `rest` is the size of the map after
two halvings: at 28x28 it is 7x7, as printed in the paper.  If the doublings
give more pixels than the image has, the result is cropped.

#### References

[1]: Alexander A. Alemi et al. Fixing a Broken ELBO. In _International
     Conference on Machine Learning_, 2018, Appendix F.
     https://arxiv.org/abs/1711.00464
"""

from collections.abc import Sequence
from typing import Optional

import numpy as np
import tensorflow as tf

from tfp_rd.network import batch, gated, initial

__all__ = ['Convolutions', 'Deconvolutions', 'WIDTHS']

WIDTHS = {'small': (8, 16, 64), 'paper': (32, 64, 256)}


class Convolutions(tf.Module):
  """Five gated convolutions: `[..., H, W, C] -> [..., F]`.

  Args:
    image_shape: (H, W, C).
    widths: Features of the three stages; F is the last.
    condition_size: Width of the condition, 0 for none.
    seed: Seed of the initial weights.
    dtype: Type of the weights.
  """

  def __init__(
    self,
    image_shape: Sequence[int],
    *,
    widths: Sequence[int],
    condition_size: int,
    seed: initial.Seed,
    dtype: initial.DType,
  ):
    super().__init__()
    self._dtype = dtype
    self._image_shape = tuple(image_shape)
    low, mid, high = widths
    rest = remaining(image_shape)
    table = [
      (low, (5, 5), 1, 'SAME'),
      (low, (5, 5), 2, 'SAME'),
      (mid, (5, 5), 1, 'SAME'),
      (mid, (5, 5), 2, 'SAME'),
      (high, rest, 1, 'VALID'),
    ]
    inputs = [image_shape[-1], *[row[0] for row in table]]
    seeds = initial.split(seed, len(table))
    self._layers = [
      gated.GatedConv(
        i,
        o,
        kernel=kernel,
        stride=stride,
        padding=padding,
        condition_size=condition_size,
        seed=s,
        dtype=dtype,
      )
      for i, (o, kernel, stride, padding), s in zip(
        inputs, table, seeds, strict=False
      )
    ]

  def __call__(
    self, x: tf.Tensor, *, condition: Optional[tf.Tensor] = None
  ) -> tf.Tensor:
    """Computes features.

    Args:
      x: `[..., H, W, C]` in [0, 1]; mapped to [-1, 1] inside.
      condition: `[..., c]`, broadcast against x's leading axes.

    Returns:
      `[..., F]`.

    Raises:
      ShapeError: The images are of another shape.
    """
    _check_shape(x, self._image_shape)
    h, leading = batch.flatten(tf.cast(x, self._dtype), 3)
    condition = batch.rows(condition, leading)
    h = 2.0 * h - 1.0
    for layer in self._layers:
      h = layer(h, condition)
    return batch.restore(h[:, 0, 0], leading)


class Deconvolutions(tf.Module):
  """Six gated deconvolutions and a linear one: `[..., k] -> [..., H, W, C]`.

  Args:
    latent_size: k.
    image_shape: (H, W, C) of the logits.
    widths: Features of the stages; the first two are used.
    condition_size: Width of the condition, 0 for none.
    dropout: Rate at which features of the first layer are dropped in training;
      later layers have too few features for dropout.
    seed: Seed of the initial weights.
    dtype: Type of the weights.
  """

  def __init__(
    self,
    latent_size: int,
    image_shape: Sequence[int],
    *,
    widths: Sequence[int],
    condition_size: int,
    dropout: float,
    seed: initial.Seed,
    dtype: initial.DType,
  ):
    super().__init__()
    self._dropout = dropout
    self._image_shape = tuple(image_shape)
    self._rest = remaining(image_shape)
    low, mid, _ = widths
    table = [(mid, 5, 1), (mid, 5, 2), (low, 5, 1), (low, 5, 2), (low, 4, 1)]
    seeds = initial.split(seed, len(table) + 2)
    # A valid deconvolution of a 1x1 map is a dense layer.
    self._first = gated.GatedDense(
      latent_size,
      self._rest[0] * self._rest[1] * mid,
      condition_size=condition_size,
      seed=seeds[0],
      dtype=dtype,
    )
    self._layers = [
      gated.GatedDeconv(
        i,
        o,
        kernel=(kernel, kernel),
        stride=stride,
        condition_size=condition_size,
        seed=s,
        dtype=dtype,
      )
      for i, (o, kernel, stride), s in zip(
        [mid, *[row[0] for row in table]], table, seeds[1:], strict=False
      )
    ]
    self._last = gated.Conv(
      low, image_shape[-1], kernel=(5, 5), seed=seeds[-1], dtype=dtype
    )

  def __call__(
    self,
    z: tf.Tensor,
    *,
    condition: Optional[tf.Tensor] = None,
    seed: Optional[initial.Seed] = None,
  ) -> tf.Tensor:
    """Computes logits `[..., H, W, C]` of `z [..., k]`."""
    h, leading = batch.flatten(z, 1)
    condition = batch.rows(condition, leading)
    h = gated.dropout(self._first(h, condition), self._dropout, seed=seed)
    h = tf.reshape(h, [-1, *self._rest, h.shape[-1] // self._num_rest])
    for layer in self._layers:
      h = layer(h, condition)
    height, width, _ = self._image_shape
    return batch.restore(self._last(h)[:, :height, :width], leading)

  @property
  def _num_rest(self):
    return self._rest[0] * self._rest[1]


def remaining(image_shape) -> tuple[int, int]:
  """Returns height and width after two halvings, rounded up."""
  return -(-image_shape[0] // 4), -(-image_shape[1] // 4)


def _check_shape(x, image_shape):
  """Refuses other channels too: TensorFlow takes their multiples as groups."""
  shape = tf.convert_to_tensor(x).shape
  is_known = shape.rank is not None
  if is_known and not (
    shape.rank >= 3 and shape[-3:].is_compatible_with(image_shape)
  ):
    expected = ', '.join(map(str, image_shape))
    mend = f'give images [..., {expected}], or build the model for theirs'
    has_channels = shape[-3:-1].is_compatible_with(image_shape[:2])
    is_flat = shape.rank == 3 or not has_channels
    if is_flat and shape[-2:].is_compatible_with(image_shape[:2]):
      mend = 'add the axis of channels, as in images[..., None]'
    elif shape[-1] == np.prod(image_shape):
      mend = f'reshape them, as in images.reshape(-1, {expected})'
    raise batch.ShapeError(
      f'images have shape {shape.as_list()} and the encoder is for '
      f'[..., {expected}], height, width and channels; {mend}.'
    )
