# SPDX-License-Identifier: Apache-2.0
"""A number of nats with its standard error, and checks of a source's fields."""

import math
from typing import NamedTuple

import numpy as np

from tfp_rd import errors

__all__ = ['Estimate', 'check_number', 'check_whole']


class Estimate(NamedTuple):
  """A number of nats.

  Attributes:
    nats: The number.
    stderr_nats: Its standard error; 0 where it is exact.
  """

  nats: float
  stderr_nats: float = 0.0

  @classmethod
  def of_mean(cls, values: np.ndarray) -> 'Estimate':
    """Returns the mean of independent values `[N]`."""
    error = values.std(ddof=1) / math.sqrt(len(values))
    return cls(float(values.mean()), float(error))


def check_whole(source, name, least, most) -> None:
  """Refuses a field that is no whole number from `least` to `most`.

  Raises:
    UserError: It is not.
  """
  value = getattr(source, name)
  if (
    isinstance(value, bool)
    or not isinstance(value, int)
    or not (least <= value <= most)
  ):
    raise errors.UserError(
      f'{name} of {source.name} is {value!r}; expected a whole number from '
      f'{least} to {most}.'
    )


def check_number(source, name, low, high) -> None:
  """Makes a field a float; it must lie strictly between two numbers.

  Raises:
    UserError: It does not.
  """
  value = getattr(source, name)
  if (
    isinstance(value, bool)
    or not isinstance(value, (int, float))
    or not low < value < high
  ):
    raise errors.UserError(
      f'{name} of {source.name} is {value!r}; expected a number between '
      f'{low:g} and {high:g}.'
    )
  # Frozen for everyone else; 1 and 1.0 are one value with one text.
  object.__setattr__(source, name, float(value))
