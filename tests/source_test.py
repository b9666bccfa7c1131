# SPDX-License-Identifier: Apache-2.0
"""Sources are the distributions that they say, of the entropy they say."""

import itertools

import numpy as np
import pytest

from tfp_rd import errors, information, source

SMALL = [
  source.Templates(num_templates=5, noise=0.1, side=4),
  source.Factors(num_shapes=3, noise=0.07, side=4),
  source.Ising(coupling=0.4, side=4),
  source.Ising(coupling=-0.7, side=3),
  source.Ising(coupling=0.9, side=2),
]
LARGE = [source.Templates(), source.Factors(), source.Ising()]


def name(value):
  return f'{value.name}{value.side}'


def all_images(side):
  bits = itertools.product([0.0, 1.0], repeat=side * side)
  return np.array(list(bits)).reshape(-1, side, side, 1)


@pytest.mark.parametrize('small', SMALL, ids=name)
def test_probabilities_sum_to_one_and_the_entropy_is_theirs(small):
  log_prob = small.log_prob(all_images(small.side))
  probabilities = np.exp(log_prob)
  assert probabilities.sum() == pytest.approx(1, abs=1e-10)
  found = small.entropy()
  assert found.stderr_nats == 0
  assert found.nats == pytest.approx(-(probabilities @ log_prob), abs=1e-9)


def chi_square(counts, expected):
  """Pools rare outcomes; returns the statistic less its mean, in deviations."""
  order = np.argsort(expected)
  bins = (expected[order].cumsum() // 25).astype(int)
  seen = np.bincount(bins, counts[order])
  mean = np.bincount(bins, expected[order])
  seen, mean = seen[mean > 0], mean[mean > 0]
  freedom = len(mean) - 1
  return (((seen - mean) ** 2 / mean).sum() - freedom) / np.sqrt(2 * freedom)


def numbers(images):
  """Numbers images by their pixels, as `all_images` orders them."""
  bits = images.reshape(len(images), -1).astype(int)
  return bits @ (1 << np.arange(bits.shape[1])[::-1])


def drawn_anew(given, num):
  rows = given.probabilities(num, seed=3)
  uniform = np.random.RandomState(4).random_sample(rows.shape)
  return (uniform < rows).astype(np.float32)


@pytest.mark.parametrize('small', SMALL, ids=name)
@pytest.mark.parametrize(
  'draw', [lambda s, n: s.sample(n, seed=0), drawn_anew], ids=['sample', 'rows']
)
def test_samples_have_the_density(small, draw):
  num = 40_000
  images = draw(small, num)
  assert images.dtype == np.float32
  counts = np.bincount(numbers(images), minlength=2**small.side**2)
  expected = num * np.exp(small.log_prob(all_images(small.side)))
  assert abs(chi_square(counts, expected)) < 5
  # And it would tell: the density of a neighbour does not fit.
  other = np.roll(expected, 1)
  assert chi_square(counts, other) > 50


@pytest.mark.parametrize('large', LARGE, ids=name)
def test_the_entropy_of_large_images_is_the_mean_of_their_log_prob(large):
  log_prob = large.log_prob(large.sample(20_000, seed=1))
  error = log_prob.std() / np.sqrt(len(log_prob))
  found = large.entropy()
  assert abs(-log_prob.mean() - found.nats) < 5 * (error + found.stderr_nats)
  assert error < 0.1
  assert found.stderr_nats < 0.01


@pytest.mark.parametrize('large', LARGE, ids=name)
def test_seeds_give_other_images_and_the_same_again(large):
  first, again, other = (large.sample(50, seed=seed) for seed in (0, 0, 1))
  np.testing.assert_array_equal(first, again)
  assert (first != other).any()
  assert first.shape == (50, 8, 8, 1)


def test_templates_and_labels_do_not_share_random_numbers():
  bits = source.Templates(num_templates=1024).mixture.templates[:, 0, 0, 0]
  _, labels = source.Templates(num_templates=1024).mixture.sample(1024, seed=0)
  assert 0.4 < (labels % 2 == bits).mean() < 0.6


def test_no_coupling_is_noise_and_much_of_it_is_one_bit():
  assert source.Ising(coupling=0.0).entropy().nats == pytest.approx(
    64 * np.log(2)
  )
  assert source.Ising(coupling=3.0).entropy().nats == pytest.approx(
    np.log(2), abs=1e-3
  )


def test_a_row_of_training_leaves_half_of_the_pixels_open():
  rows = source.Ising().probabilities(100, seed=0)
  is_open = (rows > 0) & (rows < 1)
  squares = np.indices([8, 8]).sum(0)[None, ..., None] % 2 == 1
  np.testing.assert_array_equal(is_open, np.broadcast_to(squares, rows.shape))


def test_the_information_of_factors_is_that_of_their_joint_table():
  small = source.Factors(num_shapes=3, noise=0.2, side=4)
  joint = np.exp(small.mixture.log_joint(all_images(4)))  # [X, K]
  found = small.information()
  by_factor = joint.reshape(-1, 3, 9)
  for key, table in (
    ('both', joint),
    ('shape', by_factor.sum(2)),
    ('place', by_factor.sum(1)),
  ):
    exact = information.mutual_information(table)
    assert found[key].nats == pytest.approx(exact, abs=1e-9)
    assert found[key].stderr_nats == 0
  # Shape and place are independent: what is told of each adds up to no more.
  assert found['shape'].nats + found['place'].nats <= found['both'].nats + 1e-9


def test_templates_that_are_far_apart_are_all_told():
  found = source.Templates(num_templates=16, noise=0.01).information()
  assert found.nats == pytest.approx(np.log(16), abs=1e-3)


def test_every_template_has_its_share_of_the_rows():
  given = source.Templates(num_templates=3)
  _, labels = given.mixture.probabilities(300, seed=0)
  np.testing.assert_array_equal(np.bincount(labels), [100, 100, 100])


@pytest.mark.parametrize(
  ('cls', 'fields', 'words'),
  [
    (source.Templates, {'noise': 0.5}, 'noise of templates'),
    (source.Templates, {'noise': 0.0}, 'between 0 and 0.5'),
    (source.Templates, {'num_templates': 2.5}, 'whole number'),
    (source.Templates, {'side': 1}, 'from 2 to 28'),
    (source.Factors, {'side': 5}, 'even'),
    (source.Factors, {'seed': -1}, 'seed of factors'),
    (source.Ising, {'side': 11}, 'from 2 to 10'),
    (source.Ising, {'coupling': float('nan')}, 'coupling of ising'),
    (source.Ising, {'boundary': 'torus'}, 'free'),
  ],
)
def test_a_source_that_cannot_be_is_refused(cls, fields, words):
  with pytest.raises(errors.UserError, match=words):
    cls(**fields)
