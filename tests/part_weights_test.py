# SPDX-License-Identifier: Apache-2.0
"""Contract of parts: gradients, conditions and saving of weights."""

import numpy as np
import pytest
import tensorflow as tf
from contract import (
  call,
  CASES,
  CHOICES,
  CONDITIONAL,
  inputs_of,
  make,
  make_anew,
  numbers,
)
from part_cases import CONDITION_SIZE


@pytest.mark.parametrize(('name', 'condition_size'), CHOICES)
def test_every_variable_has_a_gradient(name, condition_size):
  module = make(name, condition_size=condition_size)
  with tf.GradientTape() as tape:
    result = call(name, module, (4,), condition_size=condition_size)
    # No two numbers alike, which could cancel.
    loss = sum(
      tf.reduce_sum(tf.sin(v) * (n + 1))
      for n, v in enumerate(numbers(name, result))
    )
  gradients = tape.gradient(loss, module.trainable_variables)
  missing = [
    v.name
    for v, g in zip(module.trainable_variables, gradients, strict=True)
    if g is None or not np.any(tf.convert_to_tensor(g))
  ]
  assert not missing


@pytest.mark.parametrize('name', CONDITIONAL)
def test_a_condition_has_variables_and_an_effect_only_where_asked_for(name):
  plain, conditional = make(name), make(name, condition_size=CONDITION_SIZE)
  if not plain.trainable_variables:
    return  # The standard normal takes the shape of a condition alone.

  def count(module):
    return sum(v.shape.num_elements() for v in module.trainable_variables)

  assert count(conditional) > count(plain)
  inputs, condition = inputs_of(name, (2,), condition_size=CONDITION_SIZE)
  before = numbers(name, CASES[name].call(conditional, *inputs, **condition))
  moved = {'condition': condition['condition'] + 1.0}
  after = numbers(name, CASES[name].call(conditional, *inputs, **moved))
  for one, other in zip(before, after, strict=True):
    assert (one.numpy() != other.numpy()).any()


@pytest.mark.parametrize('name', CASES)
def test_weights_survive_saving(name, tmp_path):
  condition_size = CONDITION_SIZE * CASES[name].has_condition
  options = {'condition_size': condition_size}
  module, other = (make_anew(name, seed=s, **options) for s in (1, 2))
  for v in other.trainable_variables:
    v.assign(v + 0.1)  # Some begin with zeros for every seed.
  expected = numbers(name, call(name, module, (2,), **options))
  # As TensorFlow saves any module, by the objects that hold the weights.
  path = tf.train.Checkpoint(part=module).write(str(tmp_path / 'weights'))
  if module.variables:
    found = numbers(name, call(name, other, (2,), **options))
    assert not all(map(np.array_equal, found, expected))
  tf.train.Checkpoint(part=other).read(path).assert_consumed()
  found = numbers(name, call(name, other, (2,), **options))
  for one, another in zip(found, expected, strict=True):
    np.testing.assert_array_equal(one, another)
