# SPDX-License-Identifier: Apache-2.0
"""In which precision convolutions and dense layers multiply.

A step of the training may multiply in bfloat16 what it adds up in float32;
weights, gates, flows, log-densities and sums stay in float32, and so does every
evaluation, which is traced outside of `multiplying_in`.
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterator

import tensorflow as tf

__all__ = ['multiply', 'multiplying_in']

_dtype = contextvars.ContextVar('dtype', default='float32')


@contextlib.contextmanager
def multiplying_in(dtype: str) -> Iterator[None]:
  """Lets the layers that are traced inside multiply in this type.

  Args:
    dtype: `'bfloat16'`, or `'float32'` for the type of the weights.
  """
  token = _dtype.set(dtype)
  try:
    yield
  finally:
    _dtype.reset(token)


def multiply(
  product: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], x, kernel
) -> tf.Tensor:
  """Computes `product(x, kernel)`, returned in the type of x.

  Args:
    product: A bilinear operation, such as a convolution.
    x: Features.
    kernel: Weights, as a tensor or a variable.
  """
  if _dtype.get() == 'float32':
    return product(x, kernel)
  low = [tf.cast(value, _dtype.get()) for value in (x, kernel)]
  return tf.cast(product(*low), x.dtype)
