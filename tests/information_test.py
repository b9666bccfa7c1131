# SPDX-License-Identifier: Apache-2.0
"""Exact answers agree with each other and with closed forms."""

import warnings

import numpy as np
import pytest
from scipy import stats

from tfp_rd import errors, information


def dirichlet(rng, *shape, concentration=0.5):
  return rng.dirichlet(np.full(shape[-1], concentration), size=shape[:-1])


def world(rng, count, num_x, num_z):
  """Sources, encoders, marginals and decoders, `count` of each."""
  return {
    'source': dirichlet(rng, count, num_x),
    'encoder': dirichlet(rng, count, num_x, num_z),
    'marginal': dirichlet(rng, count, num_z),
    'decoder': dirichlet(rng, count, num_z, num_x),
  }


def sandwich(source, **parts):
  return information.sandwich(source, **parts)


@pytest.mark.parametrize(('num_x', 'num_z'), [(2, 2), (5, 3), (3, 7), (1, 4)])
def test_the_sandwich_holds_and_its_gaps_are_divergences(num_x, num_z):
  rng = np.random.default_rng(num_x + 10 * num_z)
  found = sandwich(**world(rng, 2000, num_x, num_z))
  floor = found.entropy_nats - found.distortion_nats
  assert (floor <= found.information_nats + 1e-12).all()
  assert (found.information_nats <= found.rate_nats + 1e-12).all()
  np.testing.assert_allclose(
    found.marginal_gap_nats,
    found.rate_nats - found.information_nats,
    rtol=0,
    atol=1e-10,
  )
  np.testing.assert_allclose(
    found.decoder_gap_nats, found.information_nats - floor, rtol=0, atol=1e-10
  )
  excess = found.distortion_nats + found.rate_nats - found.entropy_nats
  np.testing.assert_allclose(found.excess_nats, excess, rtol=0, atol=1e-10)
  assert (found.excess_nats > -1e-12).all()


def test_the_best_marginal_and_decoder_close_both_gaps():
  rng = np.random.default_rng(0)
  parts = world(rng, 500, 4, 3)
  joint = parts['source'][..., None] * parts['encoder']
  aggregate = joint.sum(-2)
  best = np.swapaxes(joint, -1, -2) / aggregate[..., None]
  both = {**parts, 'marginal': aggregate, 'decoder': best}
  found = sandwich(**both)
  np.testing.assert_allclose(found.marginal_gap_nats, 0, atol=1e-12)
  np.testing.assert_allclose(found.decoder_gap_nats, 0, atol=1e-12)
  # Others do not: neither gap is zero by itself.
  assert (sandwich(**parts).marginal_gap_nats > 1e-4).mean() > 0.99
  assert (sandwich(**parts).decoder_gap_nats > 1e-4).mean() > 0.99


def test_swapping_rate_and_distortion_would_break_it():
  found = sandwich(**world(np.random.default_rng(0), 500, 4, 3))
  wrong = found.entropy_nats - found.rate_nats
  assert not (wrong <= found.information_nats).all()


def test_a_code_that_is_the_letter_costs_its_entropy():
  source = np.array([0.5, 0.25, 0.25, 0.0])
  code = np.eye(4)
  found = sandwich(source, encoder=code, marginal=source, decoder=code)
  assert found.rate_nats == pytest.approx(1.5 * np.log(2))
  assert found.entropy_nats == pytest.approx(1.5 * np.log(2))
  assert found.distortion_nats == 0
  # A letter that the decoder excludes.
  other = np.roll(code, 1, axis=1)
  assert np.isinf(
    sandwich(
      source, encoder=code, marginal=source, decoder=other
    ).distortion_nats
  )


def test_information_of_a_symmetric_channel():
  p = 0.11
  joint = 0.5 * np.array([[1 - p, p], [p, 1 - p]])
  expected = np.log(2) - information.entropy(np.array([p, 1 - p]))
  assert information.mutual_information(joint) == pytest.approx(expected)
  assert information.mutual_information(np.full((3, 4), 1 / 12)) == (
    pytest.approx(0, abs=1e-15)
  )


@pytest.mark.parametrize(
  ('values', 'words'),
  [
    (np.array([0.5, 0.6]), 'sums to 1'),
    (np.array([1.5, -0.5]), 'negative'),
    (np.array([np.nan, 1.0]), 'not finite'),
    (np.array([]), 'none at all'),
  ],
)
def test_what_is_no_distribution_is_refused(values, words):
  with pytest.raises(errors.UserError, match=words):
    information.entropy(values)


# Blahut and Arimoto


