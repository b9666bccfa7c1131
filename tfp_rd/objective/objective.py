# SPDX-License-Identifier: Apache-2.0
"""What every objective has: a name, plain numbers, and what follows from them.

No TensorFlow here.
"""

import dataclasses
from typing import Any, ClassVar, Optional

from tfp_rd import record_text

__all__ = ['Objective']


class Objective:
  """An objective is a frozen dataclass of plain numbers that derives from this.

  It defines `losses(draws, context)` and `score(point)`, and may define any of
  the attributes and methods below; TensorFlow is imported inside of methods.

  Attributes:
    name: The name in its text, as in `'beta_elbo(beta=0.5)'`.
    metric_names: Names of the metrics that `losses` returns.
    is_curve: Whether it trains a whole curve: one model for many betas.
    beta_range: The least and the largest beta of such a curve, else `None`.
    beta: The weight of the rate that its result is reported at; `None` for an
      objective that is not told by a beta.
  """

  name: ClassVar[str] = ''
  metric_names: ClassVar[tuple[str, ...]] = ()
  is_curve: ClassVar[bool] = False
  beta_range: Optional[tuple[float, float]] = None
  beta: Optional[float] = None

  def __repr__(self):
    return record_text.write(self)

  @property
  def label(self) -> str:
    """The text without its beta, as in `'beta_elbo'`, for tables."""
    text = record_text.write(self, omit=('beta',))
    return text.removesuffix('()')

  @property
  def is_plain(self) -> bool:
    """Whether nothing but beta differs from the defaults, and there is one."""
    return self.beta is not None and self.label == self.name

  def at_beta(self, beta: float) -> Any:
    """Returns the objective at another beta; itself where it has none."""
    names = [field.name for field in dataclasses.fields(self)]
    if 'beta' not in names:
      return self
    return dataclasses.replace(self, beta=beta)
