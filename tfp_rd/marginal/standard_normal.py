# SPDX-License-Identifier: Apache-2.0
"""Marginal `-`: the standard normal, which has no weights."""

from collections.abc import Callable
from typing import Any, Optional

import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd.network import initial

__all__ = ['StandardNormal', 'build']

tfd = tfp.distributions


class StandardNormal(tf.Module):
  """The marginal m(z) = N(0, I).

  Args:
    latent_size: Dimensions k of z.
    dtype: Type of z.
  """

  def __init__(self, latent_size: int, *, dtype: initial.DType = 'float32'):
    super().__init__()
    self._latent_size = latent_size
    self._dtype = dtype

  def __call__(
    self, *, condition: Optional[tf.Tensor] = None
  ) -> tfd.Distribution:
    """Returns a distribution of event shape `[k]`.

    Args:
      condition: `[..., c]`; only its leading shape matters, which becomes the
        batch shape.
    """
    loc = tf.zeros([self._latent_size], self._dtype)
    if condition is not None:
      loc += tf.zeros_like(condition[..., :1])
    return tfd.MultivariateNormalDiag(loc, tf.ones_like(loc))


def build(
  spec: Any,
  *,
  seed: initial.Seed,
  encoder: Callable[..., Any],
  images: Optional[npt.ArrayLike],
) -> StandardNormal:
  """Returns the marginal of a `tfp_rd.architecture.Spec`."""
  del seed, encoder, images
  return StandardNormal(spec.latent_size, dtype=spec.dtype)
