# SPDX-License-Identifier: Apache-2.0
"""Where a curve of one run is evaluated next, so that its points lie densely.

A curve is known between two betas by a straight line.  Where the rate jumps
from one beta to the next, the line is long and the curve is not straight, and
one more beta between them costs an evaluation and no training.  No TensorFlow
here.
"""

import math
from collections.abc import Mapping
from typing import Optional

import numpy as np

__all__ = ['next_beta']

# A jump of the rate between neighbours is at most this part of the range of
# rates, or so many nats: rates of a model that ignores z differ by noise alone.
_PART_OF_RANGE = 1 / 20
_LEAST_JUMP_NATS = 0.1
# Betas are read and typed by people.
_DIGITS = 4


def next_beta(
  rates_nats: Mapping[float, float], *, max_points: int
) -> Optional[float]:
  """Returns the beta at which a curve is to be evaluated next.

  It halves, in log beta, the interval in which the rate jumps most.  The answer
  follows from the points alone: whoever asks again goes on where another
  stopped, and gets nothing where nothing is missing.

  Args:
    rates_nats: R on validation at each beta that the curve has.
    max_points: The most points that a curve is to have.

  Returns:
    The beta, of four digits; `None` if there are `max_points` points, if no
    jump exceeds a twentieth of the range of rates or 0.1 nats, or if the betas
    of a jump differ by less than four digits tell.
  """
  if len(rates_nats) >= max_points:
    return None
  betas = sorted(rates_nats)
  rates = [rates_nats[beta] for beta in betas]
  most = max(_LEAST_JUMP_NATS, _PART_OF_RANGE * (max(rates) - min(rates)))
  jumps = np.abs(np.diff(rates))
  wide = [
    n
    for n in np.flatnonzero(jumps > most).tolist()
    if _between(*betas[n : n + 2]) is not None
  ]
  if not wide:
    return None
  widest = max(wide, key=lambda n: jumps[n])  # The first of several.
  return _between(*betas[widest : widest + 2])


def _between(low, high):
  """Returns the geometric mean to four digits, `None` if that is an end."""
  middle = float(f'{math.sqrt(low * high):.{_DIGITS}g}')
  return middle if low < middle < high else None
