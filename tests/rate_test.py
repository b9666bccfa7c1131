# SPDX-License-Identifier: Apache-2.0
"""Contract of the layers that add a rate to a loss."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from contract import images
from map_cases import RATES
from part_cases import LATENT_SIZE, SHAPE

from tfp_rd import layer


def make_rate(name):
  """Makes a rate in float64; no weight is zero."""
  encoder = tf_keras.Sequential(
    [
      tf_keras.layers.InputLayer(SHAPE, dtype='float64'),
      tf_keras.layers.Flatten(dtype='float64'),
      layer.InverseAutoregressive(
        LATENT_SIZE, hidden_sizes=(6,), num_steps=2, dtype='float64'
      ),
    ]
  )
  rate = RATES[name](encoder, dtype='float64', weight=0.5)
  for n, v in enumerate(rate.trainable_variables):
    v.assign_add(np.random.RandomState(n).randn(*v.shape) * 0.05)
  return rate


@pytest.mark.parametrize('name', RATES)
def test_a_rate_is_a_loss_and_the_same_in_a_graph(name, monkeypatch):
  rate, x = make_rate(name), images(5, dtype='float64')
  # Codes without noise, which a graph would draw anew.
  z = rate.encoder(x).bijector.forward(np.zeros([5, LATENT_SIZE]))
  encoding_log_prob = rate.encoder(x).log_prob(z)
  monkeypatch.setattr(rate, '_draw', lambda encoding: (z, encoding_log_prob))
  expected = 0.5 * np.mean(encoding_log_prob - rate.marginal().log_prob(z))

  def run(x):
    return rate(x), rate.losses

  for call_it in (run, tf.function(run, autograph=False)):
    drawn, (loss,) = call_it(x)
    assert drawn.dtype == loss.dtype == tf.float64
    assert drawn.shape == (5, LATENT_SIZE)
    np.testing.assert_array_equal(drawn, z)
    np.testing.assert_allclose(loss, expected, rtol=1e-9)


@pytest.mark.parametrize('name', RATES)
def test_a_rate_survives_its_config_and_weights(name):
  rate = make_rate(name)
  other = type(rate).from_config(rate.get_config())
  x, z = images(2, dtype='float64'), np.ones([2, LATENT_SIZE])

  def log_probs(rate):
    return [rate.encoder(x).log_prob(z), rate.marginal().log_prob(z)]

  assert other.weight == 0.5
  assert not np.allclose(log_probs(rate)[0], log_probs(other)[0])
  other.set_weights(rate.get_weights())
  np.testing.assert_array_equal(log_probs(rate), log_probs(other))
