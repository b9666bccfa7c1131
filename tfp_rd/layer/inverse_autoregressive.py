# SPDX-License-Identifier: Apache-2.0
"""A layer from features to e(z|x): a Gaussian, then autoregressive steps."""

from collections.abc import Sequence
from typing import Any

import tf_keras

from tfp_rd.encoder import inverse_autoregressive
from tfp_rd.layer import distribution_layer
from tfp_rd.network import initial, masked

__all__ = ['InverseAutoregressive']


@tf_keras.utils.register_keras_serializable(package='tfp_rd')
class InverseAutoregressive(distribution_layer.DistributionLayer):
  """Inverse autoregressive posterior: features `[B, F]` to e(z|x).

  A linear map of the features gives a diagonal Gaussian; each step then
  subtracts from every dimension a function of the dimensions before it and of
  the features.  The
  result has batch shape `[B]` and event shape `[k]`; its densities are in nats.

  Converted to a tensor it is one sample `[B, k]`, which costs one pass of each
  masked network and has a gradient.  Its noise comes from TensorFlow's global
  generator, as that of `Dropout` does: `tf_keras.utils.set_random_seed` fixes
  it.

  The density of that sample costs nothing more; the density of another z costs
  about one pass.

  Args:
    latent_size: Dimensions k of z.
    hidden_sizes: Hidden units of each masked network.
    num_steps: Autoregressive steps, 0 for the Gaussian alone.
    use_context: Whether the steps see the features.
    seed: Seed of the initial weights.
    **kwargs: `name`, `dtype`, ... of any layer.

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
    latent_size: int,
    *,
    hidden_sizes: Sequence[int] = masked.HIDDEN_SIZES['small'],
    num_steps: int = 4,
    use_context: bool = True,
    seed: initial.Seed = 0,
    **kwargs: Any,
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
    config = dict(self._config)
    num_steps, seed = config.pop('num_steps'), config.pop('seed')
    return inverse_autoregressive.InverseAutoregressiveHead(
      input_size,
      seeds=initial.split(seed, 1 + num_steps),
      dtype=self.variable_dtype,
      **config,
    )


def _sample(distribution):
  return distribution.sample()
