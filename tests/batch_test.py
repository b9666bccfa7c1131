# SPDX-License-Identifier: Apache-2.0
"""Any leading shape is merged into one axis and restored."""

import numpy as np
import pytest
import tensorflow as tf
from part_cases import CONDITION_SIZE, SHAPE

from tfp_rd.network import batch


@pytest.mark.parametrize('leading', [(), (3,), (2, 3)])
def test_any_leading_shape_is_flattened_and_restored(leading):
  # network.batch, also where the shape is not known before it runs.
  x = np.random.RandomState(0).randn(*leading, *SHAPE)

  def there_and_back(x):
    flat, shape = batch.flatten(x, 3)
    rows = batch.rows(tf.ones([CONDITION_SIZE], x.dtype), shape)
    return flat, batch.restore(flat, shape), rows

  unknown = tf.TensorSpec([None] * len(leading) + list(SHAPE), 'float64')
  compiled = tf.function(there_and_back, [unknown], autograph=False)
  for run in (there_and_back, compiled):
    flat, back, rows = run(tf.constant(x))
    size = int(np.prod(leading))
    assert flat.shape == (size, *SHAPE)
    assert rows.shape == (size, CONDITION_SIZE)
    np.testing.assert_array_equal(back, x)
