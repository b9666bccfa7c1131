# SPDX-License-Identifier: Apache-2.0
"""Integrals of many positive functions, on grids as fine as each needs them.

A node contributes `weight f(node) step^k`, and may be replaced by nodes of half
the step (see `hats`).  It is, where that changes what is summed.
"""

from typing import NamedTuple

import numpy as np

from tfp_rd.measure import nested_grid

__all__ = ['Integrals', 'MOST_DIMENSIONS', 'log_integrals']

MOST_DIMENSIONS = 2
# A node is done where halving changes its part by less than this part of it, or
# where the function is so many nats below its peak, six deviations of a bump.
_RESOLVED = 0.03
_DEPTH = 18.0
_RIM = 1e-3  # Part of an integral that may lie at the rim.
_MOST_NODES = 9_000_000


class Integrals(NamedTuple):
  """Logarithms of the integrals.

  Attributes:
    log_values: `[F]`.
    changes: `[F]`, what the last halving of each node changed in them, all in
      all: what is left is of the order of a tenth of it.  Infinite where it is
      known to be wrong: nodes became too many, or there is mass at the rim.
    peaks: `[F]`, the greatest values that were seen.
  """

  log_values: np.ndarray
  changes: np.ndarray
  peaks: np.ndarray


def log_integrals(integrand, samples, *, rim, tolerance) -> Integrals:
  """Integrates positive functions over all of space.

  Args:
    integrand: Has `num` F, the number of functions; `everywhere(points)`, their
      logarithms `[F, P]` at `[P, k]`; and `at(which, points)`, the logarithm of
      one function `[P]` at each point.
    samples: `[M, k]`, where the functions have their mass, if coarsely.
    rim: What is left around the samples, as a part of their range.
    tolerance: Change of an integral's logarithm at which it is done.

  Returns:
    The integrals.  The grid climbs to a bump that it sees from afar; one that
    another's flank hides, narrow and away from the samples, is missing and not
    told of.

  Costs a few thousand values of all functions, and then of each, for two
  dimensions, some ten thousand a bump.
  """
  box = nested_grid.Box.around(samples, rim)
  sums = _Sums(integrand, box, tolerance)
  nodes, parts = sums.begin(nested_grid.start(box, samples))
  most = _MOST_NODES // 3 ** samples.shape[1]
  while 0 < len(parts) < most and nodes.level.max() < nested_grid.LEVELS:
    nodes, parts = sums.halve(nodes, parts)
  return sums.end(nodes, parts)


class _Sums:
  """What is summed so far, in units of the greatest value of each function."""

  def __init__(self, integrand, box, tolerance):
    self._integrand, self._box, self._tolerance = integrand, box, tolerance
    self._peaks = np.full(integrand.num, -np.inf)
    self._done = np.zeros(integrand.num)
    self._changes = np.full(integrand.num, np.inf)
    self._moved = np.zeros(integrand.num)
    self._at_rim = np.zeros(integrand.num, bool)

  def begin(self, start):
    """Returns nodes of all functions, and what each contributes."""
    num, size = self._integrand.num, len(start.which)
    values = self._integrand.everywhere(self._box.points(start))
    self._peaks = values.max(1)
    nodes = nested_grid.Nodes(
      np.arange(num).repeat(size),
      *(np.concatenate([array] * num) for array in start[1:]),
    )
    scaled = np.exp(values.ravel() - self._peaks[nodes.which])
    parts = nodes.weight * self._box.cell(nodes) * scaled
    at_rim = self._box.is_rim(nodes)
    lost = self._total(nodes.which[at_rim], parts[at_rim])
    self._at_rim = lost > _RIM * self._total(nodes.which, parts)
    return nodes, parts

  def halve(self, nodes, parts):
    """Halves the steps of nodes; returns those that go on, and their parts."""
    finer = nodes.halved()
    once, inverse = finer.merged()
    values = self._integrand.at(once.which, self._box.points(once))
    parts = parts * self._rescale(values, once.which)[nodes.which]
    values = (values - self._peaks[once.which])[inverse]
    finer_parts = finer.weight * self._box.cell(finer) * np.exp(values)
    of_node = (len(parts), -1)
    sums = finer_parts.reshape(of_node).sum(1)
    self._compare(nodes.which, parts, sums)
    goes_on = (
      (self._changes[nodes.which] > self._tolerance)
      & ~(np.abs(sums - parts) < _RESOLVED * sums)  # Two noughts tell nothing.
      & (_highest(values.reshape(of_node)) > -_DEPTH)
    )
    # The error falls with the square of the step: Richardson's extrapolation.
    is_done = self._total(nodes.which[~goes_on], sums[~goes_on])
    moved = self._total(nodes.which[~goes_on], (sums - parts)[~goes_on])
    self._done += is_done + moved / 3
    self._moved += moved
    kept = np.repeat(goes_on, len(values) // len(parts))
    remaining, places = finer.take(kept).merged()
    return remaining, np.bincount(places, finer_parts[kept])

  def end(self, nodes, parts):
    """Returns the integrals; nodes that are left were too many."""
    done = self._done + self._total(nodes.which, parts)
    changes = np.abs(self._moved) / done
    changes[np.unique(nodes.which)] = np.inf
    changes[self._at_rim] = np.inf
    return Integrals(np.log(done) + self._peaks, changes, self._peaks)

  def _total(self, which, parts):
    return np.bincount(which, parts, minlength=self._integrand.num)

  def _rescale(self, values, which):
    """Takes greater peaks into account; returns by what sums were divided."""
    peaks = self._peaks.copy()
    np.maximum.at(peaks, which, values)
    shrink = np.exp(self._peaks - peaks)
    self._peaks = peaks
    self._done *= shrink
    self._moved *= shrink
    return shrink

  def _compare(self, which, before, after):
    """Notes what a halving changed in the integrals."""
    here = np.unique(which)
    before, after = (
      (self._done + self._total(which, parts))[here]
      for parts in (before, after)
    )
    with np.errstate(divide='ignore'):  # What was not seen before.
      self._changes[here] = np.abs(np.log(after) - np.log(before))


def _highest(values):
  """Bounds `[P]` the bumps below a node's hat, from its finer ones `[P, 3^k]`.

  As a parabola would: beyond the highest it rises no more than towards it, and
  between two by an eighth of the second difference, for which there is a half.
  """
  centre = values.shape[1] // 2
  highest, middle = values.max(1), values[:, centre]
  bound = 2 * highest - middle
  axis = 1  # Opposite neighbours along an axis are 3^i before and behind.
  while axis <= centre:
    bend = 2 * middle - values[:, centre - axis] - values[:, centre + axis]
    bound += np.maximum(bend, 0) / 2
    axis *= 3
  return bound
