# SPDX-License-Identifier: Apache-2.0
"""Functions of long arrays in chunks of one shape, each traced once."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

__all__ = ['log_sum', 'mapped']


def mapped(
  function: Callable[..., tf.Tensor], size: int
) -> Callable[..., np.ndarray]:
  """Returns a function that maps arrays chunk by chunk.

  Args:
    function: Maps tensors `[size, ...]` to a tensor `[size, ...]`.
    size: Rows of a chunk.

  Returns:
    A function of NumPy arrays of equal length, which returns float64.
  """
  compiled = tf.function(
    lambda *x: tf.cast(function(*x), tf.float64), autograph=False
  )

  def call(*arrays):
    parts = []
    for start in range(0, len(arrays[0]), size):
      chunk = [array[start : start + size] for array in arrays]
      full = [_filled(array, size) for array in chunk]
      values = _run(compiled, *map(tf.constant, full))
      parts.append(values[: len(chunk[0])])
    return np.concatenate(parts)

  return call


def log_sum(
  function: Callable[..., tf.Tensor],
  rows: np.ndarray,
  log_weights: np.ndarray,
  *,
  size: int,
) -> np.ndarray:
  """Computes `log sum_n exp(log_weights_n + function(rows)_n)` in chunks.

  Args:
    function: Maps a NumPy or tensor chunk `[size, ...]` to logs `[S, size]`.
    rows: `[N, ...]`.
    log_weights: `[N]`, float64.
    size: Rows of a chunk.

  Returns:
    `[S]` float64.
  """

  @tf.function(autograph=False)
  def of_chunk(x, log_weight):
    logs = tf.cast(function(x), tf.float64) + log_weight
    return tf.reduce_logsumexp(logs, axis=1)

  parts = []
  for start in range(0, len(rows), size):
    x, log_weight = (a[start : start + size] for a in (rows, log_weights))
    missing = size - len(x)  # What fills up a chunk has weight 0.
    log_weight = np.pad(log_weight, [0, missing], constant_values=-np.inf)
    x = tf.constant(_filled(x, size))
    parts.append(_run(of_chunk, x, tf.constant(log_weight)))
  return np.logaddexp.reduce(parts, axis=0)


def _run(function, *tensors):
  # TensorFlow warns of functions that are traced often, for one model after
  # the other too; a concrete function is not counted.
  return function.get_concrete_function(*tensors)(*tensors).numpy()


def _filled(array, size):
  """Returns a chunk of `size` rows, the last one repeated."""
  missing = size - len(array)
  return np.concatenate([array, np.repeat(array[-1:], missing, 0)])
