# SPDX-License-Identifier: Apache-2.0
"""Encoders, images and codes for the tests of VampPrior."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd.encoder import gaussian, inverse_autoregressive

tfd = tfp.distributions

SHAPE = (4, 4, 1)


def images(n, seed=0):
  bits = np.random.RandomState(seed).randint(2, size=[n, *SHAPE])
  return bits.astype(np.float64)


def codes(*shape, seed=1):
  return tf.constant(np.random.RandomState(seed).randn(*shape))


def gaussian_encoder(size=3, **kwargs):
  return gaussian.Gaussian(SHAPE, size, seed=0, dtype='float64', **kwargs)


def flow_encoder(size=3, **kwargs):
  encoder = inverse_autoregressive.InverseAutoregressive(
    SHAPE, size, hidden_sizes=(12, 12), seed=0, dtype='float64', **kwargs
  )
  for network in encoder._head._networks:
    for v in network.trainable_variables:
      v.assign(v * 3.0)  # Away from the identity.
  return encoder


ENCODERS = [gaussian_encoder, flow_encoder]
COMPILERS = {
  'eager': lambda f: f,
  'graph': lambda f: tf.function(f, autograph=False),
  'any shape': lambda f: tf.function(
    f,
    autograph=False,
    input_signature=[tf.TensorSpec([None, None, 3], tf.float64)],
  ),
  'xla': lambda f: tf.function(f, autograph=False, jit_compile=True),
}


class Counting(tf.Module):
  """An encoder that records how much is asked of it at once."""

  def __init__(self, size=3):
    super().__init__()
    self.slope = tf.Variable(np.ones(size))
    self.densities, self.encoded = [], []

  def __call__(self, x):
    self.encoded.append(x.shape[0])
    distribution = tfd.MultivariateNormalDiag(
      x[..., :1, 0, 0] * self.slope, tf.ones_like(self.slope)
    )
    outer = self

    class Recorded(type(distribution)):
      def _log_prob(self, value):
        log_prob = super()._log_prob(value)
        outer.densities.append(log_prob.shape.num_elements())
        return log_prob

    distribution.__class__ = Recorded
    return distribution
