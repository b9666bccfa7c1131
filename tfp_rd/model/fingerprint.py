# SPDX-License-Identifier: Apache-2.0
"""What a compiled function of a model has taken from its plain attributes."""

import types
from typing import Any

import numpy as np
import tensorflow as tf

__all__ = ['fingerprint']

# What distributions of TFP keep of their own shapes, anew at every use.
_CACHES = '_Distribution__cached'
_PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic)


def fingerprint(model: tf.Module) -> tuple[Any, ...]:
  """Returns a value that changes when a part or a plain attribute does.

  Numbers and text count by their values, in lists, tuples and mappings up to
  three deep, in arrays, and in the variables that a function has closed over;
  other objects count by what they are.  Values of variables do not count, nor
  do globals of a user's functions.

  Args:
    model: Any module.

  Returns:
    A tuple to compare with another one.  It keeps the model's attributes alive,
    but not the model.
  """
  found = []
  for module in (model, *model.submodules):
    if module is not model:
      found.append(_Same(module))
    for name, value in sorted(vars(module).items()):
      if value is not model and not name.startswith(_CACHES):
        found.append((name, _mark(value, 3)))
  return tuple(found)


def _mark(value, depth):
  if isinstance(value, _PLAIN):
    return value
  if isinstance(value, np.ndarray) and value.dtype != object:
    return value.shape, value.tobytes()
  if depth and isinstance(value, (list, tuple)):
    return tuple(_mark(item, depth - 1) for item in value)
  if depth and isinstance(value, dict):
    return tuple((_mark(k, 0), _mark(value[k], depth - 1)) for k in value)
  if depth and isinstance(value, types.FunctionType) and value.__closure__:
    cells = (_contents(cell) for cell in value.__closure__)
    return _Same(value), tuple(_mark(c, depth - 1) for c in cells)
  return _Same(value)


def _contents(cell):
  try:
    return cell.cell_contents
  except ValueError:  # Not assigned yet.
    return None


class _Same:
  """Equals what wraps the very same object, which it keeps alive."""

  def __init__(self, value):
    self._value = value

  def __eq__(self, other):
    return isinstance(other, _Same) and self._value is other._value

  def __hash__(self):
    return id(self._value)
