# SPDX-License-Identifier: Apache-2.0
"""Integrals of many functions at once, each on a grid as fine as it needs.

The trapezoidal rule errs exponentially little for smooth functions that vanish
at the rim, once its step is that of their narrowest bump.  So each function's
grid is halved until its integral no longer changes, and only where it has any
mass: bumps may be a hundredth of the box.
"""

import itertools
from typing import NamedTuple

import numpy as np

__all__ = ['Integrals', 'MOST_DIMENSIONS', 'log_integrals']

MOST_DIMENSIONS = 2
# Points this many nats below a function's peak are left out: 6 deviations of a
# bump, so that one is found whose deviation is an eighth of the first step.
_DEPTH = 18.0
_MOST_HALVINGS = 7
_MOST_POINTS = 4_000_000


class Integrals(NamedTuple):
  """Logarithms of the integrals.

  Attributes:
    log_values: `[F]`.
    changes: `[F]`, what the last halving of its grid changed in each.
  """

  log_values: np.ndarray
  changes: np.ndarray


def log_integrals(integrand, low, high, *, num_points, tolerance) -> Integrals:
  """Integrates positive functions over a box.

  Args:
    integrand: Has `num` F, the number of functions; `everywhere(points)`, their
      logarithms `[F, P]` at `[P, k]`; and `at(which, points)`, the logarithm of
      one function `[P]` at each point.
    low: `[k]`, where the box begins.
    high: `[k]`, where it ends.
    num_points: Of the first grid along each dimension.
    tolerance: Change of an integral's logarithm at which it is done.

  Returns:
    The integrals.  Changes above the tolerance say that the halvings were too
    many or the points too numerous.

  Costs F `num_points^k` values, and for each halving some `20^k` a bump.
  """
  step = (high - low) / (num_points - 1)
  axes = [np.arange(num_points)] * len(low)
  nodes = np.stack(np.meshgrid(*axes, indexing='ij'), -1).reshape(-1, len(low))
  values = integrand.everywhere(_points(nodes, low, step))
  found = np.logaddexp.reduce(values, axis=1) + np.log(step).sum()
  is_active = values > values.max(1, keepdims=True) - _DEPTH
  which, places = np.nonzero(is_active)
  nodes, changes = nodes[places], np.full(integrand.num, np.inf)
  for _ in range(_MOST_HALVINGS):
    which, nodes = _halve(which, nodes)
    if len(which) > _MOST_POINTS:
      break
    step = step / 2
    values = integrand.at(which, _points(nodes, low, step))
    totals, peaks = _reduce(values, which, integrand.num)
    here = np.unique(which)
    after = totals[here] + np.log(step).sum()
    changes[here] = np.abs(after - found[here])
    found[here] = after
    kept = (changes[which] > tolerance) & (values > peaks[which] - _DEPTH)
    which, nodes = which[kept], nodes[kept]
    if not len(which):
      break
  return Integrals(found, changes)


def _points(nodes, low, step):
  return (low + nodes * step).astype(np.float32)


def _halve(which, nodes):
  """Returns the nodes of half the step at and around each node."""
  k = nodes.shape[1]
  around = np.array([*itertools.product((-1, 0, 1), repeat=k)])
  children = (2 * nodes[:, np.newaxis] + around).reshape(-1, k)
  owners = np.repeat(which, len(around))
  # One integer a node, so that each is kept once.
  least, span = children.min(0), np.ptp(children, axis=0) + 1
  shape = (owners.max() + 1, *span)
  keys = np.ravel_multi_index((owners, *(children - least).T), shape)
  owners, *coordinates = np.unravel_index(np.unique(keys), shape)
  return owners, np.stack(coordinates, -1) + least


def _reduce(values, which, num):
  """Returns the log of the sum of exponentials of each function, and peaks."""
  peaks = np.full(num, -np.inf)
  np.maximum.at(peaks, which, values)
  sums = np.bincount(which, np.exp(values - peaks[which]), minlength=num)
  with np.errstate(divide='ignore'):  # Functions that are done have no points.
    return np.log(sums) + peaks, peaks
