# SPDX-License-Identifier: Apache-2.0
"""Times two functions in turn, so that both have the same disturbances."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ['in_turn', 'median_ratio', 'seconds']


def seconds(function: Callable[[], Any]) -> float:
  """Returns how long one call takes."""
  start = time.perf_counter()
  function()
  return time.perf_counter() - start


def in_turn(
  first: Callable[[], Any], second: Callable[[], Any], *, num_pairs: int
) -> tuple[list[float], list[float]]:
  """Times two functions one after the other, again and again.

  Args:
    first: Function without arguments.
    second: Function without arguments.
    num_pairs: How often each is timed, after one call that is not.

  Returns:
    Seconds of the calls of `first`, and of those of `second`.  Every other
    pair begins with `second`, so that no side always comes first.
  """
  first()
  second()
  pairs = []
  for n in range(num_pairs):
    if n % 2:
      pairs.append((seconds(first), seconds(second)))
    else:
      pairs.append((seconds(second), seconds(first))[::-1])
  return tuple(map(list, zip(*pairs, strict=True)))


def median_ratio(above: Sequence[float], below: Sequence[float]) -> float:
  """Returns the median ratio of times of the same pair."""
  return float(
    statistics.median(a / b for a, b in zip(above, below, strict=True))
  )
