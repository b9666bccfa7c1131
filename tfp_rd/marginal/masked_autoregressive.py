# SPDX-License-Identifier: Apache-2.0
"""Marginal `+`: a standard normal, then masked autoregressive steps.

The steps are mean-only, as in the paper.  The order of the dimensions is
reversed between steps, which the paper does not say.

#### References

[1]: George Papamakarios et al. Masked Autoregressive Flow for Density
     Estimation. In _Neural Information Processing Systems_, 2017.
     https://arxiv.org/abs/1705.07057
[2]: Alexander A. Alemi et al. Fixing a Broken ELBO. In _International
     Conference on Machine Learning_, 2018, Appendix F.3.
     https://arxiv.org/abs/1711.00464
"""

from collections.abc import Callable, Sequence
from typing import Any, Optional

import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd.marginal import standard_normal
from tfp_rd.network import autoregressive, initial, masked

__all__ = ['MaskedAutoregressive', 'build']

tfd = tfp.distributions


class MaskedAutoregressive(tf.Module):
  """The marginal m(z): a standard normal, then autoregressive steps.

  A density costs one pass of each network, and by the one-pass solution of
  `tfp_rd.network.masked` so does a sample.

  Args:
    latent_size: Dimensions k of z.
    hidden_sizes: Hidden units of each masked network.
    num_steps: Autoregressive steps.
    affine: Whether the steps also scale.
    condition_size: Width of the condition, 0 for none.
    seed: Seed of the initial weights.
    dtype: Type of the weights.
  """

  def __init__(
    self,
    latent_size: int,
    *,
    hidden_sizes: Sequence[int] = masked.HIDDEN_SIZES['small'],
    num_steps: int = 4,
    affine: bool = False,
    condition_size: int = 0,
    seed: initial.Seed,
    dtype: initial.DType = 'float32',
  ):
    super().__init__()
    self._base = standard_normal.StandardNormal(latent_size, dtype=dtype)
    self._networks = [
      masked.MaskedNetwork(
        latent_size,
        2 if affine else 1,
        hidden_sizes=hidden_sizes,
        context_size=condition_size,
        seed=s,
        dtype=dtype,
      )
      for s in initial.split(seed, num_steps)
    ]
    self._condition_size = condition_size

  def __call__(
    self, *, condition: Optional[tf.Tensor] = None
  ) -> tfd.Distribution:
    """Returns a distribution of event shape `[k]`.

    Args:
      condition: `[..., c]`; its leading shape becomes the batch shape.
    """
    flow = autoregressive.stack(
      self._networks, context=condition if self._condition_size else None
    )
    return tfd.TransformedDistribution(self._base(condition=condition), flow)


def build(
  spec: Any,
  *,
  seed: initial.Seed,
  encoder: Callable[..., Any],
  images: Optional[npt.ArrayLike],
) -> MaskedAutoregressive:
  """Returns the marginal of a `tfp_rd.architecture.Spec`."""
  del encoder, images
  return MaskedAutoregressive(
    spec.latent_size,
    hidden_sizes=masked.HIDDEN_SIZES[spec.size],
    condition_size=spec.condition_size,
    seed=seed,
    dtype=spec.dtype,
  )
