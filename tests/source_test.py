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
  source.Ising(coupling=0.3, side=4, boundary='cylinder'),
]
LARGE = [
  source.Templates(),
  source.Factors(),
  source.Ising(),
  source.Ising(boundary='cylinder'),
]


def name(value):
  return f'{value.name}{value.side}{getattr(value, "boundary", "")}'


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
  rows = given.probabilities(num, seed=3).images[:num]
  uniform = np.random.RandomState(4).random_sample(rows.shape)
  return (uniform < rows).astype(np.float32)


@pytest.mark.parametrize('small', SMALL, ids=name)
@pytest.mark.parametrize(
  'draw',
  [lambda s, n: s.sample(n, seed=0).images, drawn_anew],
  ids=['sample', 'rows'],
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
  log_prob = large.log_prob(large.sample(20_000, seed=1).images)
  error = log_prob.std() / np.sqrt(len(log_prob))
  found = large.entropy()
  assert abs(-log_prob.mean() - found.nats) < 5 * (error + found.stderr_nats)
  assert error < 0.1
  assert found.stderr_nats < 0.01


@pytest.mark.parametrize('large', LARGE, ids=name)
def test_seeds_give_other_images_and_the_same_again(large):
  first, again, other = (
    large.sample(50, seed=seed).images for seed in (0, 0, 1)
  )
  np.testing.assert_array_equal(first, again)
  assert (first != other).any()
  assert first.shape == (50, 8, 8, 1)


def test_templates_and_labels_do_not_share_random_numbers():
  bits = source.Templates(num_templates=1024).mixture.templates[:, 0, 0, 0]
  labels = source.Templates(num_templates=1024).sample(1024, seed=0).labels
  assert 0.4 < (labels % 2 == bits).mean() < 0.6


def test_no_coupling_is_noise_and_much_of_it_is_one_bit():
  assert source.Ising(coupling=0.0).entropy().nats == pytest.approx(
    64 * np.log(2)
  )
  assert source.Ising(coupling=3.0).entropy().nats == pytest.approx(
    np.log(2), abs=1e-3
  )


def test_a_row_of_training_leaves_half_of_the_pixels_open():
  rows = source.Ising().probabilities(100, seed=0).images
  is_open = (rows > 0) & (rows < 1)
  squares = np.indices([8, 8]).sum(0)[..., None] % 2 == 1
  for number, row in enumerate(is_open):
    np.testing.assert_array_equal(row, squares if number % 2 else ~squares)


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


@pytest.mark.parametrize('given', [*SMALL, *LARGE], ids=name)
def test_a_source_is_read_from_its_repr(given):
  assert source.parse(repr(given)) == given
  assert source.is_source(repr(given))


@pytest.mark.parametrize(
  ('text', 'words'),
  [
    ('noises', "'noises' is no source"),
    ('templates(nose=0.1)', "no field 'nose'"),
    ('templates(0.1)', 'without its name; write templates'),
    ('ising(coupling=True)', 'coupling of ising'),
  ],
)
def test_a_text_that_is_no_source_is_refused(text, words):
  with pytest.raises(errors.UserError, match=words):
    source.parse(text)


def test_an_integer_and_a_float_are_the_same_source():
  assert repr(source.parse('ising(coupling=1)')) == (
    "ising(coupling=1.0, side=8, boundary='free')"
  )


@pytest.mark.parametrize('given', [SMALL[0], SMALL[2]], ids=name)
@pytest.mark.parametrize(
  ('images', 'words'),
  [
    (np.zeros([2, 4, 4]), 'expected .N, 4, 4, 1.'),
    (np.zeros([2, 8, 8, 1]), 'expected .N, 4, 4, 1.'),
    (np.full([2, 4, 4, 1], 0.5), 'other than 0 and 1'),
    (np.full([2, 4, 4, 1], np.nan), 'other than 0 and 1'),
  ],
)
def test_the_density_of_what_is_no_image_is_refused(given, images, words):
  with pytest.raises(errors.UserError, match=words):
    given.log_prob(images)


def test_labels_are_those_of_the_factors():
  given = source.Factors(num_shapes=3, noise=1e-9, side=8)
  drawn = given.sample(50, seed=0)
  np.testing.assert_array_equal(
    drawn.images, given.mixture.templates[drawn.labels]
  )
  assert drawn.labels.max() < given.num_labels == 27
  rows = given.probabilities(50, seed=0)
  np.testing.assert_array_equal(
    rows.images > 0.5, given.mixture.templates[rows.labels] > 0.5
  )


def test_templates_that_are_far_apart_are_all_told():
  found = source.Templates(num_templates=16, noise=0.01).information()
  assert found.nats == pytest.approx(np.log(16), abs=1e-3)


def test_every_template_has_its_share_of_the_rows():
  given = source.Templates(num_templates=3)
  # Asked for 299, which cannot be shared alike, it gives one more.
  labels = given.probabilities(299, seed=0).labels
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
    (source.Ising, {'boundary': 'cylinder', 'side': 5}, 'even'),
  ],
)
def test_a_source_that_cannot_be_is_refused(cls, fields, words):
  with pytest.raises(errors.UserError, match=words):
    cls(**fields)
