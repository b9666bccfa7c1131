# SPDX-License-Identifier: Apache-2.0
"""The frontier of points and lines, against its definition."""

import numpy as np
import pytest

from tfp_rd.curve import frontier, reach
from tfp_rd.curve.curve import Curve

SEEDS = range(25)


def cloud(seed):
  """Single points, and lines that fall, rise and cross each other."""
  rng = np.random.default_rng(seed)
  single = rng.integers(0, 12, [rng.integers(0, 6), 2]).astype(float)
  lines = [
    rng.integers(0, 12, [n, 2]).astype(float)
    for n in rng.integers(1, 6, rng.integers(0 if len(single) else 1, 4))
  ]
  return single, lines


def least(single, lines, rate):
  """The least distortion up to a rate, by trying all of it."""
  found = [d for r, d in single if r <= rate]
  for line in lines:
    found += [d for r, d in line if r <= rate]
    for (r0, d0), (r1, d1) in zip(line[:-1], line[1:], strict=True):
      for part in np.r_[np.linspace(0, 1, 41), _part(r0, r1, rate)]:
        r = r0 + part * (r1 - r0)
        if r <= rate + 1e-9:
          found.append(d0 + part * (d1 - d0))
  return min(found, default=np.inf)


def _part(r0, r1, rate):
  part = (rate - r0) / (r1 - r0) if r0 != r1 else 0.0
  return [part] if 0 <= part <= 1 else []


@pytest.mark.parametrize('seed', SEEDS)
def test_the_envelope_is_the_least_that_points_and_lines_reach(seed):
  single, lines = cloud(seed)
  corners = frontier.envelope(*single.T, lines)
  assert (np.diff(corners[:, 0]) >= 0).all()
  assert (np.diff(corners[:, 1]) <= 1e-12).all()
  for rate in np.linspace(-1, 13, 57):
    expected = least(single, lines, rate)
    assert frontier.height(corners, rate) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize('seed', SEEDS)
def test_without_lines_it_is_the_staircase(seed):
  single = np.random.default_rng(seed).integers(0, 12, [9, 2]).astype(float)
  corners = frontier.envelope(*single.T)
  steps = single[frontier.pareto(*single.T)]
  x = np.repeat(np.r_[steps[:, 0], single[:, 0].max()], 2)[1:-1]
  np.testing.assert_array_equal(corners, np.c_[x, np.repeat(steps[:, 1], 2)])


def test_nothing_has_no_envelope():
  assert frontier.envelope([], []).shape == (0, 2)


def curve(name, rate, distortion, *, is_one_run=True):
  columns = {
    'beta': tuple(range(len(rate), 0, -1)),
    'is_one_run': (is_one_run,) * len(rate),
    'rate_nats': rate,
    'distortion_nats': distortion,
  }
  return Curve.from_columns(name, '', columns)


def test_a_line_fills_the_hole_that_a_staircase_has():
  rate, distortion = (2.0, 7.0), (15.0, 11.0)
  at_five = [
    frontier.height(reach.corners([one]), 5.0)
    for one in (
      curve('-+-', rate, distortion),
      curve('-+-', rate, distortion, is_one_run=False),
    )
  ]
  # Three nats that are not there.
  assert at_five == [pytest.approx(15 - 4 * 3 / 5), 15.0]


def test_what_a_line_beats_is_not_on_the_frontier():
  line = curve('---', (2.0, 7.0), (15.0, 11.0))
  below = curve('+--', (4.0,), (13.3,), is_one_run=False)
  above = curve('+-+', (4.0,), (13.5,), is_one_run=False)
  assert reach.on_frontier([line, below, above]) == [
    [True, True],
    [True],
    [False],
  ]


def test_lines_of_two_runs_are_not_joined():
  columns = {
    'beta': (1.0, 2.0, 1.0, 2.0),
    'rate_nats': (8.0, 4.0, 9.0, 5.0),
    'distortion_nats': (9.0, 12.0, 7.0, 11.0),
    'is_one_run': (True,) * 4,
    'num_steps': (1, 1, 2, 2),
  }
  found = reach.lines([Curve.from_columns('mine', '', columns)])
  assert [line[:, 0].tolist() for line in found] == [[8.0, 4.0], [9.0, 5.0]]
