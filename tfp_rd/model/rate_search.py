# SPDX-License-Identifier: Apache-2.0
"""Which beta has a given rate: bisection of a curve that should fall.

No TensorFlow here: the curve is a function.
"""

import math
import warnings
from collections.abc import Callable

import numpy as np

from tfp_rd import errors

__all__ = ['find_beta']

# Betas at which the curve is looked at before it is bisected, and halvings of
# one of their intervals: 2^-20 of it is less than float32 tells apart.
_NUM_SCANNED = 9
_MOST_HALVINGS = 20


def find_beta(
  rate_fn: Callable[[float], float],
  rate_nats: float,
  *,
  beta_range: tuple[float, float],
  tolerance_nats: float,
) -> float:
  """Finds where a rate that falls with beta takes a value.

  Args:
    rate_fn: Rate in nats at a beta; of common random numbers, so that it is a
      smooth function.
    rate_nats: The rate that is wanted.
    beta_range: The least and the largest beta.
    tolerance_nats: How near is near enough.

  Returns:
    A beta with `abs(rate_fn(beta) - rate_nats) <= tolerance_nats`.  Costs nine
    evaluations, and one for each halving after them.

  Raises:
    UserError: No scanned interval of betas has the rate, or it lies inside a
      jump.

  Warns where the rate does not fall with beta: several betas may then have it,
  and that in the interval of the least ones is found.
  """
  betas = np.geomspace(*beta_range, _NUM_SCANNED)
  # The ends exactly, whatever the rounding between.
  betas[[0, -1]] = beta_range
  rates = np.array([rate_fn(float(beta)) for beta in betas])
  _warn_of_rises(betas, rates, tolerance_nats)
  near = np.flatnonzero(np.abs(rates - rate_nats) <= tolerance_nats)
  crossed = np.flatnonzero(
    (rates[:-1] - rate_nats) * (rates[1:] - rate_nats) < 0
  )
  if len(near) and not (len(crossed) and crossed[0] + 1 < near[0]):
    return float(betas[near[0]])
  if not len(crossed):
    raise errors.UserError(
      f'a rate of {rate_nats:g} nats is out of reach: betas from '
      f'{beta_range[0]:g} to {beta_range[1]:g} have rates from '
      f'{rates.min():.2f} to {rates.max():.2f} nats.'
    )
  ends = slice(crossed[0], crossed[0] + 2)
  return _bisect(rate_fn, rate_nats, betas[ends], rates[ends], tolerance_nats)


def _bisect(rate_fn, rate_nats, betas, rates, tolerance_nats):
  (low, high), (at_low, at_high) = map(list, (map(float, betas), rates))
  for _ in range(_MOST_HALVINGS):
    middle = math.sqrt(low * high)
    rate = rate_fn(middle)
    if abs(rate - rate_nats) <= tolerance_nats:
      return middle
    if (rate - rate_nats) * (at_low - rate_nats) > 0:
      low, at_low = middle, rate
    else:
      high, at_high = middle, rate
  raise errors.UserError(
    f'the rate jumps from {at_low:.2f} to {at_high:.2f} nats at beta '
    f'{low:.4g}; no beta has {rate_nats:g} nats to within {tolerance_nats:g}.'
  )


def _warn_of_rises(betas, rates, tolerance_nats):
  rises = np.flatnonzero(np.diff(rates) > tolerance_nats)
  if len(rises):
    n = rises[0]
    warnings.warn(
      f'the rate does not fall with beta: it is {rates[n]:.2f} nats at beta '
      f'{betas[n]:.3g} and {rates[n + 1]:.2f} at {betas[n + 1]:.3g}.',
      stacklevel=4,
    )
