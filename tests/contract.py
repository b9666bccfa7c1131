# SPDX-License-Identifier: Apache-2.0
"""Makes and calls the cases of parts and maps, alike for every test."""

import functools

import numpy as np
import tensorflow as tf
from map_cases import MAPS
from part_cases import CONDITION_SIZE, PARTS, SHAPE

CASES = {**PARTS, **MAPS}
CONDITIONAL = [name for name in CASES if CASES[name].has_condition]
# Of every case, without a condition and with one.
CHOICES = [
  (name, size)
  for name in CASES
  for size in ((0, CONDITION_SIZE) if name in CONDITIONAL else (0,))
]
PART_CHOICES = [choice for choice in CHOICES if choice[0] in PARTS]


def make_anew(name, *, seed=1, dtype='float32', condition_size=0):
  """Makes the module of a case; no weight is zero, or it would hide others."""
  case = CASES[name]
  kwargs = {'condition_size': condition_size} if case.has_condition else {}
  module = case.make(seed=seed, dtype=dtype, **kwargs)
  for n, v in enumerate(module.trainable_variables):
    v.assign_add(np.random.RandomState(n).randn(*v.shape) * 0.05)
  return module


# Once for all tests that do not move its weights: its sampler is traced once.
make = functools.cache(make_anew)


def inputs_of(name, leading, *, dtype='float32', condition_size=0):
  """Returns the inputs as a list, and the condition as keywords."""
  random = np.random.RandomState(0)
  arrays = [random.randn(*leading, *s) for s in CASES[name].inputs]
  condition = random.randn(*leading, condition_size)
  kwargs = {'condition': tf.constant(condition, dtype)}
  inputs = [tf.constant(a, dtype) for a in arrays]
  return inputs, kwargs if condition_size else {}


def call(name, module, leading, **kwargs):
  """Returns the distribution, or the tensors, of a module."""
  inputs, condition = inputs_of(name, leading, **kwargs)
  return CASES[name].call(module, *inputs, **condition)


def numbers(name, result):
  """Returns tensors: log densities at a fixed value, or a map's own."""
  if name in MAPS:
    return tf.nest.flatten(result)
  random = np.random.RandomState(9)
  shape = [*result.batch_shape, *result.event_shape]
  is_image = len(result.event_shape) == 3
  value = random.randint(2, size=shape) if is_image else random.randn(*shape)
  return [result.log_prob(tf.constant(value, result.dtype))]


def images(n, shape=SHAPE, dtype=np.float32):
  return np.random.RandomState(0).randint(2, size=[n, *shape]).astype(dtype)
