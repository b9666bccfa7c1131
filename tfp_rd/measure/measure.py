# SPDX-License-Identifier: Apache-2.0
"""What every measure has: a name, plain fields, and a call that returns values.

No TensorFlow here.
"""

import hashlib
import math
import numbers
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Optional, TYPE_CHECKING, Union

from tfp_rd import errors, record_text
from tfp_rd.estimate import Value

if TYPE_CHECKING:
  from tfp_rd.dataset import Dataset
  from tfp_rd.model.latent_variable_model import LatentVariableModel

__all__ = ['Measure', 'Measured']

Check = Union[float, int, bool, None]


class Measured(NamedTuple):
  """What a measure returns for one model at one beta.

  Attributes:
    values: The values.
    checks: Mapping from name to a number or a bool that tells whether the
      values can be trusted; `None` where a check has no finite number.
  """

  values: tuple[Value, ...]
  checks: Mapping[str, Check] = {}


class Measure:
  """A measure is a frozen dataclass of plain fields that derives from this.

  It defines `values`, and checks its fields when it is made.  TensorFlow is
  imported inside of methods, so that the record loads without it.

  Attributes:
    name: The name in its text, as in `'shares(num_draws=100)'`.
  """

  name: ClassVar[str] = ''

  def __repr__(self):
    # A field that is added later changes no text, and so no file and no seed.
    return record_text.write(self, only_changed=True)

  def values(
    self,
    model: 'LatentVariableModel',
    data: 'Dataset',
    *,
    beta: Optional[float],
    seed: tuple[int, int],
  ) -> Measured:
    """Measures a model; each measure defines this.

    Args:
      model: A `LatentVariableModel`.
      data: A `tfp_rd.dataset.Dataset`.
      beta: The price of rate; `None` where the model was trained without one.
      seed: A pair that is used for nothing else.

    Returns:
      The values and the checks.
    """
    raise NotImplementedError

  def __call__(
    self,
    model: 'LatentVariableModel',
    data: 'Dataset',
    *,
    beta: Optional[float] = None,
  ) -> Measured:
    """Measures a model.

    Args:
      model: A `LatentVariableModel`.
      data: A `tfp_rd.dataset.Dataset`.
      beta: The price of rate, for measures that need it.

    Returns:
      The values and the checks, in plain Python types.  They depend on the
      fields and on beta, and not on what was measured before.

    Raises:
      UserError: The model or the data is not what this measure needs.
    """
    found = self.values(model, data, beta=beta, seed=self.seed_at(beta))
    try:
      values = tuple(value.checked() for value in found.values)
    except ValueError as e:
      raise errors.UserError(
        f'the measure {self.name} returned an invalid value: {e}.'
      ) from e
    names = [value.name for value in values]
    if len(set(names)) < len(names):
      raise errors.UserError(
        f'the measure {self.name} returned two values of one name: {names}.'
      )
    return Measured(
      values, {name: _plain(check) for name, check in found.checks.items()}
    )

  def seed_at(self, beta: Optional[float]) -> tuple[int, int]:
    """Returns the seed at one beta: it follows from the text and beta alone."""
    text = f'{self!r} {None if beta is None else float(beta)!r}'
    digest = hashlib.sha256(text.encode()).digest()
    first, second = (
      int.from_bytes(digest[n : n + 4], 'big') >> 1 for n in (0, 4)
    )
    return first, second


def _plain(check: Any) -> Check:
  if check is None or isinstance(check, (bool, str)):
    return check
  if isinstance(check, numbers.Integral):
    return int(check)
  if isinstance(check, numbers.Real):
    return float(check) if math.isfinite(check) else None
  return bool(check)  # NumPy's.
