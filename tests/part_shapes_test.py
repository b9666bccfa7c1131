# SPDX-License-Identifier: Apache-2.0
"""Contract of parts: shapes, types, seeds and slices."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from contract import call, CONDITIONAL, make, PART_CHOICES
from map_cases import MAPS
from part_cases import CONDITION_SIZE, PARTS

from tfp_rd import testing

tfd = tfp.distributions


# Both types and both kinds, but not their product, which compiles samplers.
@pytest.mark.parametrize(
  ('name', 'dtype', 'condition_size'),
  [
    (name, dtype, size if name in CONDITIONAL else 0)
    for name in PARTS
    for dtype, size in (('float32', CONDITION_SIZE), ('float64', 0))
  ],
)
def test_shapes_and_densities_of_samples(name, dtype, condition_size):
  case = PARTS[name]
  module = make(name, dtype=dtype, condition_size=condition_size)
  sample_shapes = {(): (2,), (3,): (), (2, 3): (1, 2)}
  for leading in case.leading:
    sample_shape = sample_shapes[leading]
    distribution = call(
      name, module, leading, dtype=dtype, condition_size=condition_size
    )
    batch_shape = leading if case.inputs or condition_size else ()
    assert isinstance(distribution, tfd.Distribution)
    assert distribution.dtype == dtype
    assert distribution.batch_shape == batch_shape
    assert distribution.event_shape == case.result
    x = distribution.sample(sample_shape, seed=tf.constant([0, 1]))
    assert x.dtype == dtype
    assert x.shape == (*sample_shape, *batch_shape, *case.result)
    log_prob = distribution.log_prob(x)
    assert log_prob.shape == (*sample_shape, *batch_shape)
    assert np.isfinite(log_prob).all()
    if len(case.result) == 3:
      assert set(np.unique(x)) <= {0.0, 1.0}


@pytest.mark.parametrize('name', PARTS)
def test_samples_follow_from_a_seed(name):
  testing.assert_seeded(call(name, make(name), (2,)))


@pytest.mark.parametrize('dtype', ['float32', 'float64'])
@pytest.mark.parametrize('name', MAPS)
def test_shapes_of_maps(name, dtype):
  module = make(name, dtype=dtype)
  for size in (1, 3):
    results = tf.nest.flatten(call(name, module, (size,), dtype=dtype))
    shapes = MAPS[name].result
    for result, shape in zip(results, shapes, strict=True):
      assert result.shape == (size, *shape)
      assert result.dtype == dtype
      assert np.isfinite(result).all()


@pytest.mark.parametrize(
  ('name', 'condition_size'),
  # TFP wraps what a layer returns, and its wrapper cannot be copied.
  [choice for choice in PART_CHOICES if not choice[0].startswith('layer.')],
)
def test_distributions_are_sliced_and_copied_as_tfp_s_are(name, condition_size):
  module = make(name, condition_size=condition_size)
  distribution = call(name, module, (4,), condition_size=condition_size)
  x = distribution.sample(seed=tf.constant([0, 1]))
  whole = distribution.log_prob(x)
  np.testing.assert_allclose(distribution.copy().log_prob(x), whole, rtol=1e-5)
  if distribution.batch_shape.rank:
    part = distribution[1:3]
    assert part.batch_shape == [2]
    assert 'batch_shape=[2]' in repr(part)
    np.testing.assert_allclose(part.log_prob(x[1:3]), whole[1:3], rtol=1e-5)
