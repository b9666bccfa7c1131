# SPDX-License-Identifier: Apache-2.0
"""A marginal of two steps is one density, joined by any means of TFP."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras
from foreign_parts import FEATURES, HIERARCHIES, Hierarchy, rows, SIZE

import tfp_rd

tfd = tfp.distributions


@pytest.fixture(autouse=True)
def fixed_seed():
  tf_keras.utils.set_random_seed(0)


class Linear(tf.Module):
  """x = W z + noise, where all is known."""

  def __init__(self, scale):
    super().__init__()
    self.scale = scale
    self.weights = np.random.RandomState(3).randn(FEATURES, SIZE)

  def __call__(self, z):
    loc = tf.linalg.matvec(self.weights, z)
    return tfd.MultivariateNormalDiag(loc, self.scale * tf.ones_like(loc))


def marginal_moments(marginal):
  """Mean and covariance of a hierarchy whose second step is linear."""
  a = marginal.slope.numpy()
  mean = marginal.mean.numpy()
  loc = np.concatenate([mean, a * mean[0]])
  first = np.concatenate([[1.0], a])
  noise = np.diag([0.0, 0.09, 0.09])
  return loc, np.outer(first, first) + noise


class LinearHierarchy(Hierarchy):
  """A hierarchy that is one Gaussian, when seen from outside."""

  def __init__(self, form):
    super().__init__(form, dtype='float64')
    self.mean = tf.constant([0.5], tf.float64)
    self.slope = tf.constant([1.5, -0.7], tf.float64)

  def second(self, z1):
    loc = self.slope * z1
    return tfd.MultivariateNormalDiag(loc, 0.3 * tf.ones_like(loc))


@pytest.mark.parametrize('form', HIERARCHIES)
def test_the_density_of_a_hierarchy_is_the_sum_of_its_steps(form):
  hierarchy = Hierarchy(form, dtype='float64')
  z = np.random.RandomState(4).randn(5, 6, SIZE)
  marginal = hierarchy()
  assert marginal.event_shape == [SIZE]
  assert marginal.sample([2, 5], seed=(0, 1)).shape == (2, 5, SIZE)
  first = scipy.stats.norm.logpdf(z[..., 0], 0.5, 1.0)
  loc = hierarchy.net(z[..., :1]).numpy()
  second = scipy.stats.norm.logpdf(z[..., 1:], loc, 0.3).sum(-1)
  np.testing.assert_allclose(marginal.log_prob(z), first + second, rtol=1e-12)


def posterior(decoder, loc, covariance):
  """The exact e(z|x) of a linear model, as a callable."""
  weights, noise = decoder.weights, decoder.scale**2
  precision = np.linalg.inv(covariance) + weights.T @ weights / noise
  scale = np.linalg.cholesky(np.linalg.inv(precision))
  offset = np.linalg.solve(covariance, loc)

  def encoder(x):
    natural = tf.linalg.matvec(weights.T, x) / noise + offset
    mean = tf.linalg.matvec(np.linalg.inv(precision), natural)
    return tfd.MultivariateNormalTriL(mean, scale)

  return encoder


@pytest.mark.parametrize('form', HIERARCHIES)
def test_at_the_posterior_each_draw_is_the_evidence(form):
  marginal, decoder = LinearHierarchy(form), Linear(scale=0.2)
  loc, covariance = marginal_moments(marginal)
  encoder = posterior(decoder, loc, covariance)
  model = tfp_rd.LatentVariableModel(encoder, marginal, decoder)
  x = rows().astype('float64')
  draws = tfp_rd.draw(model, x, num_samples=3, seed=0)
  evidence = scipy.stats.multivariate_normal(
    decoder.weights @ loc,
    decoder.weights @ covariance @ decoder.weights.T + 0.04 * np.eye(FEATURES),
  ).logpdf(x)
  np.testing.assert_allclose(
    draws.rate + draws.distortion, np.tile(-evidence, [3, 1]), rtol=1e-9
  )
