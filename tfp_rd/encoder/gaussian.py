# SPDX-License-Identifier: Apache-2.0
"""Encoder `-`: a diagonal Gaussian whose moments five convolutions compute.

#### References

[1]: Alexander A. Alemi et al. Fixing a Broken ELBO. In _International
     Conference on Machine Learning_, 2018, Appendix F.1.
     https://arxiv.org/abs/1711.00464
"""

from collections.abc import Sequence
from typing import Any, Optional

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd.encoder import image_encoder
from tfp_rd.network import batch, convolutional, gated, initial, modulation

__all__ = ['Gaussian', 'GaussianHead', 'build']

tfd = tfp.distributions


class GaussianHead(tf.Module):
  """Features to a diagonal Gaussian: `[..., F] -> [..., k]`.

  The scale is `softplus(h + softplus^-1(1))`, 1 at h = 0.  The paper does not
  print the offset; this one is that of TFP's VAE example by the same authors.
  A condition scales and shifts the mean and h, so that it can switch off a
  dimension of z.
  """

  def __init__(
    self,
    num_features: int,
    latent_size: int,
    *,
    condition_size: int = 0,
    seed: initial.Seed,
    dtype: initial.DType,
  ):
    super().__init__()
    seeds = initial.split(seed, 2)
    self._loc, self._scale = (
      gated.Dense(num_features, latent_size, seed=s, dtype=dtype) for s in seeds
    )
    self._modulations = [
      modulation.Modulation(condition_size, latent_size, dtype=dtype)
      for _ in seeds
      if condition_size
    ]

  def __call__(
    self, features: tf.Tensor, condition: Optional[tf.Tensor] = None
  ) -> tfd.Distribution:
    """Returns the distribution of z.

    Args:
      features: `[..., F]`.
      condition: `[..., c]`, broadcast against the leading axes of features.
    """
    loc, h = self._loc(features), self._scale(features)
    if self._modulations:
      condition = batch.broadcast_leading(condition, features)
      loc, h = (
        modulate(x, condition)
        for modulate, x in zip(self._modulations, (loc, h), strict=True)
      )
    offset = tfp.math.softplus_inverse(tf.ones([], features.dtype))
    scale = tf.math.softplus(h + offset)
    # A scale that underflows to 0 has no density.
    return tfd.MultivariateNormalDiag(loc, tf.maximum(scale, 1e-6))


class Gaussian(image_encoder.ImageEncoder):
  """The encoder e(z|x) = N(mu(x), diag(sigma(x)^2)).

  Args:
    image_shape: (H, W, C).
    latent_size: Dimensions k of z.
    widths: Features of the three stages of convolutions.
    condition_size: Width of the condition, 0 for none.
    seed: Seed of the initial weights.
    dtype: Type of the weights.

  #### Examples

  ```python
  encoder = Gaussian((28, 28, 1), 16, seed=0)
  encoder(x)  # ==> MultivariateNormalDiag, batch_shape [B], event_shape [16]
  ```
  """

  def __init__(
    self,
    image_shape: Sequence[int],
    latent_size: int,
    *,
    widths: Sequence[int] = convolutional.WIDTHS['small'],
    condition_size: int = 0,
    seed: initial.Seed,
    dtype: initial.DType = 'float32',
  ):
    feature_seed, head_seed = initial.split(seed, 2)
    head = GaussianHead(
      widths[-1],
      latent_size,
      condition_size=condition_size,
      seed=head_seed,
      dtype=dtype,
    )
    super().__init__(
      image_shape,
      head,
      widths=widths,
      condition_size=condition_size,
      seed=feature_seed,
      dtype=dtype,
    )


def build(spec: Any, *, seed: initial.Seed) -> Gaussian:
  """Returns the encoder of a `tfp_rd.architecture.Spec`."""
  return Gaussian(
    spec.image_shape,
    spec.latent_size,
    widths=convolutional.WIDTHS[spec.size],
    condition_size=spec.condition_size,
    seed=seed,
    dtype=spec.dtype,
  )
