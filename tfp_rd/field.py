# SPDX-License-Identifier: Apache-2.0
"""Checks of the fields of records, each refused by one sentence.

A check also makes a value canonical, so that 1 and 1.0, or NumPy's integers and
Python's, are one value with one text.  No TensorFlow here.
"""

import math
import numbers
import os
import re
import types
from collections.abc import Iterable
from typing import Any

import numpy as np

from tfp_rd import errors

__all__ = [
  'check_bool',
  'check_choice',
  'check_number',
  'check_numbers',
  'check_positive',
  'check_text',
  'check_type',
  'check_whole',
  'set_field',
  'whole',
]


def set_field(record, name: str, value: Any) -> None:
  """Sets a field of a frozen record while it is being made."""
  object.__setattr__(record, name, value)


def check_whole(
  record, name: str, *, least=-math.inf, most=math.inf, optional=False
) -> None:
  """Makes a field an `int`, and checks that it lies in a range.

  Args:
    record: A frozen dataclass, in its `__post_init__`.
    name: The field.
    least: The least value.
    most: The largest.
    optional: Whether `None` is a value.

  Raises:
    UserError: The value is something else.
  """
  value = getattr(record, name)
  if optional and value is None:
    return
  is_whole = _is_real(value) and math.isfinite(value) and value == int(value)
  if not (is_whole and least <= value <= most):
    raise errors.UserError(
      f'{_name(record, name)} is {value!r}; expected {_whole(least, most)}.'
    )
  set_field(record, name, int(value))


def whole(name: str, value: Any, *, least: int) -> int:
  """Returns an argument as an `int`; raises as `check_whole` does."""
  record = types.SimpleNamespace(**{name: value})
  check_whole(record, name, least=least)
  return getattr(record, name)


def check_number(
  record, name: str, *, low=-math.inf, high=math.inf, closed='', optional=False
) -> None:
  """Makes a field a finite `float` between two numbers.

  Args:
    record: A frozen dataclass, in its `__post_init__`.
    name: The field.
    low: The lower end.
    high: The upper end.
    closed: Which ends are values too: `''`, `'low'` or `'both'`.
    optional: Whether `None` is a value.

  Raises:
    UserError: The value is something else.
  """
  value = getattr(record, name)
  if optional and value is None:
    return
  inside = _is_real(value) and math.isfinite(value) and low <= value <= high
  if inside and (
    (closed not in ('low', 'both') and value == low)
    or (closed != 'both' and value == high)
  ):
    inside = False
  if not inside:
    raise errors.UserError(
      f'{_name(record, name)} is {value!r}; expected '
      f'{_interval(low, high, closed)}.'
    )
  set_field(record, name, float(value))


def check_positive(record, *names: str, or_zero=False, optional=False) -> None:
  """Makes fields positive, finite floats.

  Args:
    record: A frozen dataclass, in its `__post_init__`.
    *names: The fields.
    or_zero: Whether 0 is a value.
    optional: Whether `None` is a value.

  Raises:
    UserError: A value is something else.
  """
  closed = 'low' if or_zero else ''
  for name in names:
    check_number(record, name, low=0, closed=closed, optional=optional)


def check_choice(record, name: str, choices) -> None:
  """Refuses a field that is none of the choices.

  Raises:
    UserError: It is none of them.
  """
  value = getattr(record, name)
  if not isinstance(value, str) or value not in choices:
    listed = ', '.join(repr(choice) for choice in choices)
    raise errors.UserError(
      f'{_name(record, name)} is {value!r}; choose one of {listed}.'
    )


def check_numbers(record, name: str, *, low=-math.inf) -> None:
  """Makes a field a tuple of finite floats above a number.

  Raises:
    UserError: It is something else.
  """
  values = getattr(record, name)
  if isinstance(values, str) or not isinstance(values, Iterable):
    raise errors.UserError(
      f'{_name(record, name)} is {values!r}; expected a sequence of numbers.'
    )
  for value in (values := tuple(values)):
    if not (_is_real(value) and math.isfinite(value) and value > low):
      raise errors.UserError(
        f'{_name(record, name)} has {value!r}; expected '
        f'{_interval(low, math.inf, "")}.'
      )
  set_field(record, name, tuple(map(float, values)))


def check_text(
  record, name: str, *, pattern: str = '.*', what: str = ''
) -> None:
  """Makes a field a `str`; refuses what is no text, or not of a pattern.

  Args:
    record: A frozen dataclass, in its `__post_init__`.
    name: The field; a path counts as text.
    pattern: A regular expression for the whole text.
    what: What the text should be, in words; by default the pattern.

  Raises:
    UserError: It is something else.
  """
  value = getattr(record, name)
  if isinstance(value, os.PathLike):
    value = os.fspath(value)
  if not isinstance(value, str):
    raise errors.UserError(
      f'{_name(record, name)} is {value!r}; expected text.'
    )
  if not re.fullmatch(pattern, value, re.DOTALL):
    raise errors.UserError(
      f'{_name(record, name)} is {value!r}; expected '
      f'{what or f"text like {pattern}"}.'
    )
  set_field(record, name, str(value))


def check_type(record, name: str, cls: type) -> None:
  """Refuses a field that is not of a class.

  Raises:
    UserError: It is something else.
  """
  value = getattr(record, name)
  if not isinstance(value, cls):
    raise errors.UserError(
      f'{_name(record, name)} is {value!r:.80}; expected '
      f'{_article(cls.__name__)}.'
    )


def check_bool(record, name: str) -> None:
  """Makes a field a `bool`; refuses what is neither true nor false.

  Raises:
    UserError: It is something else.
  """
  value = getattr(record, name)
  if not isinstance(value, (bool, np.bool_)):
    raise errors.UserError(
      f'{_name(record, name)} is {value!r}; expected True or False.'
    )
  set_field(record, name, bool(value))


def _is_real(value):
  return isinstance(value, numbers.Real) and not isinstance(
    value, (bool, np.bool_)
  )


def _name(record, name):
  of = getattr(type(record), 'name', None)  # A property names something else.
  return f'{name} of {of}' if isinstance(of, str) else name


def _whole(least, most):
  if not math.isinf(most):
    return f'a whole number from {least} to {most}'
  if math.isinf(least):
    return 'a whole number'
  kinds = {0: '0 or a positive whole number', 1: 'a positive whole number'}
  return kinds.get(least, f'a whole number from {least} on')


def _interval(low, high, closed):
  if math.isinf(low) and math.isinf(high):
    return 'a finite number'
  if math.isinf(high):
    kinds = {'': 'is positive', 'low': 'is not negative'}
    return f'a finite number that {kinds[closed]}'
  ends = f'{low:g}, {high:g}'
  return {
    '': f'a number between {low:g} and {high:g}',
    'low': f'a number in [{ends})',
    'both': f'a number in [{ends}]',
  }[closed]


def _article(noun):
  return f'an {noun}' if noun[0] in 'AEIOU' else f'a {noun}'
