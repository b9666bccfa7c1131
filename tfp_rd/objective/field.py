# SPDX-License-Identifier: Apache-2.0
"""Fields of objectives: their canonical text, and checks of their range."""

import dataclasses
import math

from tfp_rd import errors

__all__ = ['as_call', 'check_positive']


def as_call(objective) -> str:
  """Returns `name(field=value, ...)`: the first field and what is set."""
  shown = [
    f'{field.name}={getattr(objective, field.name)!r}'
    for n, field in enumerate(dataclasses.fields(objective))
    if n == 0 or getattr(objective, field.name) != field.default
  ]
  return f'{objective.name}({", ".join(shown)})'


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
