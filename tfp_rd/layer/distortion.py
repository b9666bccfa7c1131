# SPDX-License-Identifier: Apache-2.0
"""The loss of a model that ends in a distribution of images."""

from typing import Any

import tensorflow as tf
import tf_keras

__all__ = ['distortion']


@tf_keras.utils.register_keras_serializable(package='tfp_rd')
def distortion(x: tf.Tensor, decoding: Any) -> tf.Tensor:
  """Returns -log d(x|z), `[B]`, in nats.

  Unlike with a lambda, a compiled model with this loss can be loaded again.

  Args:
    x: `[B, ...]`, images.
    decoding: d(x|z), as the last layer of a model gives it.

  #### Examples

  ```python
  z = tf.zeros([4, 2])
  images = tf.ones([4, 3, 3, 1])
  model = tf_keras.Sequential(
      [tfp_rd.layer.AutoregressiveBernoulli((3, 3, 1))])
  model.compile('adam', loss=distortion)
  model.fit(z, images, verbose=0)
  ```
  """
  return -decoding.log_prob(x)
