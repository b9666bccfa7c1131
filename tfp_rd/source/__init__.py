# SPDX-License-Identifier: Apache-2.0
"""Sources: distributions of binary images whose entropy is known.

A source is a frozen dataclass of plain numbers, and

    sample(num, seed=)          independent images, and their labels
    probabilities(num, seed=)   rows from which training draws pixels afresh
    log_prob(images)            log p*(x) in nats
    entropy()                   H in nats, with its standard error
    information()               of an image about its labels, in nats

`parse` reads one from its repr.  A new source is one module and one line in the
table.  No TensorFlow here.
"""

import importlib
from typing import TYPE_CHECKING, Union

from tfp_rd import record_text
from tfp_rd.estimate import Estimate
from tfp_rd.source.draws import Draws
from tfp_rd.source.enumeration import check_enumerable, every_image

if TYPE_CHECKING:
  from tfp_rd.source.factors import Factors
  from tfp_rd.source.ising import Ising
  from tfp_rd.source.templates import Templates

  Source = Union[Factors, Ising, Templates]

__all__ = [
  'Draws',
  'Estimate',
  'Factors',
  'Ising',
  'Templates',
  'check_enumerable',
  'every_image',
  'is_source',
  'names',
  'parse',
]

_CLASSES = {
  'templates': ('tfp_rd.source.templates', 'Templates'),
  'factors': ('tfp_rd.source.factors', 'Factors'),
  'ising': ('tfp_rd.source.ising', 'Ising'),
}


def __getattr__(name):
  for module, class_name in _CLASSES.values():
    if name == class_name:
      return getattr(importlib.import_module(module), class_name)
  raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def names() -> tuple[str, ...]:
  """Returns the names that `parse` knows."""
  return tuple(_CLASSES)


def is_source(text: str) -> bool:
  """Whether a text is the name of a source or a call of it, valid or not."""
  text = str(text).strip()  # A user's file may come as a path.
  name, bracket, _ = text.partition('(')
  # `ising(1).npz` is a user's file.
  return name in _CLASSES and (not bracket or text.endswith(')'))


def parse(text: str) -> 'Source':
  """Reads a source from its repr, without evaluating anything.

  Args:
    text: As in `'templates(noise=0.1)'`; fields left out have their defaults.

  Returns:
    The source; `parse(repr(source)) == source`.

  Raises:
    UserError: Unknown source or field, or a value out of range.
  """
  return record_text.parse(text, _CLASSES, kind='source')
