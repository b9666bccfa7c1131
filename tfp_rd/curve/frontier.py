# SPDX-License-Identifier: Apache-2.0
"""The Pareto frontier of points in the plane, and its convex hull.

Both are pure functions of rates and distortions.  No TensorFlow here.
"""

import numpy as np

__all__ = ['lower_hull', 'pareto']


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


def _turns_left(a, b, c):
  return (b[0] - a[0]) * (c[1] - a[1]) > (b[1] - a[1]) * (c[0] - a[0])
