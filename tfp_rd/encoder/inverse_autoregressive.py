# SPDX-License-Identifier: Apache-2.0
"""Encoder `+`: a diagonal Gaussian followed by inverse autoregressive steps.

Each step is z' = z - m(z, h): mean-only, so that its Jacobian is 1 and log
e(z|x) is the base's.  The paper says neither whether the masked networks see x
nor whether the order turns round between the steps; here they see the features
h of x as a context, without which the flow would be part of the decoder in
disguise, and the order is reversed between steps.

#### References

[1]: Diederik P. Kingma et al. Improved Variational Inference with Inverse
     Autoregressive Flow. In _Neural Information Processing Systems_, 2016.
     https://arxiv.org/abs/1606.04934
[2]: Alexander A. Alemi et al. Fixing a Broken ELBO. In _International
     Conference on Machine Learning_, 2018, Appendix F.1.
     https://arxiv.org/abs/1711.00464
"""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd.encoder import gaussian
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
    seeds: Of the initial weights: one for the Gaussian, then one for each step.
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
    num_features,
    latent_size,
    *,
    hidden_sizes,
    use_context=True,
    condition_size=0,
    seeds,
    dtype='float32',
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

  def __call__(self, features, condition=None):
    """Returns the distribution of z.

    Args:
      features: `[..., F]`.
      condition: `[..., c]`, broadcast against their leading axes; the shifts
        see it beside the features.
    """
    context = [features] if self._use_context else []
    if self._condition_size:
      context.append(batch.beside(condition, features))
    flow = autoregressive.stack(
      self._networks, context=tf.concat(context, -1) if context else None
    )
    return tfd.TransformedDistribution(
      self._gaussian(features, condition), tfb.Invert(flow)
    )


class InverseAutoregressive(tf.Module):
  """The encoder e(z|x): a Gaussian pushed through autoregressive steps.

  Sampling with its density is one pass of each network; take both at once by
  `experimental_sample_and_log_prob`.  The density of a z from elsewhere, as a
  VampPrior needs it, inverts the flow at the cost of about another pass.

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
    image_shape,
    latent_size,
    *,
    widths=convolutional.WIDTHS['small'],
    hidden_sizes=masked.HIDDEN_SIZES['small'],
    num_steps=4,
    use_context=True,
    condition_size=0,
    seed,
    dtype='float32',
  ):
    super().__init__()
    seeds = initial.split(seed, num_steps + 2)
    self._features = convolutional.Convolutions(
      image_shape,
      widths=widths,
      condition_size=condition_size,
      seed=seeds[0],
      dtype=dtype,
    )
    self._head = InverseAutoregressiveHead(
      widths[-1],
      latent_size,
      hidden_sizes=hidden_sizes,
      use_context=use_context,
      condition_size=condition_size,
      seeds=seeds[1:],
      dtype=dtype,
    )

  def __call__(self, x, *, condition=None, seed=None):
    """Encodes images.

    Args:
      x: `[..., H, W, C]` in [0, 1].
      condition: `[..., c]`, broadcast against x's leading axes.
      seed: Unused; nothing is dropped in an encoder.

    Returns:
      A distribution with batch shape `[...]` and event shape `[k]`.
    """
    del seed
    features = self._features(x, condition=condition)
    return self._head(features, condition)


def build(spec, *, seed):
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
