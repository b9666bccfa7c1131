# SPDX-License-Identifier: Apache-2.0
"""The staircase, the hull and the diagonal, each against its definition."""

import numpy as np
import pytest

from tfp_rd import errors
from tfp_rd.curve import curve as curve_lib
from tfp_rd.curve import diagonal, frontier

CLOUDS = [
  np.random.default_rng(seed).integers(0, 12, size=(2, n)).astype(float)
  for seed, n in enumerate((1, 2, 3, 5, 10, 20, 40, 80) * 5)
]  # Integers, so that there are ties, copies and points on one line.


def corners(cloud, choose):
  return [tuple(cloud[:, i]) for i in choose(*cloud)]


@pytest.mark.parametrize('cloud', CLOUDS)
def test_the_staircase_is_what_no_point_beats(cloud):
  points = set(map(tuple, cloud.T))
  unbeaten = {
    (r, d)
    for r, d in points
    if not any(x <= r and y <= d and (x, y) != (r, d) for x, y in points)
  }
  stairs = corners(cloud, frontier.pareto)
  assert stairs == sorted(unbeaten)
  assert (np.diff([d for _, d in stairs]) < 0).all()


@pytest.mark.parametrize('cloud', CLOUDS)
def test_the_hull_holds_what_some_beta_selects(cloud):
  rate, distortion = cloud
  # Between any two breakpoints, slopes of lines through two points, the best
  # point for D + beta R is one and the same corner.
  run = rate[:, None] - rate
  rise = distortion[:, None] - distortion
  slopes = np.unique(-rise[run != 0] / run[run != 0])
  breaks = np.r_[0, slopes[slopes > 0]]
  betas = (np.r_[breaks[1:], breaks[-1] + 2] + breaks) / 2
  selected = {tuple(cloud[:, np.argmin(distortion + b * rate)]) for b in betas}
  assert corners(cloud, frontier.lower_hull) == sorted(selected)


@pytest.mark.parametrize('cloud', CLOUDS)
def test_the_hull_is_strictly_convex_and_below_every_point(cloud):
  rate, distortion = np.array(corners(cloud, frontier.lower_hull)).T
  assert (np.diff(np.diff(distortion) / np.diff(rate)) > 0).all()
  inside = (cloud[0] >= rate[0]) & (cloud[0] <= rate[-1])
  below = np.interp(cloud[0][inside], rate, distortion)
  assert (cloud[1][inside] >= below - 1e-12).all()


@pytest.mark.parametrize('choose', [frontier.pareto, frontier.lower_hull])
@pytest.mark.parametrize('cloud', CLOUDS[:8])
def test_the_order_of_the_points_does_not_matter(cloud, choose):
  shuffled = cloud[:, np.random.default_rng(0).permutation(cloud.shape[1])]
  assert corners(cloud, choose) == corners(shuffled, choose)


@pytest.mark.parametrize('choose', [frontier.pareto, frontier.lower_hull])
def test_no_points_have_no_frontier(choose):
  assert choose([], []).size == 0


def curve(name, validation_elbo, elbo, stderr=0.1):
  return curve_lib.Curve.from_columns(
    name,
    'made up',
    {
      'beta': tuple(range(1, len(elbo) + 1)),
      'validation_elbo_nats': tuple(validation_elbo),
      'elbo_nats': tuple(elbo),
      'elbo_stderr_nats': (stderr,) * len(elbo),
    },
  )


def test_the_best_point_is_chosen_on_validation_and_not_on_test():
  curves = [curve('---', [-20, -18], [-10, -19]), curve('++v', [-19], [-11])]
  assert diagonal.best_point(curves) == ('---', curves[0].points[1])


def test_there_is_no_best_of_nothing():
  with pytest.raises(errors.UserError, match='no points'):
    diagonal.best_point([])


def test_four_standard_errors_below_the_diagonal_are_let_pass():
  curves = [
    curve('---', [-18], [-20]),
    curve('--+', [-19, -19], [-19.61, -19.59]),
  ]
  assert diagonal.below_diagonal(curves) == [('--+', curves[1].points[1])]
  assert len(diagonal.below_diagonal(curves, num_stderrs=3.8)) == 2
