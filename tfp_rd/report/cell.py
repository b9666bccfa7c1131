# SPDX-License-Identifier: Apache-2.0
"""Cells and tables in Markdown.  No TensorFlow here."""

import math
from collections.abc import Sequence
from typing import Optional

from tfp_rd.curve.point import PointValue
from tfp_rd.estimate import Estimate

__all__ = ['estimate', 'number', 'table_md']


def estimate(value: Estimate, sign: str = '') -> str:
  """Returns a number of nats with its standard error, where that is known.

  Args:
    value: The number.
    sign: `'+'` for a plus before what is positive.
  """
  text = f'{_rounded(value.nats, 2):{sign}.2f}'
  if math.isnan(value.stderr_nats):
    return text
  return f'{text} ± {value.stderr_nats:.2f}'


def number(
  value: Optional[PointValue], *, sign: int = 1, digits: int = 2
) -> str:
  """Returns a value of a point with its errors, in nats.

  Args:
    value: The value, or `None` where there is none.
    sign: -1 for what is shown with its sign turned.
    digits: Behind the point.
  """
  if value is None:
    return ''
  text = f'{_rounded(sign * value.nats, digits):.{digits}f}'
  for error, pattern in (
    (value.stderr_nats, ' ± {}'),
    (value.seed_std_nats, ' [{}]'),
  ):
    if error is not None:
      text += pattern.format(f'{error:.{digits}f}')
  return text


def _rounded(number, digits):
  """Returns a number that is not printed as -0."""
  return round(number, digits) + 0.0


def table_md(
  header: Sequence[str], rows: Sequence[Sequence[str]], *, num_left: int
) -> str:
  """Returns a table.

  Args:
    header: Titles of the columns.
    rows: As many cells each.
    num_left: Columns that are flush left; the others are numbers.
  """
  under = ['---'] * num_left + ['---:'] * (len(header) - num_left)
  return '\n'.join(f'| {" | ".join(line)} |' for line in (header, under, *rows))
