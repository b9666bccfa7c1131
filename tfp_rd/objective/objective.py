# SPDX-License-Identifier: Apache-2.0
"""What every objective has: a name, plain numbers, and what follows from them.

No TensorFlow here.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Optional

from tfp_rd import errors, record_text
from tfp_rd.objective.player import Player

__all__ = ['Objective', 'REQUIREMENTS']

# What an objective may require, and how it is called in a sentence.
REQUIREMENTS = {
  'factorised_encoder': 'an encoder whose dimensions of z are independent',
  'encoder_density': 'an encoder whose density is known at any z',
  'decoder_mean': 'a decoder that knows its mean',
  'labels': 'images with labels',
}


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
      objective that has none.
    num_samples: Draws of z for each image of a step.
    rate: `'monte_carlo'`, or `'analytic'` for KL(e || m) in closed form.
    requires: Names of `REQUIREMENTS`; a model or data set that lacks one is
      refused before the first step.
    static: Numeric fields that shape the compiled step.  `losses` reads these
      from `self`, and all other numbers from `context.numbers`.
  """

  name: ClassVar[str] = ''
  metric_names: ClassVar[tuple[str, ...]] = ()
  is_curve: ClassVar[bool] = False
  static: ClassVar[tuple[str, ...]] = ()
  beta_range: Optional[tuple[float, float]] = None
  beta: Optional[float] = None
  num_samples = 1
  rate = 'monte_carlo'
  requires = ()

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

  def players(self, model, seed) -> Mapping[str, Player]:
    """Returns who learns, by name; here the model alone.

    Args:
      model: The model that is trained.
      seed: Of variables that the objective brings along.
    """
    del seed
    return {'model': Player(model)}

  def found_beta(self, players: Mapping[str, Any]) -> Optional[float]:
    """Returns the price of rate that a training found, `None` for none.

    Args:
      players: What each player's record held, by name, with kept weights.
    """
    del players

  @property
  def numbers(self) -> dict[str, float]:
    """The numeric fields that reach the step as tensors, by name."""
    return {
      field.name: float(getattr(self, field.name))
      for field in self._free_fields()
    }

  def structure(self) -> Any:
    """Returns the record with its `numbers` at their defaults.

    Objectives of one structure share a compiled step.
    """
    defaults = {field.name: field.default for field in self._free_fields()}
    return dataclasses.replace(self, **defaults)

  def as_traced(self) -> Any:
    """Returns a copy for `losses`, in which reading one of `numbers` fails.

    A compiled step serves all values of these numbers; what is read from the
    record would be that of one of them, and wrong for the others.
    """
    free = frozenset(field.name for field in self._free_fields())

    def read(record, name):
      if name in free:
        raise errors.UserError(
          f'losses of {self.name or type(self).__name__} reads {name} of the '
          f'record; read context.numbers[{name!r}], a tensor, so that one '
          f'compiled step serves every value, or name {name!r} in `static`.'
        )
      return object.__getattribute__(record, name)

    cls = type(self)
    traced = object.__new__(
      type(cls.__name__, (cls,), {'__getattribute__': read})
    )
    traced.__dict__.update(vars(self))
    return traced

  def _free_fields(self):
    """Yields fields that are numbers, by default too, and not static."""
    # The number of draws is a shape.
    static = {'num_samples', *self.static}
    for field in dataclasses.fields(self):
      values = (field.default, getattr(self, field.name))
      if field.name not in static and all(map(_is_number, values)):
        yield field


def _is_number(value):
  return isinstance(value, (int, float)) and not isinstance(value, bool)