BETAS = np.array([0.1, 0.3, 1.0, 3.0])


def test_the_floor_of_bits_under_hamming_distortion_is_known():
  """R(D) = log 2 - h(D), whose slope is log((1 - D) / D) = 1 / beta."""
  hamming = 1.0 - np.eye(2)
  floor = information.blahut_arimoto([0.5, 0.5], hamming, beta=BETAS)
  distortion = 1 / (1 + np.exp(1 / BETAS))
  both = np.stack([distortion, 1 - distortion], -1)
  rate = np.log(2) - information.entropy(both)
  np.testing.assert_allclose(floor.distortion_nats, distortion, atol=1e-5)
  np.testing.assert_allclose(floor.rate_nats, rate, atol=1e-5)


def test_an_uneven_bit_too():
  """R(D) = h(p) - h(D) up to D = p, then 0."""
  p, hamming = 0.2, 1.0 - np.eye(2)
  floor = information.blahut_arimoto([1 - p, p], hamming, beta=BETAS)
  slope = 1 / (1 + np.exp(1 / BETAS))
  distortion = np.minimum(slope, p)
  entropies = [
    information.entropy(np.stack([q, 1 - q], -1))
    for q in (np.full(4, p), distortion)
  ]
  np.testing.assert_allclose(floor.distortion_nats, distortion, atol=1e-4)
  np.testing.assert_allclose(
    floor.rate_nats, entropies[0] - entropies[1], atol=1e-4
  )


def test_a_fine_grid_has_the_floor_of_a_gaussian():
  """R = log(1 / D) / 2; at slope 1 / beta the distortion is beta / 2."""
  x = np.linspace(-6, 6, 241)
  source = stats.norm.pdf(x)
  source /= source.sum()
  beta = np.array([0.3, 0.6, 1.2])
  squares = (x[:, None] - x) ** 2
  floor = information.blahut_arimoto(
    source, squares, beta=beta, tolerance_nats=1e-4
  )
  water = information.gaussian_rate(np.ones(1), beta / 2)
  # Bounds of D + beta R, which is flat at its least.
  np.testing.assert_allclose(
    floor.upper_nats, beta / 2 + beta * water.rate_nats, atol=5e-4
  )
  np.testing.assert_allclose(floor.rate_nats, water.rate_nats, atol=0.02)


def test_with_log_loss_the_floor_is_the_diagonal():
  """The letters of z are all posteriors of a free decoder."""
  rng = np.random.default_rng(0)
  source = dirichlet(rng, 5, concentration=2.0)
  # One letter of z says each x for sure, up to 1e-9; one says nothing.
  sure = np.full((5, 5), 1e-9) + (1 - 5e-9) * np.eye(5)
  decoder = np.vstack([sure, source])
  floor = information.blahut_arimoto(
    source, -np.log(decoder.T), beta=[0.5, 1.0, 2.0], tolerance_nats=1e-9
  )
  entropy = information.entropy(source)
  expected = np.minimum([0.5, 1.0, 2.0], 1.0) * entropy
  np.testing.assert_allclose(floor.upper_nats, expected, atol=1e-6)


@pytest.mark.parametrize('seed', range(5))
def test_bounds_enclose_every_encoder_and_marginal(seed):
  rng = np.random.default_rng(seed)
  source, decoder = dirichlet(rng, 6), dirichlet(rng, 4, 6, concentration=0.3)
  decoder = 0.99 * decoder + 0.01 / 6
  floor = information.blahut_arimoto(source, -np.log(decoder.T), beta=BETAS)
  lower, upper = floor.history_nats[:, 0], floor.history_nats[:, 1]
  assert (lower <= upper + 1e-12).all()
  assert (np.diff(lower, axis=0) >= 0).all()
  assert (np.diff(upper, axis=0) <= 0).all()
  np.testing.assert_allclose(floor.upper_nats, floor.lower_nats, atol=2e-6)
  np.testing.assert_allclose(floor.encoder.sum(-1), 1, atol=1e-12)
  for _ in range(50):
    found = sandwich(
      source,
      encoder=dirichlet(rng, 6, 4),
      marginal=dirichlet(rng, 4),
      decoder=decoder,
    )
    values = found.distortion_nats + BETAS * found.rate_nats
    assert (values >= floor.lower_nats - 1e-12).all()
  # Its own point is one of them, and has the value that it says.
  for n, beta in enumerate(BETAS):
    own = sandwich(
      source,
      encoder=floor.encoder[n],
      marginal=source @ floor.encoder[n],
      decoder=decoder,
    )
    assert own.rate_nats == pytest.approx(floor.rate_nats[n], abs=1e-9)
    assert own.distortion_nats == pytest.approx(floor.distortion_nats[n])
    assert floor.upper_nats[n] == pytest.approx(
      own.distortion_nats + beta * own.rate_nats
    )


