# SPDX-License-Identifier: Apache-2.0
"""The battery bites: `tfd.PixelCNN` fails each of its checks.

Its masks are constraints that only Keras optimisers apply, its sampler feeds
back pixels that are not rounded and heeds no seed, and its weights are set by
the first batch.  After a step of a Keras optimiser it is a probability, and
then it passes: what fails before is the peer and not the adapter.
"""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from tfp_rd import testing

tfd = tfp.distributions


class Peer:
  """`tfd.PixelCNN` over binary images, as the battery calls distributions."""

  def __init__(self, shape=(2, 2, 1), *, use_data_init=False):
    tf_keras.utils.set_random_seed(0)  # It knows no other seeds.
    self.inner = tfd.PixelCNN(
      shape,
      num_resnet=1,
      num_hierarchies=1,
      num_filters=6,
      num_logistic_mix=1,
      dropout_p=0.0,
      use_weight_norm=use_data_init,
      use_data_init=use_data_init,
      high=1,
      low=0,
    )
    self.variables = self.inner.trainable_variables
    self.dtype = self.inner.dtype
    self.event_shape = self.inner.event_shape
    self.log_prob = self.inner.log_prob

  def logits(self, x):
    parameters = self.inner.network(2.0 * x - 1.0)
    pixels = self.inner._make_mixture_dist(*parameters).distribution
    odds = pixels.log_prob(tf.ones_like(x)) - pixels.log_prob(tf.zeros_like(x))
    return odds[..., tf.newaxis]

  def sample(self, n, seed):
    return self.inner.sample(n, seed=int(seed[1]))  # It refuses pairs.


def gradients_of(peer):
  """Returns the gradients of the cross entropy to a fixed distribution."""
  x = testing.all_images(2, 2)
  weights = np.random.RandomState(0).dirichlet(np.ones(16)).astype('f')
  with tf.GradientTape() as tape:
    loss = -tf.reduce_sum(weights * peer.log_prob(x))
  return tape.gradient(loss, peer.variables)


def trained(num_steps):
  peer = Peer()
  optimizer = tf_keras.optimizers.Adam(0.01)

  @tf.function(autograph=False)
  def step():
    optimizer.apply_gradients(
      zip(gradients_of(peer), peer.variables, strict=True)
    )

  for _ in range(num_steps):
    step()
  return peer


def assert_no_probability(peer):
  with pytest.raises(AssertionError, match='sum to'):
    testing.assert_sums_to_one(peer)
  with pytest.raises(AssertionError, match='derivative'):
    testing.assert_causal(peer)


def test_the_adapter_s_logits_are_those_of_the_peer_s_density():
  peer = Peer()
  x = testing.all_images(2, 2)
  losses = tf.nn.sigmoid_cross_entropy_with_logits(
    labels=x, logits=peer.logits(x)
  )
  np.testing.assert_allclose(
    -tf.reduce_sum(losses, [1, 2, 3]), peer.log_prob(x), atol=1e-5
  )


def test_the_peer_passes_where_it_is_right():
  peer = trained(1)
  testing.assert_sums_to_one(peer)
  testing.assert_causal(peer)
  testing.assert_history_free(Peer, testing.all_images(2, 2))


@pytest.mark.parametrize('shape', [(2, 2, 1), (3, 3, 1)])
def test_the_peer_is_no_probability_at_the_start(shape):
  assert_no_probability(Peer(shape))


def test_the_peer_is_no_probability_after_a_plain_step():
  peer = trained(1)
  for v, g in zip(peer.variables, gradients_of(peer), strict=True):
    v.assign_sub(0.1 * g)
  assert_no_probability(peer)


def test_the_peer_is_no_probability_under_averaged_weights():
  start, peer = Peer(), trained(1)
  for v, first in zip(peer.variables, start.variables, strict=True):
    v.assign(0.5 * (v + first))
  assert_no_probability(peer)


def test_samples_of_the_peer_are_not_of_its_density():
  peer = trained(100)
  testing.assert_sums_to_one(peer)
  with pytest.raises(AssertionError, match='chi-square'):
    testing.assert_sample_matches(peer)


def test_samples_of_the_peer_heed_no_seed():
  with pytest.raises(AssertionError, match='same seed'):
    testing.assert_seeded(Peer())


def test_the_first_batch_changes_the_peer_s_density():
  with pytest.raises(AssertionError, match='if asked first'):
    testing.assert_history_free(
      lambda: Peer(use_data_init=True), testing.all_images(2, 2)
    )
