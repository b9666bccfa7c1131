# SPDX-License-Identifier: Apache-2.0
"""Layers and models of Keras 3, whose variables no tf.Module sees."""

from typing import Any

import tensorflow as tf

from tfp_rd import errors
from tfp_rd.network.own_losses import is_keras_3, is_tf_keras

__all__ = ['refuse']

# Packages whose objects hold no network of a user's.
_CLOSED = ('builtins', 'numpy', 'tensorflow', 'tensorflow_probability')
# How deep attributes and containers are looked into.
_DEPTH = 4


def refuse(value: Any, role: str) -> None:
  """Refuses a value that is, or holds, a layer or model of Keras 3.

  Args:
    value: A module, or another object.
    role: What part it belongs to.

  Raises:
    UserError: It does.
  """
  found = _found_in(value)
  if found is not None:
    raise errors.UserError(
      f'the {role} holds a Keras 3 model or layer ({type(found).__name__}), '
      'whose variables no tf.Module sees; build it with tf_keras instead.'
    )


def _found_in(value, depth=_DEPTH):
  """Returns what is of Keras 3 among what a value holds, or `None`."""
  if is_keras_3(value):
    return value
  is_elsewhere = depth < _DEPTH and isinstance(value, tf.Module)
  if not depth or is_elsewhere or is_tf_keras(value):
    return None
  found = (_found_in(v, depth - 1) for v in _inside(value))
  return next((v for v in found if v is not None), None)


def _inside(value):
  """Returns items of a container, or attributes of an object of a user's."""
  if isinstance(value, (list, tuple, set)):
    return [*value]
  if isinstance(value, dict):
    return [*value.values()]
  home = type(value).__module__.split('.')[0]
  if home in _CLOSED or callable(value) and not isinstance(value, tf.Module):
    return []
  return [*getattr(value, '__dict__', {}).values()]
