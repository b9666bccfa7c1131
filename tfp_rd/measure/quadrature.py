# SPDX-License-Identifier: Apache-2.0
"""Integrals of many positive functions, each on a grid that adapts to it.

A node contributes `weight f(node) step^k` to the sum.  It is replaced by nodes
of half the step (see `nested_grid`) where that changes the sum.
"""

from typing import Any, NamedTuple

import numpy as np

from tfp_rd.measure import nested_grid

__all__ = ['Integrals', 'MOST_DIMENSIONS', 'log_integrals']

MOST_DIMENSIONS = 2
# A node is not refined further if that changes its contribution by less than
# this fraction, or if the function is so many nats below its peak, which is six
# standard deviations of a Gaussian.
_RESOLVED = 0.03
_DEPTH = 18.0
_RIM = 1e-3  # Largest fraction of an integral on the boundary of the box.
_MOST_NODES = 9_000_000


class Integrals(NamedTuple):
  """Logarithms of the integrals.

  Attributes:
    log_values: `[F]`.
    changes: `[F]`, the total change of `log_values` at the last refinement of
      each node; the remaining error is about a tenth of it.  Infinite where the
      integral is known to be wrong: there were too many nodes, or the function
      does not vanish on the boundary.
    peaks: `[F]`, the largest values of the functions at any node.
  """

  log_values: np.ndarray
  changes: np.ndarray
  peaks: np.ndarray


def log_integrals(
  integrand: Any, samples: np.ndarray, *, rim: float, tolerance: float
) -> Integrals:
  """Integrates positive functions over all of space.

  Args:
    integrand: Has `num` F, the number of functions; `everywhere(points)`, their
      logarithms `[F, P]` at `[P, k]`; and `at(which, points)`, the logarithm of
      one function `[P]` at each point.
    samples: `[M, k]`, points where the functions are large, coarsely.
    rim: Margin of the box around the samples, as a fraction of their range.
    tolerance: Change of an integral's logarithm below which it is accepted.

  Returns:
    The integrals.  A peak is found if a node near it sees the function rise.
    A narrow peak that is away from the samples, on the slope of a higher one,
    can be missed, and `changes` does not show it.

  For two dimensions this costs a few thousand values of all functions, and
  then about ten thousand values for each peak of each function.
  """
  box = nested_grid.Box.around(samples, rim)
  sums = _Sums(integrand, box, tolerance)
  nodes, parts = sums.begin(nested_grid.start(box, samples))
  most = _MOST_NODES // 3 ** samples.shape[1]
  while 0 < len(parts) < most and nodes.level.max() < nested_grid.LEVELS:
    nodes, parts = sums.halve(nodes, parts)
  return sums.end(nodes, parts)


class _Sums:
  """The sums so far, in units of the largest value of each function."""

  def __init__(self, integrand, box, tolerance):
    self._integrand, self._box, self._tolerance = integrand, box, tolerance
    self._peaks = np.full(integrand.num, -np.inf)
    self._done = np.zeros(integrand.num)
    self._changes = np.full(integrand.num, np.inf)
    self._moved = np.zeros(integrand.num)
    self._at_rim = np.zeros(integrand.num, bool)

  def begin(self, start):
    """Returns nodes of all functions, and the contribution of each."""
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
    """Refines nodes; returns those to be refined again, and contributions."""
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
      & ~(np.abs(sums - parts) < _RESOLVED * sums)  # 0 and 0 decide nothing.
      & (_peak_around(values.reshape(of_node)) > -_DEPTH)
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
    """Returns the integrals; any remaining nodes exceeded the limit."""
    done = self._done + self._total(nodes.which, parts)
    changes = np.abs(self._moved) / done
    changes[np.unique(nodes.which)] = np.inf
    changes[self._at_rim] = np.inf
    return Integrals(np.log(done) + self._peaks, changes, self._peaks)

  def _total(self, which, parts):
    return np.bincount(which, parts, minlength=self._integrand.num)

  def _rescale(self, values, which):
    """Updates the peaks; returns the factors by which the sums shrink."""
    peaks = self._peaks.copy()
    np.maximum.at(peaks, which, values)
    shrink = np.exp(self._peaks - peaks)
    self._peaks = peaks
    self._done *= shrink
    self._moved *= shrink
    return shrink

  def _compare(self, which, before, after):
    """Records how much a refinement changed the integrals."""
    here = np.unique(which)
    before, after = (
      (self._done + self._total(which, parts))[here]
      for parts in (before, after)
    )
    with np.errstate(divide='ignore'):  # What was not seen before.
      self._changes[here] = np.abs(np.log(after) - np.log(before))


def _peak_around(values):
  """Returns `[P]`, an estimate from above of a function around each node.

  With `v_0` the value at the node, `v_max` the largest of the `3^k` values of
  the finer grid around it, and `v_-i`, `v_+i` the neighbours along an axis:

      2 v_max - v_0 + sum_i max(0, 2 v_0 - v_-i - v_+i) / 2

  The first part extrapolates a slope.  A parabola exceeds the larger of two
  nodes by at most an eighth of the second difference; half of it is added.

  Args:
    values: `[P, 3^k]`, logarithms of the function.
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
