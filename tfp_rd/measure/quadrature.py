# SPDX-License-Identifier: Apache-2.0
"""Integrals of many positive functions, on grids as fine as each needs them.

The hat function of a node of a grid is a weighted sum of those of the grid of
half the step, of which `w_o = 2^-|o|` belongs to the node at the offset o:

    hat(z) = sum_o w_o hat'(z - o step / 2),   o in {-1, 0, 1}^k

So any node may be replaced by finer ones, without its neighbours, and hats
still sum to one; each contributes `weight f(node) step^k`.  Where samples are
dense the grid begins fine, and it is halved where that changes what is summed.
"""

import itertools
from typing import NamedTuple

import numpy as np

__all__ = ['Integrals', 'MOST_DIMENSIONS', 'log_integrals']

MOST_DIMENSIONS = 2
_FIRST = 32  # Nodes of the first grid along each dimension.
_LEVELS = 24  # Halvings for which there are whole numbers.
_SAMPLES_A_NODE = 16
# A node is done where halving changes its part by less than this part of it, or
# where the function is so many nats below its peak: six deviations of a bump,
# of which one that lies between the nodes is thereby noticed.
_RESOLVED = 0.03
_DEPTH = 18.0
_MOST_NODES = 4_000_000


class Integrals(NamedTuple):
  """Logarithms of the integrals.

  Attributes:
    log_values: `[F]`.
    changes: `[F]`, what the last halving changed in each: more than the error
      that is left, infinite where nodes became too many.
  """

  log_values: np.ndarray
  changes: np.ndarray


