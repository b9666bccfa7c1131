# SPDX-License-Identifier: Apache-2.0
"""The Pareto frontier of points and lines in the plane, and its convex hull.

All are pure functions of rates and distortions.  A line between two models is
reached by time-sharing: each image goes to one of the two by a coin that both
sides see, and R and D are linear in the coin's probability.  No TensorFlow
here.
"""

from collections.abc import Sequence

import numpy as np

__all__ = ['envelope', 'height', 'lower_hull', 'pareto']


def pareto(rate: np.ndarray, distortion: np.ndarray) -> np.ndarray:
  """Returns the points that no other point beats in both coordinates.

  Args:
    rate: `[P]`, nats.
    distortion: `[P]`, nats.

  Returns:
    Indices `[Q]` by rising rate and strictly falling distortion; of equal
    points, one.
  """
  rate, distortion = np.asarray(rate), np.asarray(distortion)
  order = np.lexsort((distortion, rate))
  falling = distortion[order]
  lowest_before = np.r_[np.inf, np.minimum.accumulate(falling)[:-1]]
  return order[falling < lowest_before]


def lower_hull(rate: np.ndarray, distortion: np.ndarray) -> np.ndarray:
  """Returns the corners of the convex hull that face the origin.

  They are the points that minimise `D + beta R` for some `beta > 0`: what a
  beta-ELBO could select among all of them.

  Args:
    rate: `[P]`, nats.
    distortion: `[P]`, nats.

  Returns:
    Indices `[Q]`, some of `pareto`'s, in its order.
  """
  rate, distortion = np.asarray(rate), np.asarray(distortion)
  corners = []
  for i in pareto(rate, distortion):
    while len(corners) > 1 and not _turns_left(
      *((rate[j], distortion[j]) for j in (*corners[-2:], i))
    ):
      corners.pop()
    corners.append(int(i))
  return np.array(corners, int)


def envelope(
  rate: np.ndarray, distortion: np.ndarray, lines: Sequence[np.ndarray] = ()
) -> np.ndarray:
  """Returns the least distortion that points and lines reach up to a rate.

  Without lines it is the staircase of the points.

  Args:
    rate: `[P]`, nats, of single points.
    distortion: `[P]`, nats.
    lines: Each `[L, 2]`, rate and distortion of neighbours that are joined.

  Returns:
    Corners `[Q, 2]` of a line that falls or is level, by rising rate, from the
    least rate to the largest.
  """
  lines = [np.asarray(line, np.float64).reshape([-1, 2]) for line in lines]
  single = np.stack([rate, distortion], -1).astype(np.float64)
  points = np.concatenate([single.reshape([-1, 2]), *lines])
  if not len(points):
    return points
  pieces = _pieces(lines)
  places = np.unique(np.r_[points[:, 0], _crossings(pieces)])
  lowest = _lowest_points(points, places)
  ends = _lowest_pieces(pieces, places)
  corners = _sweep(places, lowest, ends)
  return np.array([*corners, (places[-1], corners[-1][1])])


def height(corners: np.ndarray, rate: float) -> float:
  """Returns the least distortion up to a rate.

  Args:
    corners: As of `envelope`.
    rate: Nats.

  Returns:
    Nats; infinite below the least rate.
  """
  x, y = corners.T
  n = int(np.searchsorted(x, rate, side='right')) - 1
  if n < 0:
    return float('inf')
  if n + 1 == len(x) or x[n] == rate:
    return float(y[n])
  part = (rate - x[n]) / (x[n + 1] - x[n])
  return float(y[n] + part * (y[n + 1] - y[n]))


def _turns_left(a, b, c):
  return (b[0] - a[0]) * (c[1] - a[1]) > (b[1] - a[1]) * (c[0] - a[0])


def _pieces(lines):
  """Returns pieces `[S, 4]`: rate and distortion of a left and a right end."""
  pieces = [np.concatenate([line[:-1], line[1:]], 1) for line in lines]
  pieces = np.concatenate([np.empty([0, 4]), *pieces])
  turned = pieces[:, 0] > pieces[:, 2]
  pieces[turned] = pieces[turned][:, [2, 3, 0, 1]]
  return pieces[pieces[:, 0] < pieces[:, 2]]  # An upright one has its ends.


def _crossings(pieces):
  """Returns the rates at which two pieces cross."""
  x0, y0, x1, y1 = pieces.T
  slope = (y1 - y0) / (x1 - x0)
  base = y0 - slope * x0
  with np.errstate(divide='ignore', invalid='ignore'):
    x = (base[:, None] - base) / (slope - slope[:, None])
  inside = np.maximum(x0, x0[:, None]) < x
  inside &= x < np.minimum(x1, x1[:, None])
  return x[np.triu(inside, 1)]


def _lowest_points(points, places):
  lowest = np.full(len(places), np.inf)
  np.minimum.at(lowest, np.searchsorted(places, points[:, 0]), points[:, 1])
  return lowest


def _lowest_pieces(pieces, places):
  """Returns the lowest piece between places, its two heights `[B - 1, 2]`."""
  left, right = places[:-1, None], places[1:, None]
  if not len(pieces):
    return np.full([len(left), 2], np.inf)
  x0, y0, x1, y1 = pieces.T
  slope = (y1 - y0) / (x1 - x0)
  spans = (x0 <= left) & (right <= x1)
  middle = np.where(spans, y0 + slope * ((left + right) / 2 - x0), np.inf)
  best = middle.argmin(1)
  ends = np.concatenate([left, right], 1) - x0[best, None]
  ends = y0[best, None] + slope[best, None] * ends
  return np.where(spans.any(1, keepdims=True), ends, np.inf)


def _sweep(places, lowest, ends):
  """Returns corners from left to right; a rise leaves the level as it is."""
  corners, level = [], np.inf
  for n, place in enumerate(places):
    if lowest[n] < level:
      if corners:
        corners.append((place, level))
      level = lowest[n]
      corners.append((place, level))
    if n == len(ends):
      break
    start, end = ends[n]
    if end < level:
      part = max(start - level, 0.0) / (start - end) if start > end else 0.0
      corners.append((place + part * (places[n + 1] - place), level))
      level = end
      corners.append((places[n + 1], level))
  return corners
