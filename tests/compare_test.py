# SPDX-License-Identifier: Apache-2.0
"""Differences of curves against closed forms, and intervals against truth."""

import numpy as np
import pytest

from tfp_rd import errors
from tfp_rd.curve import compare

BETAS = np.geomspace(0.05, 10, 10)


def difference(curve, reference):
  return compare.rate_difference(
    *curve, reference_rate=reference[0], reference_distortion=reference[1]
  )


def exponential(betas, *, highest=20.0, width=8.0):
  """The optimum of D + beta R where R = highest exp(-D / width)."""
  rate = np.minimum(highest, width / np.asarray(betas))
  distortion = -width * np.log(rate / highest)
  _, distinct = np.unique(distortion, return_index=True)
  return rate[distinct], distortion[distinct]


def water_filling(betas):
  """The optimum of D + beta R of 16 independent Gaussians."""
  variances = 8 / np.arange(1, 17)
  left = np.minimum(np.asarray(betas)[:, None], variances)
  return np.log(variances / left).sum(1) / 2, left.sum(1) / 2


def straight(distortion, *, height=14.0):
  return height - np.asarray(distortion), np.asarray(distortion)


def scaled(curve, by):
  return by * curve[0], curve[1]


SOURCES = [exponential(BETAS), water_filling(BETAS)]


@pytest.mark.parametrize('source', SOURCES)
@pytest.mark.parametrize('by', [0.5, 0.98, 1.02, 3.0])
def test_a_curve_scaled_by_c_differs_by_c_minus_one(source, by):
  found = difference(scaled(source, by), source)
  # Scaled far, it ends its range at another point, with a slope of its own.
  exact = 1e-10 if 0.9 < by < 1.1 else 0.05
  assert abs(found - 100 * (by - 1)) < exact


def test_straight_curves_differ_by_exactly_two_percent_at_any_points():
  curve = scaled(straight([0, 1.7, 6.1, 13.9]), 1.02)
  assert abs(difference(curve, straight([0, 4, 5, 13.8])) - 2) < 1e-10


def test_parallel_straight_lines_differ_by_the_ratio_of_areas():
  # R = 13 - D against 12 - D, for D in [2, 8]: an area of 6 in 42.
  curve, reference = straight([2, 5, 9], height=13), straight([1, 8], height=12)
  np.testing.assert_allclose(difference(curve, reference), 100 * 6 / 42)


def test_the_reference_is_compared_from_half_a_nat_to_fifteen():
  # 1 nat above R = 20 - D, which is inside for D in [5, 19.5].
  curve = straight([0, 10, 20.5], height=21)
  reference = straight([0, 7, 20], height=20)
  area = (15**2 - 0.5**2) / 2
  np.testing.assert_allclose(difference(curve, reference), 1450 / area)


def test_exponentials_differ_by_their_integrals():
  betas = np.geomspace(0.02, 20, 40)
  low, high = 8 * np.log(20 / 15), 8 * np.log(20 / 0.5)

  def area(width):
    return width * (np.exp(-low / width) - np.exp(-high / width))

  found = difference(exponential(betas, width=9), exponential(betas))
  assert abs(found - 100 * (area(9) / area(8) - 1)) < 0.02


@pytest.mark.parametrize('source', SOURCES)
def test_a_curve_does_not_differ_from_itself(source):
  assert difference(source, source) == 0


@pytest.mark.parametrize('source', [exponential, water_filling])
def test_other_points_of_one_curve_make_no_difference(source):
  assert abs(difference(source(1.3 * BETAS), source(BETAS))) < 0.25
  as_good_as_known = source(np.geomspace(0.02, 20, 999))
  assert abs(difference(source(BETAS), as_good_as_known)) < 0.2


@pytest.mark.parametrize('source', SOURCES)
def test_a_small_difference_turns_its_sign_with_the_sides(source):
  rng = np.random.default_rng(0)
  rate, distortion = source
  other = rate * (1 + 0.004 * rng.normal(size=rate.shape)), distortion * 1.002
  there, back = difference(other, source), difference(source, other)
  assert 0.05 < abs(there) < 2
  assert abs(there + back) < 0.05 * abs(there)


