# SPDX-License-Identifier: Apache-2.0
"""Parameters of distributions that look learned and will not be.

A distribution that is made once from `tf.nn.softplus(variable)` holds the value
that it had then, not the variable.
"""

import warnings

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

__all__ = ['warn']

tfb = tfp.bijectors
tfd = tfp.distributions

# What has parameters of its own.
_MADE_OF_PARAMETERS = (tfd.Distribution, tfb.Bijector, tf.linalg.LinearOperator)
# Digits of a number that somebody typed.
_TYPED_DIGITS = 4


def warn(part: tf.Module, role: str) -> None:
  """Warns of tensors among the parameters of a part's distributions.

  NumPy arrays, numbers of Python and variables are meant as they are; so are
  numbers of few digits, such as those of `tf.ones` and `tf.zeros`.

  Args:
    part: A part, which may hold distributions as attributes.
    role: What to call it.
  """
  for value in vars(part).values():
    if not isinstance(value, tfd.Distribution):
      continue
    for name, number in _computed(value):
      warnings.warn(
        f'the parameter {name} of {value.name}, a distribution of the {role}, '
        f'is a tensor with values such as {number:g}, which was computed once '
        'and will never be trained; if it is to be, give a '
        'tfp.util.TransformedVariable or tfp.util.DeferredTensor, and if it is '
        'not, a NumPy array.',
        stacklevel=4,
      )


def _computed(value):
  """Yields names and a number of parameters that look computed."""
  for name, parameter in value.parameters.items():
    inside = parameter if isinstance(parameter, (list, tuple)) else [parameter]
    for item in inside:
      if isinstance(item, _MADE_OF_PARAMETERS):
        yield from ((f'{name}.{n}', v) for n, v in _computed(item))
      elif isinstance(item, tf.Tensor) and hasattr(item, 'numpy'):
        yield from ((name, v) for v in _long_numbers(item.numpy())[:1])


def _long_numbers(values):
  if values.dtype.kind != 'f':
    return []
  some = np.unique(values)[:100]
  typed = [values.dtype.type(f'{v:.{_TYPED_DIGITS}g}') for v in some]
  return [v for v, t in zip(some, typed, strict=True) if v != t]
