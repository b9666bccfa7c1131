# SPDX-License-Identifier: Apache-2.0
"""The common part of the encoders of images: convolutions, then a head."""

from collections.abc import Callable, Sequence
from typing import Any, Optional

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd.network import convolutional, initial

__all__ = ['ImageEncoder']


class ImageEncoder(tf.Module):
  """An encoder e(z|x) of convolutions and of a head.

  Args:
    image_shape: (H, W, C).
    head: Callable from features `[..., F]` and a condition `[..., c]` or `None`
      to a distribution of z; F is the last of `widths`.
    widths: Features of the three stages of convolutions.
    condition_size: Width of the condition, 0 for none.
    seed: Seed of the initial weights of the convolutions.
    dtype: Type of the weights.
  """

  def __init__(
    self,
    image_shape: Sequence[int],
    head: Callable[..., Any],
    *,
    widths: Sequence[int],
    condition_size: int,
    seed: initial.Seed,
    dtype: initial.DType,
  ):
    super().__init__()
    self._features = convolutional.Convolutions(
      image_shape,
      widths=widths,
      condition_size=condition_size,
      seed=seed,
      dtype=dtype,
    )
    self._head = head

  def __call__(
    self,
    x: tf.Tensor,
    *,
    condition: Optional[tf.Tensor] = None,
    seed: Optional[initial.Seed] = None,
  ) -> tfp.distributions.Distribution:
    """Encodes images.

    Args:
      x: `[..., H, W, C]` in [0, 1].
      condition: `[..., c]`, broadcast against the leading axes of x.
      seed: Unused; an encoder has no dropout.

    Returns:
      A distribution with batch shape `[...]` and event shape `[k]`.
    """
    del seed
    features = self._features(x, condition=condition)
    return self._head(features, condition)
