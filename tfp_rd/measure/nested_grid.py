# SPDX-License-Identifier: Apache-2.0
"""Nodes of nested grids, whose piecewise linear basis functions sum to one.

The hat function of a node is linear along each axis, 1 at the node and 0 at its
neighbours.  It is a weighted sum of hat functions on the grid of half the step,
in which the node at the offset o has the weight `2^-|o|`:

    hat(z) = sum_o w_o hat'(z - o step / 2),   o in {-1, 0, 1}^k

So a node can be replaced by finer ones, while its neighbours stay, and all hat
functions still sum to one.
"""

import itertools
from typing import NamedTuple

import numpy as np

__all__ = ['Box', 'LEVELS', 'Nodes', 'start']

_FIRST = 32  # Nodes of the first grid along each dimension.
LEVELS = 24  # Halvings for which there are whole numbers.
_SAMPLES_A_NODE = 16


class Nodes(NamedTuple):
  """Nodes at integer multiples of the finest step.

  Attributes:
    which: `[P]`, the number of the function that is integrated.
    level: `[P]`, how often the first step was halved.
    place: `[P, k]`, coordinates in units of the finest step.
    weight: `[P]`, the factor of the node's hat function.
  """

  which: np.ndarray
  level: np.ndarray
  place: np.ndarray
  weight: np.ndarray

  def take(self, chosen: np.ndarray) -> 'Nodes':
    """Returns some of the nodes."""
    return Nodes(*(array[chosen] for array in self))

  def halved(self) -> 'Nodes':
    """Returns nodes `[P 3^k]`: the 3^k finer ones of each node, in order."""
    k = self.place.shape[1]
    offsets = np.array([*itertools.product((-1, 0, 1), repeat=k)])
    num = len(offsets)
    step = 2 ** (LEVELS - 1 - self.level)
    place = self.place[:, None] + step[:, None, None] * offsets
    weight = self.weight[:, None] * 0.5 ** np.abs(offsets).sum(1)
    return Nodes(
      self.which.repeat(num),
      self.level.repeat(num) + 1,
      place.reshape(-1, k),
      weight.ravel(),
    )

  def merged(self) -> tuple['Nodes', np.ndarray]:
    """Returns distinct nodes with summed weights, and the index of each."""
    columns = (self.which, self.level, *self.place.T)
    order = np.lexsort(columns)
    sorted_columns = [column[order] for column in columns]
    is_new = np.ones(len(order), bool)
    is_new[1:] = np.any([np.diff(c) != 0 for c in sorted_columns], axis=0)
    inverse = np.empty(len(order), int)
    inverse[order] = is_new.cumsum() - 1
    once = self.take(order[is_new])
    return once._replace(weight=np.bincount(inverse, self.weight)), inverse


class Box(NamedTuple):
  """A box: its lower corner `low` `[k]` and the finest `step` `[k]`."""

  low: np.ndarray
  step: np.ndarray

  @classmethod
  def around(cls, samples: np.ndarray, rim: float) -> 'Box':
    """Returns the box of the samples with a margin around them."""
    low, high = samples.min(0), samples.max(0)
    rim = rim * (high - low)
    size = (_FIRST - 1) * 2.0**LEVELS
    return cls(low - rim, (high - low + 2 * rim) / size)

  def points(self, nodes: Nodes) -> np.ndarray:
    """Returns `[P, k]`."""
    return self.low + nodes.place * self.step

  def is_rim(self, nodes: Nodes) -> np.ndarray:
    """Returns `[P]`, whether a node is on the box's boundary."""
    last = (_FIRST - 1) * 2**LEVELS
    return ((nodes.place <= 0) | (nodes.place >= last)).any(1)

  def cell(self, nodes: Nodes) -> np.ndarray:
    """Returns `[P]`, the integral of each node's hat function."""
    lengths = self.step * 2.0 ** (LEVELS - nodes.level)[:, None]
    return lengths.prod(1)


def start(box: Box, samples: np.ndarray) -> Nodes:
  """Returns nodes, refined until none has many samples around it."""
  k = samples.shape[1]
  axes = [np.arange(_FIRST) * 2**LEVELS] * k
  place = np.stack(np.meshgrid(*axes, indexing='ij'), -1).reshape(-1, k)
  zeros = np.zeros(len(place), int)
  nodes = Nodes(zeros, zeros, place, np.ones(len(place)))
  scaled = (samples - box.low) / box.step
  leaves = []
  for level in range(LEVELS):
    is_full = _count(nodes, scaled, 2 ** (LEVELS - level)) > _SAMPLES_A_NODE
    leaves.append(nodes.take(~is_full))
    if not is_full.any():
      break
    nodes, _ = nodes.take(is_full).halved().merged()
  else:
    leaves.append(nodes)
  return Nodes(*map(np.concatenate, zip(*leaves, strict=True)))


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
