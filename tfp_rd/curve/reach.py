# SPDX-License-Identifier: Apache-2.0
"""What curves reach in the plane: points, and the lines of one run.

No TensorFlow here.
"""

import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfp_rd.curve import frontier
from tfp_rd.curve.point import CurvePoint

if TYPE_CHECKING:
  from tfp_rd.curve.curve import Curve

__all__ = ['bounds', 'corners', 'lines', 'on_frontier']


def bounds(curves: 'Iterable[Curve]') -> np.ndarray:
  """Returns R and D on test `[P, 2]` of the points that are bounds."""
  points = [_place(p) for curve in curves for p in curve.points if _is_bound(p)]
  return np.reshape(points, [-1, 2])


def lines(curves: 'Iterable[Curve]') -> list[np.ndarray]:
  """Returns R and D `[L, 2]` of neighbours of one run that are bounds."""
  found = []
  for curve in curves:
    for line in curve.one_run_lines():
      for is_bound, points in itertools.groupby(line, _is_bound):
        if is_bound:
          found.append(np.array([_place(point) for point in points]))
  return found


def corners(curves: 'Sequence[Curve]') -> np.ndarray:
  """Returns the frontier of curves, as `tfp_rd.curve.frontier.envelope`."""
  return frontier.envelope(*bounds(curves).T, lines(curves))


def on_frontier(curves: 'Sequence[Curve]') -> list[list[bool]]:
  """Returns for each point of each curve whether nothing is below it.

  Below is a point, or the line between two neighbours of one run, with less D
  and no more R.
  """
  line, points = corners(curves), bounds(curves)
  unbeaten = set(map(tuple, points[frontier.pareto(*points.T)].tolist()))
  return [
    [_is_bound(p) and _is_on(line, unbeaten, _place(p)) for p in curve.points]
    for curve in curves
  ]


def _is_on(line, unbeaten, place):
  rate, distortion = place
  is_below = distortion > frontier.height(line, rate) + 1e-9
  return place in unbeaten and not is_below


def _place(point):
  return point.test.rate.nats, point.test.distortion.nats


def _is_bound(point: CurvePoint):
  values = point.test.rate, point.test.distortion
  return point.is_bound('rate', 'distortion') and None not in values
