# SPDX-License-Identifier: Apache-2.0
"""Numbers with their standard errors: estimates in nats, and measured values.

Every mean over images in the package is computed here.  No TensorFlow here.
"""

import math
import numbers
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

import numpy as np

__all__ = ['STATUSES', 'Estimate', 'Value']

STATUSES = ('exact', 'upper_bound', 'lower_bound', 'estimate', 'undefined')
_COUNTS = ('num_examples', 'num_samples')


class Estimate(NamedTuple):
  """A number of nats.

  Attributes:
    nats: The number.
    stderr_nats: Its standard error; 0 where it is exact, NaN where a single
      value leaves it unknown.
    num_examples: Independent values behind it; 0 where it is exact.
  """

  nats: float
  stderr_nats: float = 0.0
  num_examples: int = 0

  @classmethod
  def of_mean(cls, values: np.ndarray) -> 'Estimate':
    """Estimates an expectation from independent values.

    Args:
      values: `[N]`, nats.

    Returns:
      The mean, with the standard deviation of one value (N - 1 in the
      denominator) over the root of N; NaN for a single value.
    """
    values = np.asarray(values, np.float64)
    n = len(values)
    error = float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    return cls(float(values.mean()), error, n)


class Value(NamedTuple):
  """One number that a measure returns.

  Attributes:
    name: What the column of a table is called.
    value_nats: The number in nats; `None` where it is undefined, or has
      another unit.
    stderr_nats: Its standard error; `None` where that is not known.
    status: What the expectation of the number is to `of`: `'exact'` if they
      are equal, `'upper_bound'`, `'lower_bound'`, or `'estimate'` if none of
      these is known.  `'undefined'` if there is no number.
    of: The quantity that is measured, as in `'I(X;Z)'`.
    cap_nats: The largest number that the estimator can return, if it has one.
    split: The images: `'train'`, `'validation'`, `'test'`, or `'source'` where
      the expectation is over the distribution of the images itself.
    num_examples: Images behind it.
    num_samples: Draws of z for each of them.
    reason: Why there is no number, or why it is to be taken with care.
    value: The number where its unit is not nats.
    stderr: Its standard error.
    unit: That unit; empty for nats.
  """

  name: str
  value_nats: Optional[float] = None
  stderr_nats: Optional[float] = None
  status: str = 'estimate'
  of: str = ''
  cap_nats: Optional[float] = None
  split: str = 'test'
  num_examples: int = 0
  num_samples: int = 0
  reason: str = ''
  value: Optional[float] = None
  stderr: Optional[float] = None
  unit: str = ''

  @classmethod
  def of_estimate(cls, name: str, estimate: Estimate, **fields: Any) -> 'Value':
    """Makes a value in nats of an estimate.

    Args:
      name: The name.
      estimate: The number with its standard error and number of images.
      **fields: The other fields.
    """
    given = {'num_examples': estimate.num_examples, **fields}
    return cls(name, estimate.nats, estimate.stderr_nats, **given)

  @classmethod
  def undefined(cls, name: str, reason: str, *, of: str = '') -> 'Value':
    """Makes a value without a number, which says why there is none."""
    return cls(name, status='undefined', of=of, reason=reason)

  @property
  def number(self) -> Optional[float]:
    """The number in its unit."""
    return self.value if self.unit else self.value_nats

  @property
  def error(self) -> Optional[float]:
    """The standard error in the unit of the number."""
    return self.stderr if self.unit else self.stderr_nats

  def checked(self) -> 'Value':
    """Returns the value in plain Python types.

    A number that is not finite becomes undefined, and a standard error that is
    not finite becomes unknown.

    Raises:
      ValueError: The fields contradict each other or have the wrong type.
    """
    _check_fields(self)
    if self.status == 'undefined':
      return self.undefined(self.name, self.reason, of=self.of)
    number = _plain(self.number)
    if number is None:
      reason = f'the number is not finite ({self.number})'
      return self.undefined(self.name, reason, of=self.of)
    names = ('value', 'stderr') if self.unit else ('value_nats', 'stderr_nats')
    plain = dict.fromkeys(('value', 'stderr', 'value_nats', 'stderr_nats'))
    plain |= {names[0]: number, names[1]: _plain(self.error)}
    plain |= {name: int(getattr(self, name)) for name in _COUNTS}
    return self._replace(**plain, cap_nats=_plain(self.cap_nats))

  def to_dict(self) -> dict[str, Any]:
    """Returns the fields for JSON: those in nats or those with a unit."""
    other = ('value', 'stderr', 'unit')
    left_out = ('value_nats', 'stderr_nats') if self.unit else other
    fields = self.checked()._asdict()
    return {k: v for k, v in fields.items() if k not in left_out}

  @classmethod
  def from_dict(cls, fields: Mapping[str, Any]) -> 'Value':
    """Reads what `to_dict` wrote.

    Raises:
      ValueError: A field is not as it was written.
      TypeError: There is an unknown field, or no name.
    """
    value = cls(**fields)
    if value.to_dict() != dict(fields):
      raise ValueError(f'{value.name!r} is not as it was written')
    return value


def _check_fields(value):
  """Refuses fields of a wrong type, and those that contradict each other."""
  texts = ('name', 'of', 'split', 'reason', 'unit')
  wrong = [n for n in texts if not isinstance(getattr(value, n), str)]
  wrong += [
    n for n in _COUNTS if not isinstance(getattr(value, n), numbers.Integral)
  ]
  wrong += ['status'] * (value.status not in STATUSES)
  if wrong:
    raise ValueError(f'{wrong[0]} is {getattr(value, wrong[0])!r}')
  is_undefined = value.status == 'undefined'
  if is_undefined and not value.reason:
    raise ValueError(f'{value.name} is undefined without a reason')
  if is_undefined != (value.number is None):
    raise ValueError(f'{value.name} is {value.number} and {value.status}')


def _plain(number):
  """Returns a float; `None` for `None` and for what is not finite."""
  if number is None:
    return None
  if isinstance(number, bool) or not isinstance(number, numbers.Real):
    raise ValueError(f'{number!r} is no number')
  return float(number) if math.isfinite(number) else None
