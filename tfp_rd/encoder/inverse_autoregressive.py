# SPDX-License-Identifier: Apache-2.0
"""Encoder `+`: a diagonal Gaussian followed by inverse autoregressive steps.

Each step is z' = z - m(z, h): mean-only, so that its Jacobian is 1 and log
e(z|x) is that of the base.  The paper does not say whether the masked networks
see x, nor whether the order of the dimensions is reversed between steps.  Here
they see the features h of x as context: a flow that does not depend on x could
as well belong to the decoder.  The order is reversed between steps.

#### References

[1]: Diederik P. Kingma et al. Improved Variational Inference with Inverse
     Autoregressive Flow. In _Neural Information Processing Systems_, 2016.
     https://arxiv.org/abs/1606.04934
[2]: Alexander A. Alemi et al. Fixing a Broken ELBO. In _International
     Conference on Machine Learning_, 2018, Appendix F.1.
     https://arxiv.org/abs/1711.00464
"""

from collections.abc import Sequence
from typing import Any, Optional

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd.encoder import gaussian, image_encoder
from tfp_rd.network import (
  autoregressive,
  batch,
  convolutional,
  initial,
  masked,
)

__all__ = ['InverseAutoregressive', 'InverseAutoregressiveHead', 'build']

tfb = tfp.bijectors
tfd = tfp.distributions


class InverseAutoregressiveHead(tf.Module):
  """Features `[..., F]` of any network to e(z|x), of event shape `[k]`.

  Args:
    num_features: Features F.
    latent_size: Dimensions k of z.
    hidden_sizes: Hidden units of each masked network.
    use_context: Whether the masked networks see the features.
    condition_size: Width of the condition, 0 for none.
    seeds: Seeds of the initial weights: one for the Gaussian, then one for each
      step.
    dtype: Type of the weights.

  #### Examples

  ```python
  seeds = initial.split(0, 1 + 4)  # Four steps.
  head = InverseAutoregressiveHead(
      32, 8, hidden_sizes=(64, 64), seeds=seeds)
  head(tf.zeros([3, 32]))  # ==> batch_shape [3], event_shape [8]
  ```
  """

  def __init__(
    self,
    num_features: int,
    latent_size: int,
    *,
    hidden_sizes: Sequence[int],
    use_context: bool = True,
    condition_size: int = 0,
    seeds: Sequence[initial.Seed],
    dtype: initial.DType = 'float32',
  ):
    super().__init__()
    self._gaussian = gaussian.GaussianHead(
      num_features,
      latent_size,
      condition_size=condition_size,
      seed=seeds[0],
      dtype=dtype,
    )
    self._condition_size = condition_size
    context_size = (num_features if use_context else 0) + condition_size
    self._use_context = use_context
    self._networks = [
      masked.MaskedNetwork(
        latent_size,
        1,
        hidden_sizes=hidden_sizes,
        context_size=context_size,
        seed=s,
        dtype=dtype,
      )
      for s in seeds[1:]
    ]

  def __call__(
    self, features: tf.Tensor, condition: Optional[tf.Tensor] = None
  ) -> tfd.Distribution:
    """Returns the distribution of z.

    Args:
      features: `[..., F]`.
      condition: `[..., c]`, broadcast against the leading axes of features and
        concatenated to them in the context.
    """
    context = [features] if self._use_context else []
    if self._condition_size:
      context.append(batch.broadcast_leading(condition, features))
    flow = autoregressive.stack(
      self._networks, context=tf.concat(context, -1) if context else None
    )
    return tfd.TransformedDistribution(
      self._gaussian(features, condition), tfb.Invert(flow)
    )


class InverseAutoregressive(image_encoder.ImageEncoder):
  """The encoder e(z|x): a Gaussian, then autoregressive steps.

  A sample with its density costs one pass of each network; compute both at once
  by `experimental_sample_and_log_prob`.  The density of any other z, which a
  VampPrior needs, inverts the flow and costs about one pass more.

  Args:
    image_shape: (H, W, C).
    latent_size: Dimensions k of z.
    widths: Features of the three stages of convolutions.
    hidden_sizes: Hidden units of each masked network.
    num_steps: Autoregressive steps.
    use_context: Whether the masked networks see the features of x.
    condition_size: Width of the condition, 0 for none.
    seed: Seed of the initial weights.
    dtype: Type of the weights.
  """

  def __init__(
    self,
    image_shape: Sequence[int],
    latent_size: int,
    *,
    widths: Sequence[int] = convolutional.WIDTHS['small'],
    hidden_sizes: Sequence[int] = masked.HIDDEN_SIZES['small'],
    num_steps: int = 4,
    use_context: bool = True,
    condition_size: int = 0,
    seed: initial.Seed,
    dtype: initial.DType = 'float32',
  ):
    feature_seed, *head_seeds = initial.split(seed, num_steps + 2)
    head = InverseAutoregressiveHead(
      widths[-1],
      latent_size,
      hidden_sizes=hidden_sizes,
      use_context=use_context,
      condition_size=condition_size,
      seeds=head_seeds,
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


def build(spec: Any, *, seed: initial.Seed) -> InverseAutoregressive:
  """Returns the encoder of a `tfp_rd.architecture.Spec`."""
  return InverseAutoregressive(
    spec.image_shape,
    spec.latent_size,
    widths=convolutional.WIDTHS[spec.size],
    hidden_sizes=masked.HIDDEN_SIZES[spec.size],
    condition_size=spec.condition_size,
    seed=seed,
    dtype=spec.dtype,
  )