def both_ways(curve, reference):
  return [difference(curve, reference), difference(reference, curve)]


@pytest.mark.parametrize('source', SOURCES)
def test_the_order_of_points_and_beaten_ones_do_not_matter(source):
  reference = scaled(source, 0.97)
  points = np.array(source)
  more = np.c_[points, points[:, :6] + [[0.3], [0.2]], points[:, 3] + 1e-9]
  more = more[:, np.random.default_rng(0).permutation(more.shape[1])]
  expected = both_ways(source, reference)
  np.testing.assert_allclose(both_ways(more, reference), expected, rtol=1e-12)


def test_of_collapsed_models_only_the_first_matters():
  rate, distortion = water_filling(BETAS)
  # All of them are of the frontier, and differ by noise.
  more = np.r_[rate, 1e-3, -2e-3], np.r_[distortion, distortion[-1] + [-0.3, 2]]
  reference = scaled((rate, distortion), 0.97)
  expected = both_ways((rate, distortion), reference)
  np.testing.assert_allclose(both_ways(more, reference), expected, rtol=1e-12)


@pytest.mark.parametrize(
  ('curve', 'match'),
  [
    (([3.0], [1.0]), '1 points has 1 to go by'),
    (([3.0, 4.0], [1.0, 1.5]), '2 points has 1 to go by'),
    (([0.1, 0.2, 0.3], [9.0, 8.0, 7.0]), '3 points has 1 to go by'),
    (([3.0, 2.0], [30.0, 40.0]), 'none in common'),
    (([40.0, 30.0], [-20.0, -10.0]), 'none in common'),
    (([3.0, 2.0], [1.0]), 'shapes'),
    (([3.0, np.nan], [1.0, 2.0]), 'not finite'),
  ],
)
def test_what_cannot_be_compared_is_refused_by_a_sentence(curve, match):
  reference = straight([0, 7, 14])
  curve = tuple(map(np.array, curve))
  for sides in ((curve, reference), (reference, curve)):
    with pytest.raises(errors.UserError, match=match):
      difference(*sides)


def test_a_reference_of_high_rates_alone_has_nothing_to_compare():
  high = straight([0, 1], height=30)
  with pytest.raises(errors.UserError, match='none in common'):
    difference(high, high)


def images(rng, *, num_images, by=1.0, own_noise=0.0):
  """Examples of a curve and of its scaled version, over shared images.

  The expectation over images is exactly the water-filling curve; each image
  has its own scale of the rate and its own shift of the distortion, which both
  models share, and each value its own noise, which they do not.
  """
  rate, distortion = water_filling([0.1, 0.3, 1.0, 3.0])
  scale = rng.gamma(4, 1 / 4, size=num_images)
  shift = 3 * rng.normal(size=num_images)

  def examples(by):
    noise = own_noise * rng.normal(size=(2, len(rate), num_images))
    return {
      'rate_nats': by * rate[:, None] * scale + noise[0],
      'distortion_nats': distortion[:, None] + shift + noise[1],
    }

  return examples(by), examples(1.0)


def test_an_interval_covers_the_truth_about_as_often_as_it_says():
  rng = np.random.default_rng(0)
  covered = []
  for _ in range(100):
    found = compare.rate_difference_interval(
      *images(rng, num_images=200, by=1.02, own_noise=1.0),
      num_resamples=40,
      level=0.8,
    )
    covered.append(found.low_percent <= 2 <= found.high_percent)
  # 80 are expected, with a standard deviation of 4.
  assert 68 <= sum(covered) <= 92


def test_an_interval_shrinks_with_the_root_of_the_images():
  rng = np.random.default_rng(0)
  widths = []
  for num_images in (100, 1600):
    pair = images(rng, num_images=num_images, by=1.02, own_noise=1.0)
    found = compare.rate_difference_interval(*pair, num_resamples=200)
    widths.append(found.high_percent - found.low_percent)
  assert 2.8 < widths[0] / widths[1] < 5.7


