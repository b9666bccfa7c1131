# SPDX-License-Identifier: Apache-2.0
"""Initial weights and seeds: every layer gets a seed of its own."""

from collections.abc import Sequence
from typing import Optional, SupportsIndex, Union

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

__all__ = [
  'DType',
  'Seed',
  'as_seed',
  'fold_in',
  'normal',
  'sampling_seed',
  'split',
  'uniform',
  'zeros',
]

# An integer s, which means (0, s), or a pair; arrays and tensors are the first.
Seed = Union[SupportsIndex, Sequence[int]]
DType = Union[str, tf.DType]


def as_seed(seed: Seed) -> tf.Tensor:
  """Returns `seed` as an int32 `[2]` tensor; an integer s means (0, s).

  Raises:
    ValueError: `seed` is an integer that does not fit into 32 bits.
  """
  if isinstance(seed, (int, np.integer)):
    if not -(2**31) <= seed < 2**31:
      raise ValueError(f'seed is {seed}; it must fit into 32 bits.')
    seed = (0, seed)
  return tf.convert_to_tensor(seed, tf.int32)


def sampling_seed(seed: Optional[Seed]) -> tf.Tensor:
  """Returns the seed that a distribution was given, or a new one for `None`."""
  return as_seed(tfp.random.sanitize_seed(None) if seed is None else seed)


def split(seed: Seed, n: int) -> list[tf.Tensor]:
  """Returns `n` independent seeds; `seed` itself must not be used again."""
  return tf.unstack(_bits(seed, 0, shape=[n, 2], purpose=1), num=n)


def fold_in(seed: Seed, number: Union[int, tf.Tensor]) -> tf.Tensor:
  """Returns the seed that belongs to `number` (a step, a layer) of `seed`."""
  return _bits(seed, number, shape=[2], purpose=0)


def uniform(
  shape: Sequence[int], *, seed: Seed, dtype: DType = 'float32'
) -> tf.Tensor:
  """Returns numbers in [0, 1), the same on every device and under XLA."""
  bits = tf.cast(_bits(seed, 0, shape=shape, purpose=2), tf.int64)
  # float32 holds no more than 24 bits below 1.
  kept = 24 if tf.as_dtype(dtype) == tf.float32 else 32
  bits = tf.bitwise.right_shift(_unsigned(bits), 32 - kept)
  return tf.cast(bits, dtype) * 2.0**-kept


def _bits(seed, number, *, shape, purpose):
  """Returns int32 of Philox at the counter (number, purpose).

  These bits are the same in a plain graph and under XLA.  TensorFlow's own
  `fold_in`, its uniforms and TFP's `split_seed` differ there for some seeds.
  """
  high, low = tf.unstack(_unsigned(tf.cast(as_seed(seed), tf.int64)))
  key = tf.bitwise.bitwise_or(tf.bitwise.left_shift(high, 32), low)
  counter = tf.stack([tf.cast(number, tf.int64), purpose])
  return tf.raw_ops.StatelessRandomUniformFullIntV2(
    shape=shape,
    key=tf.bitcast(key, tf.uint64)[tf.newaxis],
    counter=tf.bitcast(counter, tf.uint64),
    alg=1,  # Philox.
    dtype=tf.int32,
  )


def _unsigned(x):
  return tf.bitwise.bitwise_and(x, 0xFFFFFFFF)


def normal(
  shape: Sequence[int],
  *,
  seed: Seed,
  gain: float = 1.0,
  dtype: DType = 'float32',
  name: str,
) -> tf.Variable:
  """Returns a weight with variance `gain / fan_in`.

  Args:
    shape: Its shape; the last axis is the output, all others the fan-in.
    seed: A seed of its own.
    gain: Variance gained from input to output.
    dtype: Its type.
    name: Its name.
  """
  fan_in = max(1, int(np.prod(shape[:-1])))
  values = tf.random.stateless_normal(
    shape,
    seed=as_seed(seed),
    stddev=(gain / fan_in) ** 0.5,
    dtype='float64',
    alg='philox',
  )
  return tf.Variable(tf.cast(values, dtype), name=name)


def zeros(
  shape: Sequence[int], *, dtype: DType = 'float32', name: str
) -> tf.Variable:
  """Returns a variable of zeros."""
  return tf.Variable(tf.zeros(shape, dtype), name=name)
