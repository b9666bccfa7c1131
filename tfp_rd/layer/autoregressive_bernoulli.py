# SPDX-License-Identifier: Apache-2.0
"""Codes to d(x|z) of binary images, each pixel given those before it."""

import tensorflow as tf
import tf_keras

from tfp_rd.decoder import pixel_cnn
from tfp_rd.layer import distribution_layer

__all__ = ['AutoregressiveBernoulli']


@tf_keras.utils.register_keras_serializable(package='tfp_rd')
class AutoregressiveBernoulli(distribution_layer.DistributionLayer):
  """Pixel-autoregressive Bernoulli: z `[B, k]` to d(x|z).

  The result has batch shape `[B]` and event shape `[H, W, C]`.  A density, in
  nats, is one pass of causal convolutions over the image.  Images are sampled
  only where `sample` is called.

  As a tensor it is no sample, but `[B, H, W, C]` in (0, 1): the probability of
  each pixel when all before it are grey, at 1/2.  That is what z alone says of
  the image, in one pass; it is exact for the first pixel, and it is not the
  mean of the distribution, which no number of passes below H * W gives.
  `predict` returns it.  In a graph, as in `fit`, it costs nothing unless
  something uses it.

  Nothing is dropped in it in training: a distribution layer is not told that
  it is trained.  `Dropout` goes before it.

  Args:
    image_shape: (H, W, C).
    conditioning: How z enters, `'everywhere'` or `'concatenated'`; see
      `tfp_rd.decoder.pixel_cnn`.
    features: Features of the causal network.
    num_scales: Its resolutions.
    num_layers: Residual layers in each of its blocks.
    seed: Seed of the initial weights.
    **kwargs: `name`, `dtype`, ... as of any layer.

  #### Examples

  ```python
  decoder = tf_keras.Sequential([
      tf_keras.layers.Dense(32, 'relu', input_shape=(16,)),
      AutoregressiveBernoulli((28, 28, 1))])
  z = tf.zeros([4, 16])
  decoder(z).log_prob(x)  # ==> [B], nats
  decoder.predict(z)  # ==> [B, 28, 28, 1], what z alone says
  ```
  """

  def __init__(
    self,
    image_shape,
    *,
    conditioning='everywhere',
    features=pixel_cnn.SIZES['small']['features'],
    num_scales=pixel_cnn.SIZES['small']['num_scales'],
    num_layers=pixel_cnn.SIZES['small']['num_layers'],
    seed=0,
    **kwargs,
  ):
    config = {
      'image_shape': [int(n) for n in image_shape],
      'conditioning': conditioning,
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
