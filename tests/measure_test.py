# SPDX-License-Identifier: Apache-2.0
"""Shares of losses are those of closed forms and of exhaustive sums."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_rd
from tfp_rd import errors, information, measure, source
from tfp_rd.measure import quadrature
from tfp_rd.measure.excess_split import _choose

tfd = tfp.distributions
SLOW = pytest.mark.slow


def check(estimate, exact, *, most_stderr):
  """Five standard errors, which are bounded themselves."""
  assert estimate.stderr_nats < most_stderr
  assert abs(estimate.nats - exact) < 5 * estimate.stderr_nats + 1e-6


# A finite world: letters on a line, a code on a line, everything by sums.
LETTERS = np.array([[-2.0], [-0.5], [0.3], [1.5]], np.float32)
PROBABILITIES = np.array([0.1, 0.4, 0.3, 0.2])
CENTRES = tf.constant([-1.2, -0.3, 0.2, 1.0])


def encode(x):
  return tfd.Independent(tfd.Normal(0.9 * x, 0.4 + 0.1 * x**2), 1)


class Letters(tfd.Distribution):
  """Letters given z: nearer ones are likelier; x is a place on the line."""

  def __init__(self, z):
    self._logits = -2.0 * (z - CENTRES) ** 2
    super().__init__(
      dtype=tf.float32,
      reparameterization_type=tfd.NOT_REPARAMETERIZED,
      validate_args=False,
      allow_nan_stats=True,
      parameters={'z': z},
    )

  def _event_shape(self):
    return tf.TensorShape([1])

  def _batch_shape(self):
    return self._logits.shape[:-1]

  def _log_prob(self, x):
    number = tf.argmin(tf.abs(x - LETTERS[:, 0]), axis=-1)
    return tfd.Categorical(logits=self._logits).log_prob(number)


@pytest.fixture(scope='module')
def letters():
  return tfp_rd.LatentVariableModel(
    encode, tfd.MultivariateNormalDiag([0.2], [1.3]), Letters
  )


def exact_shares(model):
  """R, D, I and D + R - H by the trapezoidal rule, in float64."""
  z = np.linspace(-12, 12, 20001)[:, None].astype(np.float32)
  width = 24 / 20000
  log_e = np.array(
    [model.encoder(x[None]).log_prob(z).numpy() for x in LETTERS], np.float64
  )
  log_m = model.marginal().log_prob(z).numpy()
  log_d = np.array(
    [Letters(tf.constant(z)).log_prob(x).numpy() for x in LETTERS]
  )
  joint = PROBABILITIES[:, None] * np.exp(log_e) * width
  log_mixture = np.log(PROBABILITIES @ np.exp(log_e) + 1e-300)
  entropy = -PROBABILITIES @ np.log(PROBABILITIES)
  rate = (joint * (log_e - log_m)).sum()
  distortion = -(joint * log_d).sum()
  told = (joint * (log_e - log_mixture)).sum()
  return {
    'rate': rate,
    'distortion': distortion,
    'information': told,
    'marginal': rate - told,
    'decoder': distortion - (entropy - told),
    'excess': distortion + rate - entropy,
  }


def test_the_shares_are_those_of_sums(letters):
  found = measure.loss_shares(
    letters, LETTERS, log_prob=np.log(PROBABILITIES), num_draws=4000, seed=1
  )
  exact = exact_shares(letters)
  assert min(exact.values()) > 0.05  # There is something to be told apart.
  for name, value in exact.items():
    check(getattr(found, name), value, most_stderr=0.03)
  assert found.excess.nats == pytest.approx(
    found.marginal.nats + found.decoder.nats, abs=1e-9
  )
  assert found.rate.nats == pytest.approx(
    found.information.nats + found.marginal.nats, abs=1e-9
  )


def test_other_probabilities_would_be_seen(letters):
  found = measure.loss_shares(
    letters, LETTERS, log_prob=np.log(np.full(4, 0.25)), num_draws=4000, seed=1
  )
  exact = exact_shares(letters)
  for name in ('information', 'decoder', 'excess'):
    estimate = getattr(found, name)
    assert abs(estimate.nats - exact[name]) > 5 * estimate.stderr_nats


def test_a_code_that_says_nothing_costs_the_marginal_nothing():
  marginal = tfd.MultivariateNormalDiag([0.0], [1.0])
  model = tfp_rd.LatentVariableModel(
    lambda x: tfd.Independent(tfd.Normal(0 * x, 1.0), 1), marginal, Letters
  )
  found = measure.loss_shares(model, LETTERS, log_prob=np.log(PROBABILITIES))
  assert abs(found.marginal.nats) < 1e-6
  assert abs(found.information.nats) < 1e-6


def test_probabilities_that_do_not_sum_to_one_are_refused(letters):
  with pytest.raises(errors.UserError, match='sum to 0.8'):
    measure.loss_shares(
      letters, LETTERS[:3], log_prob=np.log(PROBABILITIES[:3])
    )
  with pytest.raises(errors.UserError, match='one number for each'):
    measure.loss_shares(letters, LETTERS[:3], log_prob=np.log(PROBABILITIES))


def test_images_come_as_often_as_they_should():
  truth = np.log(np.array([0.5, 0.25, 0.125, 0.125]))
  chosen = _choose(truth, 800, (0, 1))
  counts = np.bincount(chosen, minlength=4)
  assert np.abs(counts - [400, 200, 100, 100]).max() <= 1
  # Parts are drawn apart: the order of the images hides no period.
  even = _choose(np.full(2**10, -10 * np.log(2)), 256, (0, 1))
  assert len(np.unique(even % 4)) == 4


# The best encoder of a linear-Gaussian model is known at every beta.
LINEAR = information.LinearGaussian(
  mean=np.array([0.5, -1.0, 0.0]),
  covariance=np.diag([2.0, 1.0, 0.5]) + 0.3,
  weights=np.array([[1.0, 0.2], [-0.4, 0.9], [0.3, 0.3]]),
  bias=np.array([0.1, 0.0, -0.2]),
  noise=0.7,
)


def linear_model(encoder, shift=0.0):
  matrix, bias, covariance = (np.float32(value) for value in encoder)
  tril = np.linalg.cholesky(covariance)

  def encode(x):
    return tfd.MultivariateNormalTriL(
      tf.linalg.matvec(matrix, x) + bias + shift, tril
    )

  def decode(z):
    loc = tf.linalg.matvec(np.float32(LINEAR.weights), z) + np.float32(
      LINEAR.bias
    )
    return tfd.MultivariateNormalDiag(loc, [np.float32(LINEAR.noise)] * 3)

  return tfp_rd.LatentVariableModel(
    encode, tfd.MultivariateNormalDiag(tf.zeros(2)), decode
  )


def linear_data(num):
  rng = np.random.default_rng(0)
  x = rng.multivariate_normal(LINEAR.mean, LINEAR.covariance, size=num)
  return x.astype(np.float32)


@pytest.mark.parametrize('beta', [0.3, 1.0, 3.0])
def test_the_best_encoder_leaves_nothing_to_gain(beta):
  model = linear_model(LINEAR.optimal_encoder(beta))
  found = measure.encoder_share(model, linear_data(30), beta=beta)
  # At the optimum every draw has D + beta R = F(x), so that chance is out.
  assert abs(found.share.nats) < 2e-3
  assert found.share.stderr_nats < 1e-3
  assert found.marginal_mass == pytest.approx(1, abs=2e-3)
  assert found.quadrature_error_nats < 0.01
  if beta == 1.0:
    np.testing.assert_allclose(
      found.best_nats, -LINEAR.log_prob(linear_data(30)), atol=5e-3
    )


@pytest.mark.parametrize('beta', [0.3, 1.0])
def test_another_encoder_loses_beta_times_its_divergence(beta):
  best = LINEAR.optimal_encoder(beta)
  wide = best._replace(covariance=1.5 * best.covariance)
  found = measure.encoder_share(
    linear_model(wide, shift=0.1), linear_data(30), beta=beta, num_samples=500
  )
  squares = 0.01 * np.linalg.inv(best.covariance).sum()
  divergence = (2 * 1.5 + squares - 2 - 2 * np.log(1.5)) / 2
  assert beta * divergence > 0.05
  check(found.share, beta * divergence, most_stderr=0.02)


class Bumps:
  """Mixtures of Gaussian bumps of very different widths."""

  def __init__(self, weights, centres, widths):
    self.weights, self.centres, self.widths = weights, centres, widths
    self.num = len(weights)

  def _components(self, points):
    away = (points[:, None] - self.centres) / self.widths[:, None]
    k = self.centres.shape[1]
    return -0.5 * (away**2).sum(-1) - k * np.log(
      self.widths * np.sqrt(2 * np.pi)
    )

  def everywhere(self, points):
    logs = self._components(points)
    return np.array(
      [np.logaddexp.reduce(logs + np.log(w), axis=1) for w in self.weights]
    )

  def at(self, which, points):
    logs = self._components(points) + np.log(self.weights[which])
    return np.logaddexp.reduce(logs, axis=1)


@pytest.mark.parametrize('k', [1, 2])
@pytest.mark.parametrize(
  'widths', [[1.0, 1.0, 1.0, 1.0], [0.05, 0.2, 1, 20], [1e-3, 0.01, 0.1, 10]]
)
def test_bumps_of_all_widths_are_integrated(k, widths):
  rng = np.random.default_rng(0)
  widths, centres = np.array(widths), 30 * rng.normal(size=[4, k])
  bumps = Bumps(rng.gamma(0.3, size=[5, 4]) + 1e-12, centres, widths)
  drawn = rng.integers(4, size=4000)
  samples = centres[drawn] + widths[drawn, None] * rng.normal(size=[4000, k])
  found = quadrature.log_integrals(bumps, samples, rim=0.25, tolerance=0.01)
  errors_of = np.abs(found.log_values - np.log(bumps.weights.sum(1)))
  assert errors_of.max() < 2e-3
  assert found.changes.max() < 0.02
  assert (errors_of < found.changes + 1e-4).all()


def test_a_bump_beside_the_samples_is_found_if_it_is_seen():
  # As wide as a quarter of the distance of nodes, 20 nats above the floor.
  bumps = Bumps(
    np.array([[1.0, 1e-4]]),
    np.array([[0.0, 0.0], [2.1, 1.3]]),
    np.array([1.0, 0.08]),
  )
  samples = np.random.default_rng(0).normal(size=[4000, 2])
  found = quadrature.log_integrals(bumps, samples, rim=0.25, tolerance=0.01)
  assert found.log_values[0] == pytest.approx(np.log(1.0001), abs=2e-3)


def test_mass_at_the_rim_is_told():
  bumps = Bumps(np.ones([1, 1]), np.array([[7.0, 0.0]]), np.array([1.0]))
  samples = np.random.default_rng(0).normal(size=[4000, 2])
  found = quadrature.log_integrals(bumps, samples, rim=0.25, tolerance=0.01)
  assert np.isinf(found.changes).all()


@pytest.mark.parametrize('width', [0.1, pytest.param(0.01, marks=SLOW)])
def test_a_posterior_far_narrower_than_the_codes_is_found(width):
  """A code that says nothing, and a decoder that would need a precise one."""

  def encode(x):
    return tfd.MultivariateNormalDiag(0 * x, tf.ones(2))

  def decode(z):
    return tfd.MultivariateNormalDiag(z, [width, width])

  marginal = tfd.MultivariateNormalDiag(tf.zeros(2))
  model = tfp_rd.LatentVariableModel(encode, marginal, decode)
  x = np.random.default_rng(0).normal(size=[40, 2]).astype(np.float32)
  found = measure.encoder_share(model, x, beta=1.0, num_samples=4)
  total = tf.fill([2], (1 + width**2) ** 0.5)
  exact = -tfd.MultivariateNormalDiag(tf.zeros(2), total).log_prob(x)
  np.testing.assert_allclose(found.best_nats, exact, atol=0.02)
  assert found.is_sound


def test_types_of_model_and_images_need_not_agree():
  x = linear_data(4)
  model = linear_model(LINEAR.optimal_encoder(1.0))
  single = measure.encoder_share(model, x, beta=1.0, num_samples=4)
  dense = tfp_rd.build('---', image_shape=(2, 2, 1), latent_size=1)
  images, _ = source.every_image(source.Ising(side=2))
  for dtype in (np.float64, bool, np.int32):
    found = measure.encoder_share(dense, images.astype(dtype), beta=1.0)
    assert found.is_sound
  assert single.is_sound


def test_nodes_that_are_too_many_are_told(monkeypatch):
  monkeypatch.setattr(quadrature, '_MOST_NODES', 100)
  bumps = Bumps(np.ones([2, 1]), np.zeros([1, 2]), np.array([0.05]))
  samples = np.random.default_rng(0).normal(size=[100, 2])
  found = quadrature.log_integrals(bumps, samples, rim=0.25, tolerance=0.01)
  assert np.isinf(found.changes).all()


@pytest.mark.parametrize(
  'family',
  ['---', *(pytest.param(n, marks=SLOW) for n in ('+-v', '-++', '++v'))],
)
def test_the_families_over_every_image_of_2x2(family):
  """Sums over all 16 images check each number by other means."""
  given = source.Templates(num_templates=3, noise=0.1, side=2)
  images, log_prob = source.every_image(given)
  model = tfp_rd.build(
    family,
    image_shape=(2, 2, 1),
    latent_size=2,
    pseudo_inputs=images,
    num_pseudo_inputs=4,
  )
  found = measure.encoder_share(model, images, beta=1.0, num_samples=8)
  # At beta = 1 the integrals are p(x), and all of them are one.
  assert np.exp(-found.best_nats).sum() == pytest.approx(1, abs=0.01)
  assert (found.best_nats > 0).all()
  lost = measure.loss_shares(
    model, images, log_prob=log_prob, num_draws=2000, num_pairs=20_000
  )
  assert lost.marginal.nats > -5 * lost.marginal.stderr_nats
  assert lost.decoder.nats > -5 * lost.decoder.stderr_nats
  # What is lost is of the model, KL(p* || p), and of the encoder.
  weights = np.exp(log_prob)
  of_model = weights @ (log_prob + found.best_nats)
  draws = tfp_rd.draw(model, images, num_samples=2000, seed=5)
  sums = (draws.rate + draws.distortion).numpy().mean(0)
  of_encoder = weights @ (sums - found.best_nats)
  assert of_encoder > -0.01
  assert lost.excess.nats == pytest.approx(
    of_model + of_encoder, abs=5 * lost.excess.stderr_nats + 0.01
  )


def test_every_image_is_there_once():
  images, log_prob = source.every_image(source.Ising(side=3))
  assert images.shape == (512, 3, 3, 1)
  assert len(np.unique(images.reshape(512, -1), axis=0)) == 512
  assert np.exp(log_prob).sum() == pytest.approx(1)
  with pytest.raises(errors.UserError, match='side=4'):
    source.every_image(source.Ising())


def test_z_of_many_dimensions_has_no_grid(letters):
  model = tfp_rd.build('---', image_shape=(2, 2, 1), latent_size=3)
  images, _ = source.every_image(source.Ising(side=2))
  with pytest.raises(errors.UserError, match='are over .1. or .2.'):
    measure.encoder_share(model, images, beta=1.0)
