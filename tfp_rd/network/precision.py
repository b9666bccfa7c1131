# SPDX-License-Identifier: Apache-2.0
"""In which precision convolutions and dense layers multiply.

In a step of the training their factors and their result may be bfloat16, and so
may the factors of their gradients.  Weights, gates, flows, log-densities and
sums over pixels, draws and images stay in float32, and so does every
evaluation, which is traced outside of `multiplying_in`.
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterator

import tensorflow as tf

__all__ = ['multiply', 'multiplying_in', 'without_tf32']

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


@contextlib.contextmanager
def without_tf32() -> Iterator[None]:
  """Keeps products of float32 from being rounded to TF32 on GPUs."""
  settings = tf.config.experimental
  before = settings.tensor_float_32_execution_enabled()
  settings.enable_tensor_float_32_execution(False)  # noqa: FBT003
  try:
    yield
  finally:
    settings.enable_tensor_float_32_execution(before)


def multiply(
  product: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
  x: tf.Tensor,
  kernel: tf.Tensor,
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
