# SPDX-License-Identifier: Apache-2.0
"""The frontier is what no other point of the plane beats.

Pareto's staircase, its convex hull and the diagonal of the best ELBO, as pure
functions of points.  No TensorFlow here.
"""

from collections.abc import Sequence

import numpy as np

from tfp_rd import curve as curve_lib
from tfp_rd import errors

__all__ = ['below_diagonal', 'best_point', 'lower_hull', 'pareto']


def pareto(rate: np.ndarray, distortion: np.ndarray) -> np.ndarray:
  """Find the points that no other point beats in both coordinates.

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
  """Find the corners of the convex hull that face the origin.

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


def best_point(
  curves: Sequence[curve_lib.Curve],
) -> tuple[curve_lib.Curve, int]:
  """Select the point with the highest ELBO on the validation split.

  Returns:
    curve: The curve it is on.
    index: Its place there.

  Raises:
    UserError: There are no points.
  """
  if not any(len(curve) for curve in curves):
    raise errors.UserError('no points to choose from; got no curve with any.')
  points = [(curve, i) for curve in curves for i in range(len(curve))]
  return max(points, key=lambda p: p[0].column('validation_elbo_nats')[p[1]])


def below_diagonal(
  curves: Sequence[curve_lib.Curve], *, num_stderrs: float = 4.0
) -> list[tuple[curve_lib.Curve, int]]:
  """List the test points that are too good beside the best on validation.

  A point's own standard error of the ELBO is the measure.  All models saw the
  same images, which makes this cautious: differences vary less than that.

  Args:
    curves: Of one data set.
    num_stderrs: Standard errors below the diagonal that are let pass.

  Returns:
    Curve and place of each point whose D + R is below the diagonal.
  """
  best, index = best_point(curves)
  bar = best.column('elbo_nats')[index]
  return [
    (curve, i)
    for curve in curves
    for i, gap in enumerate(curve.column('elbo_nats') - bar)
    if gap > num_stderrs * curve.column('elbo_stderr_nats')[i]
  ]


def _turns_left(a, b, c):
  return (b[0] - a[0]) * (c[1] - a[1]) > (b[1] - a[1]) * (c[0] - a[0])
