# SPDX-License-Identifier: Apache-2.0
"""Draws and evaluations of models whose every number is known otherwise."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_rd
from tfp_rd import information
from tfp_rd.toy import world as world_lib

tfd = tfp.distributions

LINEAR = information.LinearGaussian(
  mean=np.array([0.5, -1.0, 0.0]),
  covariance=np.diag([2.0, 1.0, 0.5]) + 0.3,
  weights=np.array([[1.0, 0.2], [-0.4, 0.9], [0.3, 0.3]]),
  bias=np.array([0.1, 0.0, -0.2]),
  noise=0.7,
)
OTHER = information.LinearEncoder(
  np.array([[0.5, -0.2, 0.1], [0.0, 0.6, 0.2]]),
  np.array([0.1, -0.1]),
  np.diag([0.4, 0.2]),
)


def linear_model(encoder):
  """The oracle as a model of TFP, in float64."""
  scale = np.linalg.cholesky(encoder.covariance)

  def encode(x):
    loc = tf.linalg.matvec(encoder.matrix, x) + encoder.bias
    return tfd.MultivariateNormalTriL(loc, scale)

  def decode(z):
    loc = tf.linalg.matvec(LINEAR.weights, z) + LINEAR.bias
    return tfd.MultivariateNormalDiag(loc, np.full(3, LINEAR.noise))

  marginal = tfd.MultivariateNormalDiag(tf.zeros(2, tf.float64))
  return tfp_rd.LatentVariableModel(encode, marginal, decode)


def linear_data(num):
  rng = np.random.default_rng(0)
  return rng.multivariate_normal(LINEAR.mean, LINEAR.covariance, size=num)


def test_at_the_posterior_every_draw_is_the_likelihood():
  x = linear_data(7)
  model = linear_model(LINEAR.optimal_encoder(1.0))
  draws = tfp_rd.draw(model, x, num_samples=5, seed=0)
  assert draws.rate.dtype == tf.float64
  exact = np.broadcast_to(-LINEAR.log_prob(x), [5, 7])
  np.testing.assert_allclose(draws.rate + draws.distortion, exact, atol=1e-12)
  # And only there.
  other = tfp_rd.draw(linear_model(OTHER), x, num_samples=5, seed=0)
  assert np.ptp(other.rate + other.distortion, axis=0).min() > 0.01


@pytest.mark.parametrize('beta', [0.2, 1.0, 4.0])
def test_the_best_encoder_has_no_noise_in_its_objective(beta):
  model = linear_model(LINEAR.optimal_encoder(beta))
  draws = tfp_rd.draw(model, linear_data(7), num_samples=5, seed=0)
  objective = draws.distortion + beta * draws.rate
  assert np.ptp(objective, axis=0).max() < 1e-10
  wrong = draws.rate + beta * draws.distortion
  assert beta == 1.0 or np.ptp(wrong, axis=0).min() > 1e-3


def check_point(point, exact, draws):
  """Checks the means by closed forms, and their errors by other draws."""
  total = draws.rate + draws.distortion
  for name, nats in (
    ('rate', draws.rate),
    ('distortion', draws.distortion),
    ('elbo', total),
  ):
    spread = np.std(np.mean(nats, axis=0)) / np.sqrt(nats.shape[1])
    error = getattr(point, f'{name}_stderr_nats')
    assert error == pytest.approx(spread, rel=0.1)
  for name in ('rate', 'distortion'):
    error = getattr(point, f'{name}_stderr_nats')
    gap = getattr(point, f'{name}_nats') - getattr(exact, f'{name}_nats')
    assert abs(gap) < 5 * error
  gap = point.elbo_nats + exact.rate_nats + exact.distortion_nats
  assert abs(gap) < 5 * point.elbo_stderr_nats


@pytest.mark.parametrize(
  'encoder',
  [OTHER, LINEAR.optimal_encoder(1.0), LINEAR.optimal_encoder(0.3)],
  ids=['any', 'posterior', 'low beta'],
)
def test_evaluations_agree_with_the_closed_sandwich(encoder):
  exact = LINEAR.sandwich(encoder)
  model, x = linear_model(encoder), linear_data(4000)
  point = tfp_rd.evaluate(model, x, num_samples=8, seed=1)
  check_point(point, exact, tfp_rd.draw(model, x, num_samples=8, seed=2))
  # The bounds of the information, as measured.
  below = exact.entropy_nats - point.distortion_nats
  assert below - 5 * point.distortion_stderr_nats < exact.information_nats
  assert exact.information_nats < (point.rate_nats + 5 * point.rate_stderr_nats)
  # Rate and distortion are not each other's.
  assert abs(point.rate_nats - exact.distortion_nats) > 0.1


def test_the_analytic_rate_is_the_closed_one():
  x = linear_data(4000)
  draws = tfp_rd.draw(linear_model(OTHER), x, seed=0, rate='analytic')
  values = draws.rate.numpy()[0]
  error = values.std() / np.sqrt(len(values))
  assert abs(values.mean() - LINEAR.sandwich(OTHER).rate_nats) < 5 * error


def table_model(model):
  """A model of tables as one of TFP; z is one-hot."""
  encoder, marginal, decoder = (tf.constant(table) for table in model)
  return tfp_rd.LatentVariableModel(
    lambda x: tfd.OneHotCategorical(
      probs=tf.gather(encoder, x), dtype=tf.float64
    ),
    tfd.OneHotCategorical(probs=marginal, dtype=tf.float64),
    lambda z: tfd.Categorical(probs=z @ decoder),
  )


@pytest.mark.parametrize('blur', [1e-3, 0.4])
def test_evaluations_agree_with_the_sums_over_the_toy_world(blur):
  world = world_lib.World()
  best = world_lib.optimum(world)
  num = world_lib.NUM_BINS
  flat = np.full([num, num], 1 / num)
  model = world_lib.Model(
    (1 - blur) * best.encoder + blur * flat,
    (1 - blur) * best.marginal + blur * flat[0],
    # No letter is excluded, which a wrong code would pay for without end.
    (1 - blur) * best.decoder + blur * world.source,
  )
  exact = world_lib.measure(world, model)
  rng = np.random.default_rng(0)
  letters = rng.choice(num, size=4000, p=world.source)
  network = table_model(model)
  point = tfp_rd.evaluate(network, letters, num_samples=8)
  check_point(
    point, exact, tfp_rd.draw(network, letters, num_samples=8, seed=2)
  )
  entropy = information.entropy(world.source)
  assert exact.excess_nats > (0.05 if blur > 0.1 else 0)
  # D + R is above H by what the sums say.
  assert -point.elbo_nats - entropy == pytest.approx(
    exact.excess_nats, abs=5 * point.elbo_stderr_nats
  )
