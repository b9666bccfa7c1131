# SPDX-License-Identifier: Apache-2.0
"""Measures: records that compute numbers of a trained model.

A new measure is one new file and one line in the table.  It is a frozen
dataclass of plain fields with a name, derived from `Measure`, and

    values(model, data, *, beta, seed)    returns a `Measured`: values, checks

`tfp_rd.measure.NAME(...)` makes the record, and calling the record with a model
and a data set measures:

```python
data = tfp_rd.dataset.load(tfp_rd.DataConfig('templates(side=2)'))
model = tfp_rd.build('---', image_shape=(2, 2, 1), latent_size=2)
shares = tfp_rd.measure.shares(num_draws=100, num_images=10)
values, checks = shares(model, data, beta=1.0)
```

No TensorFlow here: it starts when something is measured.
"""

import importlib
import re

from tfp_rd import record_text
from tfp_rd.estimate import Value
from tfp_rd.measure.measure import Measure, Measured
from tfp_rd.measure.quadrature import MOST_DIMENSIONS

__all__ = [
  'MOST_DIMENSIONS',
  'EncoderShare',
  'LossShares',
  'Measure',
  'Measured',
  'Value',
  'encoder_share',
  'loss_shares',
  'measure_run',
  'names',
  'parse',
  'parse_several',
]

_CLASSES = {
  'shares': ('tfp_rd.measure.shares', 'Shares'),
}

# Functions that bring TensorFlow, and their records.
_HOMES = {
  'EncoderShare': 'tfp_rd.measure.best_encoder',
  'encoder_share': 'tfp_rd.measure.best_encoder',
  'LossShares': 'tfp_rd.measure.excess_split',
  'loss_shares': 'tfp_rd.measure.excess_split',
  'measure_run': 'tfp_rd.measure.finished_run',
}


def _class(name):
  module, class_name = _CLASSES[name]
  return getattr(importlib.import_module(module), class_name)


def names() -> tuple[str, ...]:
  """Returns the names that `parse` knows."""
  return tuple(_CLASSES)


def parse(text: str) -> Measure:
  """Reads a measure from its repr, without evaluating anything.

  Args:
    text: As in `'shares(num_draws=100)'`; fields left out have their defaults.

  Returns:
    The measure; `parse(repr(measure)) == measure`.

  Raises:
    UserError: Unknown measure or field, or a value out of range.
  """
  return record_text.parse(text, _CLASSES, kind='measure')


def parse_several(text: str) -> tuple[Measure, ...]:
  """Reads measures that are separated by commas outside of brackets.

  Args:
    text: As in `'shares(num_draws=100, seed=1), shares'`.

  Returns:
    The measures, each once, in their order.

  Raises:
    UserError: As `parse`, or there is no measure.
  """
  # A comma is outside of brackets if no bracket closes before one opens.
  parts = [part.strip() for part in re.split(r',(?![^()]*\))', text)]
  return tuple(dict.fromkeys(map(parse, parts)))


def __getattr__(name):
  if name not in _HOMES:
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
  return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__():
  return sorted({*__all__, *_CLASSES})


# A measure's module may have the name of the measure, which is then that of the
# record: Python binds the name of a module but once.
globals().update({name: _class(name) for name in _CLASSES})