def test_pairing_is_what_makes_an_interval_narrow():
  rng = np.random.default_rng(0)
  ours, theirs = images(rng, num_images=400, by=1.02, own_noise=0.1)
  paired = compare.rate_difference_interval(ours, theirs, num_resamples=200)
  order = rng.permutation(400)
  shuffled = {name: values[:, order] for name, values in theirs.items()}
  apart = compare.rate_difference_interval(ours, shuffled, num_resamples=200)
  assert apart.percent == pytest.approx(paired.percent)  # The means are equal.
  assert apart.high_percent - apart.low_percent > 5 * (
    paired.high_percent - paired.low_percent
  )


def test_an_interval_is_that_of_resampled_images():
  """The matrix products are the loop over drawn images that they replace."""
  rng = np.random.default_rng(0)
  ours, theirs = images(rng, num_images=30, by=1.02, own_noise=0.5)
  found = compare.rate_difference_interval(
    ours, theirs, num_resamples=40, level=0.5, seed=3
  )
  counts = np.random.default_rng(3).multinomial(30, [1 / 30] * 30, size=40)
  resampled = []
  for count in counts:
    drawn = np.repeat(np.arange(30), count)
    sides = [
      tuple(e[n][:, drawn].mean(1) for n in ('rate_nats', 'distortion_nats'))
      for e in (ours, theirs)
    ]
    resampled.append(difference(*sides))
  ends = np.quantile(resampled, [0.25, 0.75])
  np.testing.assert_allclose([found.low_percent, found.high_percent], ends)
  assert found.num_degenerate == 0


def test_degenerate_resamples_are_counted_and_left_out():
  # Without the first image the reference has collapsed altogether.
  reference = {
    'rate_nats': np.array([[6.0, 0, 0], [3.0, 0, 0]]),
    'distortion_nats': np.array([[1.0, 1, 1], [2.0, 2, 2]]),
  }
  found = compare.rate_difference_interval(
    reference, reference, num_resamples=1000
  )
  assert found.percent == found.low_percent == found.high_percent == 0
  share = (2 / 3) ** 3
  error = np.sqrt(share * (1 - share) / 1000)
  assert abs(found.num_degenerate / 1000 - share) < 4 * error


def test_two_sides_of_different_images_are_refused():
  rng = np.random.default_rng(0)
  ours, _ = images(rng, num_images=30)
  theirs, _ = images(rng, num_images=31)
  with pytest.raises(errors.UserError, match='same images'):
    compare.rate_difference_interval(ours, theirs)
  with pytest.raises(errors.UserError, match='same images'):
    gap(*(tuple(e[n][0] for n in e) for e in (ours, theirs)))


def gap(curve, reference, **kwargs):
  return compare.paired_gap(
    *curve,
    reference_rate=reference[0],
    reference_distortion=reference[1],
    **kwargs,
  )


def test_a_gap_has_the_error_of_the_difference_and_not_of_the_values():
  rng = np.random.default_rng(0)
  image = 100 * rng.normal(size=10_000)
  rate, distortion = 4 + image, 9 - 2 * image
  noise = rng.normal(size=(2, 10_000))
  found = gap(
    (rate + 0.5 + noise[0], distortion - noise[1]), (rate, distortion)
  )
  assert abs(found.nats - 0.5) < 4 * found.stderr_nats
  assert found.stderr_nats == pytest.approx(np.sqrt(2 / 10_000), rel=0.03)
  assert found.num_examples == 10_000


@pytest.mark.parametrize('beta', [0.1, 1.0, 3.0])
def test_a_gap_weighs_the_rate(beta):
  found = gap(([5.0, 7.0], [1.0, 1.5]), ([4.0, 4.0], [2.0, 2.0]), beta=beta)
  assert found.nats == pytest.approx(2 * beta - 0.75)
  assert found.stderr_nats == pytest.approx(abs(2 * beta + 0.5) / 2)


def test_a_gap_of_one_image_has_no_error():
  found = gap(([5.0], [1.0]), ([4.0], [2.5]))
  assert found.nats == -0.5
  assert np.isnan(found.stderr_nats)
