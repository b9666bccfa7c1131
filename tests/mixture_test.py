# SPDX-License-Identifier: Apache-2.0
"""A mixture in chunks is the mixture."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd.network import mixture

tfd = tfp.distributions


@pytest.mark.parametrize('most', [1, 3, 4, 1000])
def test_a_mixture_in_chunks_is_the_whole(most):
  random = np.random.RandomState(0)
  means, z = tf.constant(random.randn(4, 2)), tf.constant(random.randn(5, 2))
  logits = tf.constant(random.randn(4))

  def log_probs(points, means):
    (z,) = points
    return tfd.MultivariateNormalDiag(means, [1.0, 2.0]).log_prob(
      z[..., tf.newaxis, :]
    )

  components = tfd.MultivariateNormalDiag(means, [1.0, 2.0])
  whole = tfd.MixtureSameFamily(tfd.Categorical(logits), components)
  found = mixture.log_density(
    log_probs,
    [(z, z.shape[1:])],
    components=means,
    log_weights=tf.nn.log_softmax(logits),
    most=most,
  )
  np.testing.assert_allclose(found, whole.log_prob(z), rtol=1e-9)
  for moment in ('mean', 'variance'):
    value = getattr(mixture, moment)(components, logits)
    np.testing.assert_allclose(value, getattr(whole, moment)(), rtol=1e-9)
