# SPDX-License-Identifier: Apache-2.0
"""Runs the layers of a masked network degree by degree.

See `tfp_rd.network.masked_solver`, which describes a network and its transpose
by stages.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

__all__ = ['Stage', 'run', 'starts']


@dataclasses.dataclass(frozen=True)
class Stage:
  """The computation of one layer at each degree.

  For the units of a degree it adds `bias` and `product(units, seen, h)`, where
  h are results of the stage before it, up to this degree; for the first stage,
  results of the last stage at the degrees before.  `finish(units, sums)` turns
  the sums into results.

  Attributes:
    product: Function of a range of units, a range of results of the stage
      before, and these results.
    bias: `[units, 1]` or `[units, N]`.
    sums: `[D + 1]`, where the units of each degree start.
    results: `[D + 1]`, where the results of each degree start.
    finish: Function of a range of units and of their sums.
  """

  product: Callable
  bias: tf.Tensor
  sums: np.ndarray
  results: np.ndarray
  finish: Callable


def starts(degrees: Sequence[np.ndarray]) -> list[np.ndarray]:
  """Returns where the units of each degree start, `[D + 1]` for each layer."""
  ends = np.arange(len(degrees[0]) + 1)
  return [np.searchsorted(d, ends) for d in degrees]


def run(
  stages: Sequence[Stage], *, like: tf.Tensor, descending: bool = False
) -> list[tf.Tensor]:
  """Runs all stages at each degree, the degrees in their order.

  Args:
    stages: The stages in the order in which they come at each degree.
    like: `[D, N]`.
    descending: Whether the last degree comes first.

  Returns:
    The results of each stage, `[units, N]`, sorted by degree.
  """
  num_degrees = like.shape[0]
  done = [like[:0]] * len(stages)
  # Balances what is copied within chunks against what is copied between them.
  size = math.isqrt(num_degrees)
  chunks = range(0, num_degrees, size)
  for start in reversed(chunks) if descending else chunks:
    chunk = slice(start, min(start + size, num_degrees))
    blocks = _run_chunk(stages, done, chunk, like, descending)
    done = [
      _join([results, *new], descending)
      for results, new in zip(done, blocks, strict=True)
    ]
  return done


def _run_chunk(stages, done, chunk, like, descending):
  """Returns the new results of each stage, one block for each degree."""
  bases = [
    _base(stage, stages[n - 1].results, done[n - 1], chunk, like, descending)
    for n, stage in enumerate(stages)
  ]
  blocks = [[] for _ in stages]
  degrees = range(chunk.start, chunk.stop)
  for degree in reversed(degrees) if descending else degrees:
    for n, stage in enumerate(stages):
      units = slice(*stage.sums[degree : degree + 2])
      h = bases[n][degree - chunk.start]
      before = blocks[n - 1]
      if before and units.start < units.stop:
        begin = chunk.stop - len(before) if descending else chunk.start
        seen = slice(begin, begin + len(before))
        seen = _units(stages[n - 1].results, seen)
        h += stage.product(units, seen, _join(before, descending))
      blocks[n].append(stage.finish(units, h))
  return blocks


def _base(stage, starts, done, chunk, like, descending):
  """Returns what earlier chunks contribute to each degree of a chunk.

  Args:
    stage: The stage whose sums are wanted.
    starts: Where the results of each degree start in the stage before.
    done: `[units, N]`, these results from earlier chunks.
    chunk: The degrees.
    like: `[D, N]`.
    descending: Whether the last degree comes first.
  """
  units = _units(stage.sums, chunk)
  bias = stage.bias[units]
  if done.shape[0]:
    earlier = slice(chunk.stop, -1) if descending else slice(0, chunk.start)
    base = stage.product(units, _units(starts, earlier), done) + bias
  else:
    shape = [units.stop - units.start, tf.shape(like)[1]]
    base = tf.broadcast_to(bias, shape)
  return tf.split(base, np.diff(stage.sums[chunk.start : chunk.stop + 1]))


def _units(starts, degrees):
  """Turns a range of degrees into the range of their units."""
  return slice(int(starts[degrees.start]), int(starts[degrees.stop]))


def _join(blocks, descending):
  return tf.concat(blocks[::-1] if descending else blocks, 0)