@pytest.mark.parametrize(('end', 'beta'), [(6, 1.9), (8, 1.2), (20, 1.9)])
def test_codes_that_die_out_leave_the_rate_finite(end, beta):
  x = np.linspace(-end, end, 121)
  source = stats.norm.pdf(x)
  source /= source.sum()
  with warnings.catch_warnings():
    warnings.simplefilter('ignore')  # The grid is slow; bounds are what counts.
    floor = information.blahut_arimoto(
      source, (x[:, None] - x) ** 2, beta=beta, max_steps=3000
    )
  assert np.isfinite(floor.rate_nats).all()
  assert floor.lower_nats[0] <= floor.upper_nats[0] + 1e-12
  assert floor.upper_nats[0] == pytest.approx(
    floor.history_nats[-1, 1, 0], abs=1e-9
  )


def test_a_letter_that_never_occurs_changes_nothing():
  two = information.blahut_arimoto([0.5, 0.5], 1 - np.eye(2), beta=BETAS)
  three = information.blahut_arimoto([0.5, 0.5, 0], 1 - np.eye(3), beta=BETAS)
  np.testing.assert_allclose(three.upper_nats, two.upper_nats, atol=2e-6)
  assert (three.upper_nats - three.lower_nats < 1e-6).all()
  np.testing.assert_allclose(three.encoder.sum(-1), 1, atol=1e-9)


def test_tiny_probabilities_have_tiny_information():
  joint = np.diag([1 - 1e-170, 1e-170])
  assert 0 <= information.mutual_information(joint) < 1e-15
  found = sandwich(
    joint.sum(1),
    encoder=np.eye(2),
    marginal=joint.sum(0),
    decoder=np.eye(2),
  )
  assert found.rate_nats == pytest.approx(0, abs=1e-15)


def test_excluded_letters_are_not_used():
  distortion = np.array([[0.0, np.inf], [np.inf, 0.0], [0.5, 0.5]])
  floor = information.blahut_arimoto(
    [0.4, 0.4, 0.2], distortion, beta=[0.1, 10.0]
  )
  np.testing.assert_allclose(floor.encoder[:, 0], [[1, 0], [1, 0]])
  assert np.isfinite(floor.upper_nats).all()


def test_a_thousand_letters_take_seconds():
  rng = np.random.default_rng(0)
  source = dirichlet(rng, 1000, concentration=1.0)
  distortion = rng.exponential(size=(1000, 1000))
  floor = information.blahut_arimoto(
    source, distortion, beta=[0.1, 1.0], tolerance_nats=1e-4
  )
  assert (floor.upper_nats - floor.lower_nats).max() < 1e-4


def test_giving_up_is_said_and_the_bounds_still_hold():
  rng = np.random.default_rng(0)
  source, distortion = dirichlet(rng, 30), rng.exponential(size=(30, 30))
  with pytest.warns(UserWarning, match='raise max_steps'):
    rough = information.blahut_arimoto(
      source, distortion, beta=1.0, max_steps=3
    )
  fine = information.blahut_arimoto(
    source, distortion, beta=1.0, tolerance_nats=1e-9
  )
  assert rough.lower_nats[0] < fine.lower_nats[0] <= rough.upper_nats[0]


@pytest.mark.parametrize(
  ('source', 'distortion', 'beta', 'words'),
  [
    ([0.5, 0.5], np.ones((3, 2)), 1.0, 'expected .X. and .X, Z.'),
    ([0.5, 0.4], np.ones((2, 2)), 1.0, 'sums to 1'),
    ([0.5, 0.5], np.full((2, 2), np.inf), 1.0, 'no finite entry'),
    ([0.5, 0.5], np.ones((2, 2)), 0.0, 'positive'),
    ([0.5, 0.5], np.ones((2, 2)), np.nan, 'positive'),
  ],
)
def test_a_floor_without_a_question_is_refused(source, distortion, beta, words):
  with pytest.raises(errors.UserError, match=words):
    information.blahut_arimoto(source, distortion, beta=beta)


# Gaussians