class _Nodes(NamedTuple):
  """Nodes, in whole numbers of the finest step.

  Attributes:
    which: `[P]`, the number of the function.
    level: `[P]`, of halvings.
    place: `[P, k]`.
    weight: `[P]`.
  """

  which: np.ndarray
  level: np.ndarray
  place: np.ndarray
  weight: np.ndarray

  def take(self, chosen):
    """Returns some of the nodes."""
    return _Nodes(*(array[chosen] for array in self))

  def halved(self):
    """Returns nodes `[P 3^k]`, those that replace each in turn."""
    k = self.place.shape[1]
    offsets = np.array([*itertools.product((-1, 0, 1), repeat=k)])
    num = len(offsets)
    step = 2 ** (_LEVELS - 1 - self.level)
    place = self.place[:, None] + step[:, None, None] * offsets
    weight = self.weight[:, None] * 0.5 ** np.abs(offsets).sum(1)
    return _Nodes(
      self.which.repeat(num),
      self.level.repeat(num) + 1,
      place.reshape(-1, k),
      weight.ravel(),
    )

  def merged(self):
    """Returns each node once with the sum of its weights, and the places."""
    columns = (self.which, self.level, *self.place.T)
    order = np.lexsort(columns)
    sorted_columns = [column[order] for column in columns]
    is_new = np.ones(len(order), bool)
    is_new[1:] = np.any([np.diff(c) != 0 for c in sorted_columns], axis=0)
    inverse = np.empty(len(order), int)
    inverse[order] = is_new.cumsum() - 1
    once = self.take(order[is_new])
    return once._replace(weight=np.bincount(inverse, self.weight)), inverse


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
    The integrals.

  Costs a few thousand values of all functions, and then of each, for two
  dimensions, some ten thousand a bump.
  """
  box = _Box.around(samples, rim)
  sums = _Sums(integrand, box, tolerance)
  nodes, parts = sums.begin(_start(box, samples))
  while 0 < len(parts) < _MOST_NODES and nodes.level.max() < _LEVELS:
    nodes, parts = sums.halve(nodes, parts)
  return sums.end(nodes, parts)


class _Sums:
  """What is summed so far, in units of the greatest value of each function."""

  def __init__(self, integrand, box, tolerance):
    self._integrand, self._box, self._tolerance = integrand, box, tolerance
    self._peaks = np.full(integrand.num, -np.inf)
    self._done = np.zeros(integrand.num)
    self._changes = np.full(integrand.num, np.inf)

  def begin(self, start):
    """Returns nodes of all functions, and what each contributes."""
    num, size = self._integrand.num, len(start.which)
    values = self._integrand.everywhere(self._box.points(start))
    self._peaks = values.max(1)
    nodes = _Nodes(
      np.arange(num).repeat(size),
      *(np.concatenate([array] * num) for array in start[1:]),
    )
    scaled = np.exp(values.ravel() - self._peaks[nodes.which])
    return nodes, nodes.weight * self._box.cell(nodes) * scaled

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
      & (np.abs(sums - parts) > _RESOLVED * sums)
      & (values.reshape(of_node).max(1) > -_DEPTH)
    )
    # The error falls with the square of the step: Richardson's extrapolation.
    better = sums + (sums - parts) / 3
    self._done += self._total(nodes.which[~goes_on], better[~goes_on])
    kept = np.repeat(goes_on, len(values) // len(parts))
    remaining, places = finer.take(kept).merged()
    return remaining, np.bincount(places, finer_parts[kept])

  def end(self, nodes, parts):
    """Returns the integrals; nodes that are left were too many."""
    done = self._done + self._total(nodes.which, parts)
    self._changes[np.unique(nodes.which)] = np.inf
    return Integrals(np.log(done) + self._peaks, self._changes)

  def _total(self, which, parts):
    return np.bincount(which, parts, minlength=self._integrand.num)

  def _rescale(self, values, which):
    """Takes greater peaks into account; returns by what sums were divided."""
    peaks = self._peaks.copy()
    np.maximum.at(peaks, which, values)
    shrink = np.exp(self._peaks - peaks)
    self._peaks = peaks
    self._done *= shrink
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


class _Box(NamedTuple):
  """From whole numbers to points: `low` and the finest `step`, `[k]`."""

  low: np.ndarray
  step: np.ndarray

  @classmethod
  def around(cls, samples, rim):
    """Spans the samples and a rim, by the first grid."""
    low, high = samples.min(0), samples.max(0)
    rim = rim * (high - low)
    size = (_FIRST - 1) * 2.0**_LEVELS
    return cls(low - rim, (high - low + 2 * rim) / size)

  def points(self, nodes):
    """Returns `[P, k]` float32."""
    return (self.low + nodes.place * self.step).astype(np.float32)

  def cell(self, nodes):
    """Returns `[P]`, the volume that belongs to a node of its level."""
    lengths = self.step * 2.0 ** (_LEVELS - nodes.level)[:, None]
    return lengths.prod(1)


def _start(box, samples):
  """Returns nodes of which none has many samples about it."""
  k = samples.shape[1]
  axes = [np.arange(_FIRST) * 2**_LEVELS] * k
  place = np.stack(np.meshgrid(*axes, indexing='ij'), -1).reshape(-1, k)
  zeros = np.zeros(len(place), int)
  nodes = _Nodes(zeros, zeros, place, np.ones(len(place)))
  scaled = (samples - box.low) / box.step
  leaves = []
  for level in range(_LEVELS):
    is_full = _count(nodes, scaled, 2 ** (_LEVELS - level)) > _SAMPLES_A_NODE
    leaves.append(nodes.take(~is_full))
    if not is_full.any():
      break
    nodes, _ = nodes.take(is_full).halved().merged()
  else:
    leaves.append(nodes)
  return _Nodes(*map(np.concatenate, zip(*leaves, strict=True)))


def _count(nodes, scaled, step):
  """Counts the samples within a step of each node, along every axis."""
  k = scaled.shape[1]
  floors = np.floor(scaled / step).astype(int)
  corners = np.array([*itertools.product((0, 1), repeat=k)])
  found = (floors[:, None] + corners).reshape(-1, k)
  every = np.concatenate([nodes.place // step, found])
  _, inverse = np.unique(every, axis=0, return_inverse=True)
  inverse = inverse.ravel()
  counts = np.bincount(inverse[len(nodes.place) :], minlength=inverse.max() + 1)
  return counts[inverse[: len(nodes.place)]]
