# SPDX-License-Identifier: Apache-2.0
"""Decoder `-`: independent pixels whose logits deconvolutions compute.

#### References

[1]: Alexander A. Alemi et al. Fixing a Broken ELBO. In _International
     Conference on Machine Learning_, 2018, Appendix F.2.
     https://arxiv.org/abs/1711.00464
"""

from collections.abc import Sequence
from typing import Any, Optional

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd.network import convolutional, initial

__all__ = ['Deconvolutional', 'build']

tfd = tfp.distributions


class Deconvolutional(tf.Module):
  """The decoder d(x|z) = prod_i Bernoulli(x_i; logits_i(z)).

  Args:
    latent_size: Dimensions k of z.
    image_shape: (H, W, C).
    widths: Features of the stages of deconvolutions.
    condition_size: Width of the condition, 0 for none.
    dropout: Rate at which features of the first layer are dropped in training.
    seed: Seed of the initial weights.
    dtype: Type of the weights.
  """

  def __init__(
    self,
    latent_size: int,
    image_shape: Sequence[int],
    *,
    widths: Sequence[int] = convolutional.WIDTHS['small'],
    condition_size: int = 0,
    dropout: float = 0.0,
    seed: initial.Seed,
    dtype: initial.DType = 'float32',
  ):
    super().__init__()
    self._dtype = tf.as_dtype(dtype)
    self._logits = convolutional.Deconvolutions(
      latent_size,
      image_shape,
      widths=widths,
      condition_size=condition_size,
      dropout=dropout,
      seed=seed,
      dtype=dtype,
    )

  def __call__(
    self,
    z: tf.Tensor,
    *,
    condition: Optional[tf.Tensor] = None,
    seed: Optional[initial.Seed] = None,
  ) -> tfd.Distribution:
    """Decodes codes.

    Args:
      z: `[..., k]`.
      condition: `[..., c]`, broadcast against z's leading axes.
      seed: Seed of the dropout in training; `None` drops nothing.

    Returns:
      A distribution with batch shape `[...]` and event shape `[H, W, C]`.
    """
    logits = self._logits(z, condition=condition, seed=seed)
    pixels = tfd.Bernoulli(logits=logits, dtype=self._dtype)
    return tfd.Independent(pixels, reinterpreted_batch_ndims=3)


def build(spec: Any, *, seed: initial.Seed) -> Deconvolutional:
  """Returns the decoder of a `tfp_rd.architecture.Spec`."""
  return Deconvolutional(
    spec.latent_size,
    spec.image_shape,
    widths=convolutional.WIDTHS[spec.size],
    condition_size=spec.condition_size,
    dropout=spec.dropout,
    seed=seed,
    dtype=spec.dtype,
  )