def test_water_fills_from_below():
  variances = np.array([4.0, 0.25, 1.0])
  total = np.array([0.3, 0.75, 1.0, 2.0, 3.0, 5.0, 5.25, 9.0])
  water = information.gaussian_rate(variances, total)
  np.testing.assert_allclose(
    water.distortions.sum(-1), np.minimum(total, 5.25), rtol=1e-12
  )
  # By hand: at 0.75 the level reaches the least variance, at 2.25 the middle.
  np.testing.assert_allclose(water.rate_nats[1], 0.5 * (np.log(16) + np.log(4)))
  np.testing.assert_allclose(water.rate_nats[3], 0.5 * np.log(4 * 1 / 0.875**2))
  np.testing.assert_allclose(water.rate_nats[-2:], 0, atol=1e-12)
  assert (water.slope[-2:] == 0).all()


def test_no_other_division_of_the_error_is_cheaper():
  rng = np.random.default_rng(0)
  variances = rng.exponential(size=5)
  total = 0.4 * variances.sum()
  least = information.gaussian_rate(variances, total).rate_nats
  others = np.minimum(total * dirichlet(rng, 20_000, 5), variances)
  rates = np.log(variances / others).sum(-1) / 2
  assert rates.min() >= least
  assert rates.min() < 1.3 * least  # They come near it.


def test_water_is_not_lost_to_rounding():
  water = information.gaussian_rate([1.0, 1e-20], 3e-20)
  assert water.distortions.sum() == pytest.approx(2e-20 + 1e-20)
  rng = np.random.default_rng(0)
  variances = rng.exponential(size=1000)
  total = np.array([1e-13, 1e-12])
  water = information.gaussian_rate(variances, total)
  np.testing.assert_allclose(water.distortions.sum(-1), total, rtol=1e-9)
  expected = np.log(variances / (total[:, None] / 1000)).sum(-1) / 2
  np.testing.assert_allclose(water.rate_nats, expected)
  assert information.gaussian_rate(4.0, 1.0).rate_nats == pytest.approx(
    np.log(2)
  )


def test_the_slope_is_that_of_the_rate():
  variances, h = np.array([2.0, 0.5, 0.1]), 1e-6
  total = np.array([0.05, 0.2, 0.9, 2.0])
  ends = [information.gaussian_rate(variances, total + d) for d in (-h, h)]
  numeric = (ends[0].rate_nats - ends[1].rate_nats) / (2 * h)
  slope = information.gaussian_rate(variances, total).slope
  np.testing.assert_allclose(slope, numeric, rtol=1e-5)


def linear(rng, num_x=4, num_z=2, noise=0.7):
  root = rng.normal(size=(num_x, num_x))
  return information.LinearGaussian(
    mean=rng.normal(size=num_x),
    covariance=root @ root.T + 0.3 * np.eye(num_x),
    weights=rng.normal(size=(num_x, num_z)),
    bias=rng.normal(size=num_x),
    noise=noise,
  )


def encoder(rng, num_x=4, num_z=2):
  root = rng.normal(size=(num_z, num_z))
  return information.LinearEncoder(
    rng.normal(size=(num_z, num_x)),
    rng.normal(size=num_z),
    root @ root.T + 0.1 * np.eye(num_z),
  )


@pytest.mark.parametrize('seed', range(20))
def test_the_gaussian_sandwich_closes_both_ways(seed):
  rng = np.random.default_rng(seed)
  found = linear(rng).sandwich(encoder(rng))
  assert found.marginal_gap_nats == pytest.approx(
    found.rate_nats - found.information_nats
  )
  assert found.decoder_gap_nats == pytest.approx(
    found.distortion_nats - found.entropy_nats + found.information_nats
  )
  assert found.marginal_gap_nats > 0
  assert found.decoder_gap_nats > 0


def test_it_is_what_simulation_says():
  rng = np.random.default_rng(0)
  model, coder = linear(rng), encoder(rng)
  found, n = model.sandwich(coder), 200_000
  x = rng.multivariate_normal(model.mean, model.covariance, size=n)
  mean = x @ coder.matrix.T + coder.bias
  z = mean + rng.multivariate_normal(np.zeros(2), coder.covariance, size=n)
  rate = stats.multivariate_normal(np.zeros(2), coder.covariance).logpdf(
    z - mean
  ) - stats.multivariate_normal(np.zeros(2)).logpdf(z)
  centre = z @ model.weights.T + model.bias
  distortion = -stats.norm(centre, model.noise).logpdf(x).sum(-1)
  aggregate = stats.multivariate_normal(
    coder.matrix @ model.mean + coder.bias,
    coder.matrix @ model.covariance @ coder.matrix.T + coder.covariance,
  )
  gap = aggregate.logpdf(z) - stats.multivariate_normal(np.zeros(2)).logpdf(z)
  for values, exact in (
    (rate, found.rate_nats),
    (distortion, found.distortion_nats),
    (gap, found.marginal_gap_nats),
    (
      -stats.multivariate_normal(model.mean, model.covariance).logpdf(x),
      found.entropy_nats,
    ),
  ):
    error = values.std() / np.sqrt(n)
    assert abs(values.mean() - exact) < 5 * error
    assert error < 0.02 * (1 + abs(exact))


