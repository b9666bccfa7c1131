# SPDX-License-Identifier: Apache-2.0
"""A stack of flow steps turns the order between them."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_rd.network import autoregressive, initial, masked

D = 4


def jacobian(num_steps, *, num_outputs):
  """Returns d inverse(x)_i / d x_j of a stack with weights of size one."""
  seeds = initial.split(0, num_steps)
  networks = [
    masked.MaskedNetwork(
      D,
      num_outputs,
      hidden_sizes=[32],
      seed=seed,
      output_gain=1.0,
      dtype='float64',
    )
    for seed in seeds
  ]
  flow = autoregressive.stack(networks)
  x = tf.constant(np.random.RandomState(0).randn(D))
  with tf.GradientTape() as tape:
    tape.watch(x)
    y = flow.inverse(x)
  return tape.jacobian(y, x).numpy()


@pytest.mark.parametrize('num_outputs', [1, 2])
def test_one_step_is_triangular_and_two_are_not(num_outputs):
  one = jacobian(1, num_outputs=num_outputs)
  assert (one[np.triu_indices(D, 1)] == 0).all()
  two = jacobian(2, num_outputs=num_outputs)
  for triangle in (np.triu_indices(D, 1), np.tril_indices(D, -1)):
    assert np.abs(two[triangle]).max() > 1e-3
