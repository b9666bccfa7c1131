# SPDX-License-Identifier: Apache-2.0
"""Masked networks are autoregressive, and their one-pass solution is exact."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd.network import (
  autoregressive,
  degree_stages,
  initial,
  masked,
  masked_solver,
)

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

# Largest error of a round trip.
BOUNDS = {'float64': 1e-10, 'float32': 1e-4}


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
  for dtype, bound in BOUNDS.items():
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


def naive_forward(network, y, context, *, reverse):
  """Solves the D equations by D passes of the whole network."""
  y = y[..., ::-1] if reverse else y
  x = tf.zeros_like(y)
  for _ in range(network.event_size):
    shift, *raw = tf.unstack(network(x, context), axis=-1)
    # The documented bound: log scales stay between -2 and 2.
    x = y * tf.exp(2.0 * tf.tanh(raw[0] / 2.0)) + shift if raw else y + shift
  return x[..., ::-1] if reverse else x


@pytest.mark.parametrize('reverse', [False, True])
@pytest.mark.parametrize('case', CASES)
def test_the_solution_and_its_gradients_are_those_of_the_naive_loop(
  case, reverse
):
  network = make(*case)
  y = vectors(3, 1, case[0], seed=3)
  context = vectors(2, case[3], seed=2) if case[3] else None
  sources = [y, *network.trainable_variables]
  if case[3]:
    sources.append(context)
  flow = autoregressive.MaskedAutoregressive(
    network, context=context, reverse=reverse
  )
  results = []
  for forward in (
    lambda: flow.forward(y),
    lambda: naive_forward(network, y, context, reverse=reverse),
  ):
    with tf.GradientTape() as tape:
      tape.watch([y] if context is None else [y, context])
      x = forward()
      loss = tf.reduce_sum(tf.sin(x) + 0.1 * x**2)
    gradients = tape.gradient(loss, sources, unconnected_gradients='zero')
    results.append([x, *gradients])
  for fast, naive in zip(*results, strict=True):
    np.testing.assert_allclose(fast, naive, rtol=1e-9, atol=1e-9)


def test_units_start_where_their_degree_begins():
  degrees = [np.arange(4), np.array([0, 0, 2, 3, 3]), np.repeat(range(4), 2)]
  found = degree_stages.starts(degrees)
  for units, starts in zip(degrees, found, strict=True):
    for degree in range(4):
      own = units[starts[degree] : starts[degree + 1]]
      assert (own == degree).all()
      assert len(own) == (units == degree).sum()


def test_a_net_of_one_hidden_unit_is_solved_as_by_hand():
  y = vectors(2, 6)
  x = masked_solver.solve(
    y,
    lambda y_i, output: y_i + output,
    kernels=[
      tf.constant([[1.5], [0.0]], y.dtype),
      tf.constant([[0.0, -0.7]], y.dtype),
    ],
    biases=[
      tf.constant([[0.3]], y.dtype),
      tf.constant([[2.0], [3.0]], y.dtype),
    ],
    degrees=[np.arange(2), np.ones([1], int), np.arange(2)],
  )
  first = y[0] + 2.0
  second = y[1] - 0.7 * tf.nn.relu(1.5 * first + 0.3) + 3.0
  np.testing.assert_allclose(x, [first, second], atol=1e-12)


@pytest.mark.parametrize(
  'step',
  [
    lambda y, shift, raw: shift + tf.sin(raw),
    lambda y, shift, raw: tf.sin(y) + shift,
    lambda y, shift, raw: y * tf.exp(-raw),
    lambda y, shift, raw: tf.sin(y),
  ],
  ids=['not y', 'not the second', 'not the first', 'no output'],
)
def test_what_a_step_ignores_has_no_gradient(step):
  network = make(5, 2, [8, 6], 0)
  y = vectors(3, 5)
  sources = [y, *network.trainable_variables]
  results = []
  for solve in (
    lambda: network.solve(y, step),
    lambda: one_degree_after_another(network, y, step),
  ):
    with tf.GradientTape() as tape:
      tape.watch(y)
      x = solve()
      loss = tf.reduce_sum(tf.sin(x) + 0.1 * x**2)
    gradients = tape.gradient(loss, sources, unconnected_gradients='zero')
    results.append([x, *gradients])
  for fast, naive in zip(*results, strict=True):
    np.testing.assert_allclose(fast, naive, rtol=1e-9, atol=1e-9)


def one_degree_after_another(network, y, step):
  x = tf.zeros_like(y)
  for _ in range(network.event_size):
    x = step(y, *tf.unstack(network(x), axis=-1))
  return x


def test_second_derivatives_of_the_solution_are_refused():
  flow, y = flow_of(CASES[3]), vectors(4, 8)
  with tf.GradientTape() as outer:
    outer.watch(y)
    with tf.GradientTape() as inner:
      inner.watch(y)
      loss = tf.reduce_sum(flow.forward(y) ** 2)
    gradient = inner.gradient(loss, y)
  with pytest.raises(NotImplementedError, match='second derivatives'):
    outer.gradient(gradient, y)


@pytest.mark.parametrize('num_outputs', [1, 2])
def test_batches_of_any_size_are_solved_by_one_graph(num_outputs):
  network = make(5, num_outputs, [8, 3], 2)

  def with_gradients(y, context):
    flow = autoregressive.MaskedAutoregressive(network, context=context)
    with tf.GradientTape() as tape:
      tape.watch([y, context])
      x = flow.forward(y)
      loss = tf.reduce_sum(tf.sin(x))
    sources = [y, context, *network.trainable_variables]
    return [x, *tape.gradient(loss, sources)]

  compiled = tf.function(
    with_gradients,
    autograph=False,
    input_signature=[tf.TensorSpec([None, n], 'float64') for n in (5, 2)],
  )
  outputs = compiled.get_concrete_function().structured_outputs
  assert outputs[0].shape.as_list() == [None, 5]
  for n in (0, 1, 4):
    y, context = vectors(n, 5), vectors(n, 2, seed=1)
    pairs = zip(compiled(y, context), with_gradients(y, context), strict=True)
    for one, other in pairs:
      assert one.shape == other.shape
      np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)
    if not n:
      gradients = compiled(y, context)[1:]
      assert not any(np.any(g) for g in gradients)


@pytest.mark.parametrize('case', CASES[1:4])
def test_jacobians_of_the_solution_in_a_graph_are_those_of_the_inverse(case):
  flow, one = flow_of(case), flow_of(case, rows=())

  @tf.function(autograph=False)
  def jacobians(rows):
    with tf.GradientTape(persistent=True) as tape:
      tape.watch(rows)
      x = flow.forward(rows)
      first = one.forward(rows[0])
    there = tape.batch_jacobian(x, rows), tape.jacobian(first, rows)[:, 0]
    with tf.GradientTape(persistent=True) as tape:
      tape.watch([x, first])
      # New tensors: the bijector's cache would answer for the old ones.
      rows = flow.inverse(tf.identity(x))
      row = one.inverse(tf.identity(first))
    return there, (tape.batch_jacobian(rows, x), tape.jacobian(row, first))

  for there, back in zip(*jacobians(vectors(4, case[0])), strict=True):
    assert there.shape == back.shape
    unit = np.broadcast_to(np.eye(case[0]), there.shape)
    np.testing.assert_allclose(there @ back, unit, atol=1e-9)


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


def chained(networks, context):
  flow = autoregressive.stack(networks, context=context)
  return tfb.Chain([tfb.Shift(tf.ones(5, 'float64')), flow])


def inverted(networks, context):
  return tfb.Invert(autoregressive.stack(networks, context=context))


@pytest.mark.parametrize('num_outputs', [1, 2])
@pytest.mark.parametrize('wrap', [chained, inverted])
def test_it_lives_in_tfp_and_its_variables_are_found(wrap, num_outputs):
  networks = [make(5, num_outputs, [8], 3, seed=s) for s in (0, 1)]
  bijector = wrap(networks, vectors(4, 3))
  distribution = tfd.TransformedDistribution(
    tfd.MultivariateNormalDiag(tf.zeros(5, 'float64')), bijector
  )
  assert distribution.event_shape == [5]
  assert distribution.batch_shape == [4]
  expected = {v.ref() for n in networks for v in n.trainable_variables}
  assert len(expected) == 10
  for owner in (bijector, distribution):
    assert {v.ref() for v in owner.trainable_variables} == expected
  z, log_prob = distribution.experimental_sample_and_log_prob(
    7, seed=tf.constant([0, 1])
  )
  assert z.shape == (7, 4, 5)
  fresh = distribution.log_prob(tf.identity(z))
  np.testing.assert_allclose(log_prob, fresh, atol=1e-10)


@pytest.mark.parametrize('wrap', [chained, inverted])
def test_densities_maps_and_gradients_agree_in_a_graph_and_under_xla(wrap):
  networks = [make(5, 2, [8], 3, seed=s) for s in (0, 1)]
  variables = [v for n in networks for v in n.trainable_variables]

  def everything(z, context):
    bijector = wrap(networks, context)
    distribution = tfd.TransformedDistribution(
      tfd.MultivariateNormalDiag(tf.zeros(5, 'float64')), bijector
    )
    with tf.GradientTape() as tape:
      log_prob = distribution.log_prob(z)
      loss = tf.reduce_mean(log_prob)
    return [log_prob, bijector.forward(z), *tape.gradient(loss, variables)]

  args = vectors(4, 5, seed=1), vectors(4, 3)
  eager = everything(*args)
  for jit_compile in (False, True):
    compiled = tf.function(everything, autograph=False, jit_compile=jit_compile)
    for one, other in zip(eager, compiled(*args), strict=True):
      np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-10)


def shuffle_glorot(network, random):
  """Gives all weights new values, none of them zero at the output."""
  for kernel in network._kernels:
    bound = np.sqrt(6.0 / sum(kernel.shape))
    kernel.assign(random.uniform(-bound, bound, size=kernel.shape))
  for bias in network._biases:
    bias.assign(0.3 * random.randn(*bias.shape))


def round_trips(random, *, size, num_outputs, num_nets, dtype):
  """Returns the worst error over new nets; raises if anything is not finite."""
  hidden = [int(n) for n in random.randint(1, 64, size=random.randint(1, 4))]
  network = make(size, num_outputs, hidden, 0, dtype=dtype)
  flow = autoregressive.MaskedAutoregressive(network)

  @tf.function(autograph=False)
  def run(y, far):
    num_rows = y.shape[0]
    # Rows from far away are solved along, and need only be finite.
    x = flow.inverse(tf.concat([y, far], 0))
    again = flow.forward(tf.identity(tf.concat([x[:num_rows], far], 0)))
    back = flow.inverse(tf.identity(again))
    log_det = flow.inverse_log_det_jacobian(tf.identity(again), 1)
    errors = [again[:num_rows] - y, (back - x)[:num_rows]]
    worst = tf.reduce_max(tf.abs(errors))
    return worst, [x, again, back, log_det]

  worst = 0.0
  for _ in range(num_nets):
    shuffle_glorot(network, random)
    y, signs = random.randn(4, size), random.choice([-1.0, 1.0], [4, size])
    error, values = run(*(tf.constant(a, dtype) for a in (y, 1e4 * signs)))
    assert all(np.isfinite(v).all() for v in values)
    worst = max(worst, float(error))
  return worst


@pytest.mark.parametrize('dtype', BOUNDS)
def test_some_random_nets_round_trip_and_stay_finite_far_away(dtype):
  random = np.random.RandomState(0)
  for size, num_outputs in ((2, 1), (9, 2), (16, 2)):
    worst = round_trips(
      random, size=size, num_outputs=num_outputs, num_nets=10, dtype=dtype
    )
    assert worst < BOUNDS[dtype]


@pytest.mark.slow
@pytest.mark.parametrize('num_outputs', [1, 2])
@pytest.mark.parametrize('dtype', BOUNDS)
def test_a_thousand_random_nets_round_trip(dtype, num_outputs):
  # Twenty architectures, every D up to 16 among them, with 25 nets each, for
  # each kind of flow.
  random = np.random.RandomState(1)
  for n in range(20):
    worst = round_trips(
      random,
      size=1 + n % 16,
      num_outputs=num_outputs,
      num_nets=25,
      dtype=dtype,
    )
    assert worst < BOUNDS[dtype]
