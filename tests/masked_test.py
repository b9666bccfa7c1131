# SPDX-License-Identifier: Apache-2.0
"""Masked networks are autoregressive, and their one-pass solution is exact."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd.network import autoregressive, initial, masked

tfb = tfp.bijectors
tfd = tfp.distributions

CASES = [
  # D, outputs, hidden sizes, context
  (1, 1, [5], 3),
  (1, 2, [4, 4], 0),
  (3, 2, [7, 2], 0),
  (8, 1, [64, 64], 6),
  (17, 2, [32, 40, 9], 5),
]


def make(size, outputs, hidden, context, *, seed=0, dtype='float64'):
  network = masked.MaskedNetwork(
    size,
    outputs,
    hidden_sizes=hidden,
    context_size=context,
    seed=seed,
    output_gain=1.0,
    dtype=dtype,
  )
  for n, bias in enumerate(network._biases):
    noise = tf.random.stateless_normal(bias.shape, initial.fold_in(seed, n))
    bias.assign_add(0.3 * tf.cast(noise, dtype))
  return network


def vectors(*shape, seed=0, dtype='float64'):
  return tf.constant(np.random.RandomState(seed).randn(*shape), dtype)


def flow_of(case, *, rows=(4,), dtype='float64', seed=0):
  context = vectors(*rows, case[3], dtype=dtype) if case[3] else None
  network = make(*case, seed=seed, dtype=dtype)
  return autoregressive.MaskedAutoregressive(network, context=context)


@pytest.mark.parametrize('case', CASES)
def test_output_i_sees_earlier_inputs_alone_and_all_of_them(case):
  network = make(*case)
  context = vectors(case[3], seed=1) if case[3] else None
  x = vectors(case[0])
  with tf.GradientTape() as tape:
    tape.watch(x)
    outputs = network(x, context)
  jacobian = tape.jacobian(outputs, x).numpy()
  assert not np.triu(np.abs(jacobian).sum(1)).any()
  if case[2] == [64, 64]:
    assert (np.abs(jacobian).sum(1)[np.tril_indices(8, -1)] > 0).all()


def test_a_broken_mask_is_caught():
  network = make(*CASES[3])
  network._masks[1] = tf.ones_like(network._masks[1])
  x = vectors(8)
  with tf.GradientTape() as tape:
    tape.watch(x)
    outputs = network(x, vectors(6))
  jacobian = tape.jacobian(outputs, x).numpy()
  assert np.triu(np.abs(jacobian).sum(1)).any()


@pytest.mark.parametrize('case', CASES)
def test_forward_and_inverse_undo_each_other(case):
  for dtype, bound in (('float64', 1e-10), ('float32', 1e-4)):
    flow = flow_of(case, dtype=dtype)
    x = vectors(5, 4, case[0], dtype=dtype)
    # New tensors: the bijector's cache would answer for the old ones.
    y = tf.identity(flow.forward(x))
    np.testing.assert_allclose(flow.inverse(y), x, atol=bound)


@pytest.mark.parametrize('case', CASES)
def test_log_determinant_equals_that_of_the_jacobian(case):
  flow = flow_of(case, rows=())
  x = vectors(case[0])
  with tf.GradientTape() as tape:
    tape.watch(x)
    y = flow.forward(x)
  _, expected = np.linalg.slogdet(tape.jacobian(y, x))
  y = tf.identity(y)
  forward = flow.forward_log_det_jacobian(tf.identity(x), 1)
  np.testing.assert_allclose(forward, expected, atol=1e-10)
  inverse = flow.inverse_log_det_jacobian(y, 1)
  np.testing.assert_allclose(inverse, -expected, atol=1e-10)


@pytest.mark.parametrize('case', CASES)
def test_gradients_of_the_solution_equal_numerical_ones(case):
  network = make(*case)
  context = vectors(3, case[3], seed=2) if case[3] else None
  y = vectors(3, case[0], seed=3)

  def loss(y):
    flow = autoregressive.MaskedAutoregressive(network, context=context)
    return tf.reduce_sum(tf.sin(flow.forward(y)))

  for value, function in [
    (y, loss),
    (network._kernels[0], lambda _: loss(y)),
    (network._kernels[-1], lambda _: loss(y)),
  ]:
    with tf.GradientTape() as tape:
      tape.watch(value)
      result = function(value)
    gradient = tape.gradient(
      result, value, unconnected_gradients='zero'
    ).numpy()
    direction = np.random.RandomState(4).randn(*value.shape)
    numerical = _directional(function, value, direction)
    np.testing.assert_allclose(
      (gradient * direction).sum(), numerical, rtol=1e-5, atol=1e-8
    )


def _directional(function, value, direction, step=1e-6):
  results = []
  for sign in (1, -1):
    moved = value + sign * step * direction
    if isinstance(value, tf.Variable):
      old = tf.identity(value)
      value.assign(moved)
      results.append(float(function(value)))
      value.assign(old)
    else:
      results.append(float(function(moved)))
  return (results[0] - results[1]) / (2 * step)


def test_context_and_input_broadcast_against_each_other():
  case = CASES[3]
  network = make(*case)
  y, context = vectors(3, 1, 8), vectors(5, 6, seed=1)
  flow = autoregressive.MaskedAutoregressive(network, context=context)
  together = flow.forward(y)
  assert together.shape == (3, 5, 8)
  for i in range(3):
    for j in range(5):
      one = autoregressive.MaskedAutoregressive(network, context=context[j])
      np.testing.assert_allclose(
        one.forward(y[i, 0]), together[i, j], atol=1e-12
      )


def test_a_flow_with_zero_weights_is_its_base():
  network = make(4, 2, [8], 0)
  for v in network.trainable_variables:
    v.assign(tf.zeros_like(v))
  x = vectors(6, 4)
  base = tfd.MultivariateNormalDiag(tf.zeros(4, 'float64'))
  flow = tfd.TransformedDistribution(
    base, autoregressive.stack([network, network])
  )
  np.testing.assert_allclose(flow.log_prob(x), base.log_prob(x), atol=1e-12)


def test_an_affine_flow_stays_finite_far_away():
  flow = flow_of((6, 2, [16, 16], 0), dtype='float32')
  for x in (1e4, -1e4):
    y = tf.fill([2, 6], tf.constant(x))
    assert np.isfinite(flow.forward(y)).all()
    assert np.isfinite(flow.inverse(y)).all()
    assert np.isfinite(flow.inverse_log_det_jacobian(y, 1)).all()
  # The bound itself: no log scale beyond 2 a dimension.
  far = tf.fill([1, 6], 1e4)
  assert abs(float(flow.inverse_log_det_jacobian(far, 1)[0])) <= 12.0


def test_it_lives_in_tfp_and_its_variables_are_found():
  networks = [make(5, 2, [8], 0, seed=s) for s in (0, 1)]
  distribution = tfd.TransformedDistribution(
    tfd.MultivariateNormalDiag(tf.zeros(5, 'float64')),
    tfb.Chain(
      [tfb.Shift(tf.ones(5, 'float64')), autoregressive.stack(networks)]
    ),
  )
  assert distribution.event_shape == [5]
  assert distribution.batch_shape == []
  assert len(distribution.trainable_variables) == 8

  def sample(seed):
    return distribution.experimental_sample_and_log_prob(7, seed=seed)

  z, log_prob = sample(tf.constant([0, 1]))
  fresh = distribution.log_prob(tf.identity(z))
  np.testing.assert_allclose(log_prob, fresh, atol=1e-10)
  compiled = tf.function(
    lambda z: distribution.log_prob(z), autograph=False, jit_compile=True
  )
  np.testing.assert_allclose(compiled(z), fresh, atol=1e-10)


@pytest.mark.slow
def test_a_thousand_random_nets_round_trip():
  worst = {'float64': 0.0, 'float32': 0.0}
  for seed in range(1000):
    random = np.random.RandomState(seed)
    size = random.randint(1, 17)
    hidden = list(random.randint(1, 40, size=random.randint(1, 4)))
    for dtype in worst:
      flow = flow_of((size, 2, hidden, 0), dtype=dtype, seed=seed)
      x = vectors(3, size, seed=seed, dtype=dtype)
      back = flow.inverse(tf.identity(flow.forward(x)))
      error = float(tf.reduce_max(tf.abs(back - x)))
      worst[dtype] = max(worst[dtype], error)
  assert worst['float64'] < 1e-10
  assert worst['float32'] < 1e-4
