# SPDX-License-Identifier: Apache-2.0
"""Claim 7: the frontier of all models is nearly convex."""

import numpy as np

from tfp_rd.claim import evidence as evidence_lib
from tfp_rd.claim.claim import Claim, graded, NOT_TESTABLE, Verdict
from tfp_rd.curve import frontier, reach
from tfp_rd.estimate import Estimate

__all__ = ['CLAIM']

_NUM_RATES = 200
_MEAN_NATS = 1.0
_MOST_NATS = 3.0
_NUM_STDERRS = 3.0
_LEAST_NATS = 0.1


def _judge(evidence):
  curves = evidence.curves(evidence_lib.MNIST)
  lines = [(c.name, line) for c in curves for line in c.one_run_lines()]
  lines = [(name, line) for name, line in lines if len(line) > 2]
  if not lines:
    return Verdict(NOT_TESTABLE, 'No curve of three points or more.')
  mean, most = _distance(curves)
  rows, num_bent = [], 0
  for name, line in lines:
    bends = _bends(line)
    count = sum(map(_is_bend, bends))
    largest = max(bends, key=lambda bend: bend.nats)
    num_bent += count > 0
    rows.append(
      (f'`{name}`', str(len(line)), str(count),
       evidence_lib.number(largest, '+'))
    )  # fmt: skip
  return graded(
    mean <= _MEAN_NATS and most <= _MOST_NATS,
    num_bent == 0,
    reason=f'The frontier is {mean:.2f} nats of D above its hull in the mean '
    f'and {most:.2f} at most; {len(lines) - num_bent} of {len(lines)} curves '
    'are convex within their errors.',
    table=(
      ('family', 'points', 'above their neighbours', 'the largest (D, nats)'),
      *rows,
    ),
  )


def _distance(curves):
  """Returns how far frontier and hull are apart: the mean, and the most."""
  corners = reach.corners(curves)
  points = reach.bounds(curves)
  hull = points[frontier.lower_hull(*points.T)]
  rates = np.linspace(hull[0, 0], hull[-1, 0], _NUM_RATES)
  apart = [frontier.height(corners, rate) for rate in rates]
  apart -= np.interp(rates, *hull.T)
  return float(apart.mean()), float(apart.max())


def _bends(line):
  """Returns D of each inner point less the chord of its neighbours."""
  line = sorted(line, key=lambda point: point.test.rate.nats)
  return [
    _bend(*three) for three in zip(line[:-2], line[1:-1], line[2:], strict=True)
  ]


def _bend(left, middle, right):
  rates = [p.test.rate.nats for p in (left, middle, right)]
  width = rates[2] - rates[0]
  part = (rates[1] - rates[0]) / width if width else 0.5
  weights = np.array([part - 1, 1.0, -part])
  nats = [p.images and p.images.nats() for p in (left, middle, right)]
  if any(values is None for values in nats):
    means = [p.test.distortion.nats for p in (left, middle, right)]
    return Estimate(float(weights @ means), np.nan)
  slope = (
    right.test.distortion.nats - left.test.distortion.nats
  ) / (width or 1.0)  # fmt: skip
  # An error of R moves a point along the chord.
  return Estimate.of_mean(
    sum(w * (d - slope * r) for w, (r, d) in zip(weights, nats, strict=True))
  )


def _is_bend(bend):
  error = np.nan_to_num(bend.stderr_nats, nan=0.0)
  return bend.nats > max(_NUM_STDERRS * error, _LEAST_NATS)


CLAIM = Claim(
  7,
  'The frontier of all models closely approaches its convex hull, at all '
  'rates.',
  'By eye: staircase and hull are a nat or two apart in Figure 3.',
  f'It holds if the frontier is at most {_MEAN_NATS:g} nat of D above its hull '
  f'in the mean and {_MOST_NATS:g} anywhere, and no point of a curve is above '
  f'the line between its neighbours by more than {_NUM_STDERRS:g} standard '
  f'errors and {_LEAST_NATS:g} nats; in part if one of the two is so.',
  _judge,
)
