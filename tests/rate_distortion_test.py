# SPDX-License-Identifier: Apache-2.0
"""Draws obey the identities of rate and distortion."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_rd
from tfp_rd import errors
from tfp_rd.model import evaluation

tfd = tfp.distributions

# x = z + noise, z ~ N(0, 1), noise ~ N(0, s2): the posterior is known.
S2 = 0.5


def linear_gaussian(*, encoder_scale=1.0, marginal_scale=1.0):
  """Three dimensions of a linear-Gaussian model, at its exact posterior."""
  one = tf.constant(1.0, tf.float64)
  variance = S2 / (1 + S2)

  def encoder(x):
    scale = encoder_scale * np.sqrt(variance) * tf.ones_like(x)
    return tfd.MultivariateNormalDiag(x / (1 + S2), scale)

  def decoder(z):
    return tfd.MultivariateNormalDiag(z, np.sqrt(S2) * tf.ones_like(z))

  marginal = tfd.MultivariateNormalDiag(
    tf.zeros(3, tf.float64), marginal_scale * one * tf.ones(3, tf.float64)
  )
  return tfp_rd.LatentVariableModel(encoder, marginal, decoder)


def log_evidence(x):
  scale = np.sqrt(1 + S2)
  return tfd.MultivariateNormalDiag(
    tf.zeros(3, tf.float64), scale * tf.ones(3, tf.float64)
  ).log_prob(x)


def data(n=200):
  return np.sqrt(1 + S2) * np.random.RandomState(0).randn(n, 3)


def test_at_the_exact_posterior_every_single_draw_is_the_evidence():
  x = data()
  draws = tfp_rd.draw(linear_gaussian(), x, num_samples=5, seed=0)
  expected = np.broadcast_to(-log_evidence(x), [5, 200])
  np.testing.assert_allclose(
    draws.rate + draws.distortion, expected, atol=1e-12
  )


@pytest.mark.parametrize('wrong', ['encoder_scale', 'marginal_scale'])
def test_away_from_it_draws_differ_and_the_mean_is_no_less(wrong):
  x = data()
  model = linear_gaussian(**{wrong: 1.3})
  draws = tfp_rd.draw(model, x, num_samples=50, seed=0)
  total = (draws.rate + draws.distortion).numpy()
  assert total.std(axis=0).max() > 0.01
  if wrong == 'encoder_scale':
    assert total.mean() > -np.mean(log_evidence(x))


def test_rate_and_distortion_are_not_swapped():
  x = data(2000)
  point = tfp_rd.evaluate(linear_gaussian(), x, num_samples=8, seed=1)
  rate = 1.5 * np.log((1 + S2) / S2)
  distortion = 1.5 * np.log(2 * np.pi * S2) + 1.5

  def error(between):  # Of a dimension; a draw of it has the variance 4/9.
    return np.sqrt(3 * (between + 4 / 9 / 8) / 2000)

  assert abs(rate - distortion) > 1
  for value, stderr, expected, known in [
    (point.rate_nats, point.rate_stderr_nats, rate, error(2 / 9)),
    (
      point.distortion_nats,
      point.distortion_stderr_nats,
      distortion,
      error(1 / 18),
    ),
    # At the posterior D + R is -log p(x), of variance 1/2 a dimension.
    (
      point.elbo_nats,
      point.elbo_stderr_nats,
      -(rate + distortion),
      np.sqrt(1.5 / 2000),
    ),
  ]:
    assert abs(value - expected) < 5 * stderr
    assert stderr == pytest.approx(known, rel=0.1)
  assert point.status['elbo_nats'] == 'lower_bound'


def test_the_analytic_rate_is_the_mean_of_the_drawn_one():
  x = data(20)
  model = linear_gaussian()
  draws = tfp_rd.draw(model, x, num_samples=4000, seed=0)
  exact = tfp_rd.draw(model, x, num_samples=2, seed=0, rate='analytic')
  drawn = draws.rate.numpy()
  error = np.abs(drawn.mean(0) - exact.rate[0]) / drawn.std(0) * np.sqrt(4000)
  assert error.max() < 5
  assert exact.rate.shape == (2, 20)


def test_there_is_no_closed_form_is_said():
  mixture = tfd.MixtureSameFamily(
    tfd.Categorical(logits=tf.zeros(2, tf.float64)),
    tfd.MultivariateNormalDiag(tf.zeros([2, 3], tf.float64)),
  )
  model = linear_gaussian()
  model = tfp_rd.LatentVariableModel(model.encoder, mixture, model.decoder)
  with pytest.raises(errors.UserError, match='monte_carlo'):
    tfp_rd.draw(model, data(2), seed=0, rate='analytic')


def test_a_seed_is_an_integer_or_a_pair_and_fixes_all():
  model, x = linear_gaussian(), data(4)
  one = tfp_rd.draw(model, x, seed=3)
  same = tfp_rd.draw(model, x, seed=(0, 3))
  other = tfp_rd.draw(model, x, seed=4)
  np.testing.assert_array_equal(one.latent, same.latent)
  assert not np.allclose(one.latent, other.latent)


def test_examples_do_not_share_their_noise():
  x = np.zeros([600, 3])
  latent = tfp_rd.draw(linear_gaussian(), x, num_samples=2, seed=0).latent
  rows = latent.numpy().reshape([-1])
  assert len(np.unique(rows)) == rows.size


def test_a_ragged_last_batch_changes_nothing():
  x, model = data(25), linear_gaussian()
  rate, distortion = evaluation.evaluate_examples(
    model, x, num_samples=3, batch_size=10
  )
  assert rate.shape == distortion.shape == (25,)
  # The exact posterior: no draw, and so no batch, can matter.
  np.testing.assert_allclose(
    rate + distortion, -log_evidence(x).numpy(), atol=1e-10
  )


def test_an_event_that_is_no_whole_example_is_refused():
  model = linear_gaussian()
  broken = tfp_rd.LatentVariableModel(
    model.encoder,
    model.marginal,
    lambda z: tfd.Normal(z, tf.ones_like(z)),
  )
  with pytest.raises(errors.UserError, match='Independent'):
    tfp_rd.draw(broken, data(2), seed=0)


def test_a_point_survives_its_record():
  point = tfp_rd.evaluate(linear_gaussian(), data(1), num_samples=2)
  again = tfp_rd.Point.from_dict(point.to_dict())
  assert point.to_dict()['elbo_stderr_nats'] is None
  assert np.isnan(again.elbo_stderr_nats)
  assert again.rate_nats == point.rate_nats
