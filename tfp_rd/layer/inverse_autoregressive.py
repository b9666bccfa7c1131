# SPDX-License-Identifier: Apache-2.0
"""Features of any network to e(z|x): a Gaussian, then autoregressive steps.

The flow of `tfp_rd.encoder.inverse_autoregressive` without its convolutions.
"""

import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from tfp_rd.encoder import gaussian
from tfp_rd.layer import distribution_layer
from tfp_rd.network import autoregressive, initial, masked

__all__ = ['InverseAutoregressive']

tfb = tfp.bijectors
tfd = tfp.distributions


@tf_keras.utils.register_keras_serializable(package='tfp_rd')
class InverseAutoregressive(distribution_layer.DistributionLayer):
  """Inverse autoregressive posterior: features `[B, F]` to e(z|x).

  A linear map of the features gives a diagonal Gaussian; each step then takes
  from every dimension a function of those before it and of the features.  The
  result has batch shape `[B]` and event shape `[k]`; its densities are in nats.

  As a tensor it is one sample `[B, k]`, which costs one pass of each masked
  network and has a gradient.  The noise is of TensorFlow's global generator,
  as that of `Dropout`: `tf_keras.utils.set_random_seed` fixes it.

  The density of that sample is known with it; the density of another z costs
  about one pass more.

  Args:
    latent_size: Dimensions k of z.
    hidden_sizes: Hidden units of each masked network.
    num_steps: Autoregressive steps, 0 for the Gaussian alone.
    use_context: Whether the steps see the features.
    seed: Seed of the initial weights.
    **kwargs: `name`, `dtype`, ... as of any layer.

  #### Examples

  ```python
  encoder = tf_keras.Sequential([
      tf_keras.layers.Flatten(input_shape=(28, 28, 1)),
      tf_keras.layers.Dense(64, 'relu'),
      InverseAutoregressive(16)])
  encoder(x)  # ==> a distribution, batch_shape [B], event_shape [16]
  encoder.predict(x)  # ==> samples [B, 16]
  ```
  """

  def __init__(
    self,
    latent_size,
    *,
    hidden_sizes=masked.HIDDEN_SIZES['small'],
    num_steps=4,
    use_context=True,
    seed=0,
    **kwargs,
  ):
    config = {
      'latent_size': latent_size,
      'hidden_sizes': list(hidden_sizes),
      'num_steps': num_steps,
      'use_context': use_context,
      'seed': seed,
    }
    super().__init__(_sample, config=config, **kwargs)

  def _make_part(self, input_size):
    return _Head(input_size, dtype=self.variable_dtype, **self._config)


class _Head(tf.Module):
  """Features `[..., F]` to a Gaussian pushed through the steps."""

  def __init__(
    self,
    num_features,
    latent_size,
    *,
    hidden_sizes,
    num_steps,
    use_context,
    seed,
    dtype,
  ):
    super().__init__()
    seeds = initial.split(seed, num_steps + 1)
    self._gaussian = gaussian.GaussianHead(
      num_features, latent_size, seed=seeds[0], dtype=dtype
    )
    self._use_context = use_context
    self._networks = [
      masked.MaskedNetwork(
        latent_size,
        1,
        hidden_sizes=hidden_sizes,
        context_size=num_features if use_context else 0,
        seed=s,
        dtype=dtype,
      )
      for s in seeds[1:]
    ]

  def __call__(self, features):
    context = features if self._use_context else None
    flow = autoregressive.stack(self._networks, context=context)
    return tfd.TransformedDistribution(
      self._gaussian(features), tfb.Invert(flow)
    )


def _sample(distribution):
  return distribution.sample()
