# SPDX-License-Identifier: Apache-2.0
"""Checks of the range of an objective's fields."""

import math

from tfp_rd import errors

__all__ = ['check_positive']


def check_positive(objective, *names, or_zero=False):
  """Makes fields floats and refuses what is not positive and finite."""
  for name in names:
    value = getattr(objective, name)
    try:
      number = float(value)
    except (TypeError, ValueError):
      number = math.nan
    if not math.isfinite(number) or number < 0 or (number == 0 and not or_zero):
      kind = 'not negative' if or_zero else 'positive'
      raise errors.UserError(
        f'{name} of {objective.name} is {value!r}; it must be {kind} and '
        'finite.'
      )
    # Frozen for everyone else; 1 and 1.0 are one value with one text.
    object.__setattr__(objective, name, number)
