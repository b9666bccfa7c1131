# SPDX-License-Identifier: Apache-2.0
"""A layer from codes to d(x|z), each pixel given those before it."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from tfp_rd.decoder import pixel_cnn
from tfp_rd.layer import distribution_layer
from tfp_rd.network import initial

__all__ = ['AutoregressiveBernoulli']


@tf_keras.utils.register_keras_serializable(package='tfp_rd')
class AutoregressiveBernoulli(distribution_layer.DistributionLayer):
  """Pixel-autoregressive Bernoulli: z `[B, k]` to d(x|z).

  The result has batch shape `[B]` and event shape `[H, W, C]`.  A density, in
  nats, is one pass of causal convolutions over the image.  Images are sampled
  only where `sample` is called.

  Converted to a tensor it is not a sample, but `[B, H, W, C]` in (0, 1): the
  probability of each pixel if all pixels before it are grey, at 1/2.  It shows
  in one pass what z alone determines of the image.  It is exact for the first
  pixel only, and it is not the mean of the distribution, which fewer than H * W
  passes cannot give.  `predict` returns it.  In a graph, as in `fit`, it costs
  nothing unless something uses it.

  The layer has no dropout, since Keras does not tell a distribution layer
  whether it is trained.  Put `Dropout` before it.

  Args:
    image_shape: (H, W, C).
    latent_input: How z enters, `'everywhere'` or `'concatenated'`; see
      `tfp_rd.decoder.pixel_cnn`.
    features: Features of the causal network.
    num_scales: Number of its resolutions.
    num_layers: Residual layers in each of its blocks.
    seed: Seed of the initial weights.
    **kwargs: `name`, `dtype`, ... of any layer.

  #### Examples

  ```python
  decoder = tf_keras.Sequential([
      tf_keras.layers.Dense(32, 'relu', input_shape=(16,)),
      AutoregressiveBernoulli((28, 28, 1))])
  z = tf.zeros([4, 16])
  decoder(z).log_prob(x)  # ==> [B], nats
  decoder.predict(z)  # ==> probabilities [B, 28, 28, 1]
  ```
  """

  def __init__(
    self,
    image_shape: Sequence[int],
    *,
    latent_input: str = 'everywhere',
    features: int = pixel_cnn.SIZES['small']['features'],
    num_scales: int = pixel_cnn.SIZES['small']['num_scales'],
    num_layers: int = pixel_cnn.SIZES['small']['num_layers'],
    seed: initial.Seed = 0,
    **kwargs: Any,
  ):
    config = {
      'image_shape': [int(n) for n in image_shape],
      'latent_input': latent_input,
      'features': features,
      'num_scales': num_scales,
      'num_layers': num_layers,
      'seed': seed,
    }
    super().__init__(_given_grey, config=config, **kwargs)

  def _make_part(self, input_size):
    return pixel_cnn.PixelCNN(
      input_size, dtype=self.variable_dtype, **self._config
    )


def _given_grey(decoding):
  """Returns each pixel's probability given a grey image, `[B, H, W, C]`."""
  grey = tf.fill(decoding.event_shape, tf.constant(0.5, decoding.dtype))
  shape = decoding.batch_shape.concatenate(decoding.event_shape)
  return tf.ensure_shape(tf.sigmoid(decoding.logits(grey)), shape)
