# SPDX-License-Identifier: Apache-2.0
"""Initial values and seeds: every layer gets a seed of its own."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd import errors

__all__ = ['as_seed', 'fold_in', 'normal', 'split', 'uniform', 'zeros']


def as_seed(seed) -> tf.Tensor:
  """Returns `seed` as an int32 `[2]` tensor; an integer s means (0, s).

  Raises:
    UserError: An integer beyond 32 bits.
  """
  if isinstance(seed, (int, np.integer)):
    if not -(2**31) <= seed < 2**31:
      raise errors.UserError(f'seed is {seed}; it must fit into 32 bits.')
    seed = (0, seed)
  return tf.convert_to_tensor(seed, tf.int32)


def split(seed, n: int) -> list[tf.Tensor]:
  """Returns `n` independent seeds; `seed` itself must not be used again."""
  return tf.unstack(tfp.random.split_seed(as_seed(seed), n=n), num=n)


def fold_in(seed, number) -> tf.Tensor:
  """Returns the seed that belongs to `number` (a step, a layer) of `seed`."""
  return tf.random.fold_in(as_seed(seed), tf.cast(number, tf.int32))


def uniform(shape, *, seed, dtype='float32') -> tf.Tensor:
  """Returns numbers in [0, 1), the same on every device and under XLA."""
  return tf.random.stateless_uniform(
    shape, as_seed(seed), dtype=dtype, alg='philox'
  )


def normal(shape, *, seed, gain=1.0, dtype='float32', name) -> tf.Variable:
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


def zeros(shape, *, dtype='float32', name) -> tf.Variable:
  """Returns a variable of zeros."""
  return tf.Variable(tf.zeros(shape, dtype), name=name)