def test_at_the_posterior_rate_and_distortion_are_the_likelihood():
  rng = np.random.default_rng(1)
  model = linear(rng)
  coder = model.optimal_encoder(1.0)
  x, z = rng.normal(size=(50, 4)), rng.normal(size=(50, 2))
  mean = x @ coder.matrix.T + coder.bias
  posterior = stats.multivariate_normal(np.zeros(2), coder.covariance)
  rate = posterior.logpdf(z - mean)
  rate -= stats.multivariate_normal(np.zeros(2)).logpdf(z)
  centre = z @ model.weights.T + model.bias
  distortion = -stats.norm(centre, model.noise).logpdf(x).sum(-1)
  np.testing.assert_allclose(rate + distortion, -model.log_prob(x))


@pytest.mark.parametrize('beta', [0.2, 1.0, 4.0])
def test_no_linear_encoder_beats_the_optimal_one(beta):
  rng = np.random.default_rng(2)
  model = linear(rng)
  best = model.optimal_encoder(beta)

  def value(coder):
    found = model.sandwich(coder)
    return found.distortion_nats + beta * found.rate_nats

  least = value(best)
  for scale in (1e-3, 0.03, 0.3):
    for _ in range(30):
      matrix = best.matrix + scale * rng.normal(size=best.matrix.shape)
      bias = best.bias + scale * rng.normal(size=best.bias.shape)
      root = np.linalg.cholesky(best.covariance)
      root = root + scale * np.tril(rng.normal(size=root.shape))
      other = information.LinearEncoder(matrix, bias, root @ root.T)
      assert value(other) > least


def test_probabilistic_components_reach_the_diagonal():
  """At the source's own components, and beta = 1, D + R is H [Tipping]."""
  rng = np.random.default_rng(3)
  weights = rng.normal(size=(5, 2))
  noise, mean = 0.6, rng.normal(size=5)
  covariance = weights @ weights.T + noise**2 * np.eye(5)
  model = information.LinearGaussian(mean, covariance, weights, mean, noise)
  found = model.sandwich(model.optimal_encoder(1.0))
  assert found.excess_nats == pytest.approx(0, abs=1e-9)
  assert found.rate_nats + found.distortion_nats == pytest.approx(
    found.entropy_nats
  )
  other = information.LinearGaussian(mean, covariance, weights, mean, 0.7)
  assert other.sandwich(other.optimal_encoder(1.0)).excess_nats > 0.01


@pytest.mark.parametrize('shape', [(), (5,), (5, 4), (5, 2)])
def test_a_likelihood_has_any_leading_shape(shape):
  model = linear(np.random.default_rng(0))
  x = np.random.default_rng(1).normal(size=[*shape, 4])
  rows = [model.log_prob(row) for row in x.reshape(-1, 4)]
  np.testing.assert_allclose(model.log_prob(x), np.reshape(rows, shape))


def test_an_indefinite_covariance_is_refused():
  model = information.LinearGaussian(
    np.zeros(2), np.array([[1.0, 3.0], [3.0, 1.0]]), np.eye(2), np.zeros(2), 1.0
  )
  with pytest.raises(errors.UserError, match='positive definite'):
    model.sandwich(information.LinearEncoder(np.eye(2), np.zeros(2), np.eye(2)))


@pytest.mark.parametrize('beta', [1e-15, 1e-8, 1e4])
def test_gaps_close_at_any_beta(beta):
  model = linear(np.random.default_rng(4))
  found = model.sandwich(model.optimal_encoder(beta))
  below = found.distortion_nats - found.entropy_nats + found.information_nats
  assert found.decoder_gap_nats == pytest.approx(below, rel=1e-6)


def test_shapes_that_do_not_fit_are_refused():
  rng = np.random.default_rng(0)
  good = linear(rng)
  for changes in (
    {'bias': np.zeros(3)},
    {'weights': np.zeros((3, 2))},
    {'covariance': np.eye(3)},
    {'noise': 0.0},
  ):
    fields = {
      name: changes.get(name, getattr(good, name))
      for name in ('mean', 'covariance', 'weights', 'bias', 'noise')
    }
    with pytest.raises(errors.UserError, match='expected'):
      information.LinearGaussian(**fields)
