# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks count, compare and weigh is what they say."""

import dataclasses
import pathlib
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfp_rd
from benchmarks import (
  compiled,
  curves,
  flops,
  flows,
  fresh,
  memory,
  sampling,
  step,
  timing,
)
from tfp_rd import config
from tfp_rd.network import convolutional


def graph_of(function, *arguments):
  return (
    tf.function(function, autograph=False)
    .get_concrete_function(*arguments)
    .graph
  )


def gradients_of(function, variables):
  """Returns a function that computes the gradients of a sum."""

  def gradients():
    with tf.GradientTape() as tape:
      y = tf.reduce_sum(function() ** 2)
    return tape.gradient(y, variables)

  return gradients


def test_a_dense_net_counts_as_by_hand():
  batch, i, h, o = 10, 7, 5, 3
  x = tf.ones([batch, i])
  first, second = tf.Variable(tf.ones([i, h])), tf.Variable(tf.ones([h, o]))

  def net():
    return tf.nn.relu(x @ first) @ second

  forward = 2 * batch * (i * h + h * o)
  assert flops.count(graph_of(net)) == forward
  of_inputs = 2 * batch * h * o  # Of the second layer alone.
  both = graph_of(gradients_of(net, [first, second]))
  assert flops.count(both) == 2 * forward + of_inputs
  # The weights of the second layer alone need no gradient of its inputs.
  last = graph_of(gradients_of(net, [second]))
  assert flops.count(last) == forward + 2 * batch * h * o


def test_a_convolutional_net_counts_as_by_hand():
  batch, i, h, o = 2, 3, 5, 4
  x = tf.ones([batch, 9, 12, i])
  down = tf.Variable(tf.ones([3, 2, i, h]))
  up = tf.Variable(tf.ones([5, 4, o, h]))

  def net():
    y = tf.nn.conv2d(x, down, 3, 'VALID')  # 3 x 4 places.
    return tf.nn.conv2d_transpose(y, up, [batch, 6, 8, o], 2, 'SAME')

  first = 2 * batch * (3 * 4) * (3 * 2) * i * h
  second = 2 * batch * (3 * 4) * (5 * 4) * h * o
  assert flops.count(graph_of(net)) == first + second
  both = graph_of(gradients_of(net, [down, up]))
  assert flops.count(both) == 2 * first + 3 * second


@pytest.mark.parametrize(
  ('equation', 'count'),
  [('bij,bjk->bik', 2 * 6 * 2 * 3 * 4), ('bij,bjk->i', 2 * 6 * 2 * 3 * 4)],
)
def test_a_product_over_batches_counts_all_its_letters(equation, count):
  a, b = tf.ones([6, 2, 3]), tf.ones([6, 3, 4])
  assert flops.count(graph_of(lambda: tf.einsum(equation, a, b))) == count
  assert flops.count(graph_of(lambda: a @ b)) == 2 * 6 * 2 * 3 * 4
  c = tf.linalg.matmul
  transposed = graph_of(lambda: c(b, a, transpose_a=True, transpose_b=True))
  assert flops.count(transposed) == 2 * 6 * 2 * 3 * 4


def test_a_loop_counts_once_and_a_function_at_each_call():
  a = tf.ones([4, 4])
  product = tf.function(lambda x: x @ a, autograph=False)
  looped = graph_of(
    lambda: tf.while_loop(
      lambda n, x: n < 7, lambda n, x: (n + 1, product(x)), (0, a)
    )
  )
  assert flops.count(looped) == 2 * 4**3
  twice = graph_of(lambda: product(product(a)))
  assert flops.count(twice) == 2 * 2 * 4**3


def test_what_nobody_needs_is_not_counted_and_side_effects_are():
  a, v = tf.ones([4, 4]), tf.Variable(tf.zeros([4, 4]))

  def wasteful():
    tf.linalg.matmul(a, a)
    return a + 1.0

  def assigns():
    v.assign(tf.linalg.matmul(a, a))

  assert flops.count(graph_of(wasteful)) == 0
  assert flops.count(graph_of(assigns)) == 2 * 4**3


def test_what_cannot_be_counted_is_refused():
  a = tf.ones([4, 4])
  with pytest.raises(ValueError, match='static shapes'):
    flops.count(graph_of(lambda x: x @ a, tf.TensorSpec([None, 4], tf.float32)))
  volume, kernel = tf.ones([1, 4, 4, 4, 1]), tf.ones([2, 2, 2, 1, 1])
  conv = graph_of(lambda: tf.nn.conv3d(volume, kernel, [1] * 5, 'SAME'))
  with pytest.raises(ValueError, match='no rule to count Conv3D'):
    flops.count(conv)


@pytest.mark.parametrize(
  ('size', 'side', 'latent_size', 'batch'),
  [('small', 8, 8, 128), ('paper', 28, 64, 100)],
)
def test_the_training_step_counts_as_by_hand(size, side, latent_size, batch):
  low, mid, high = convolutional.WIDTHS[size]
  half, rest = side // 2, side // 4
  # Places of the products, kernel, inputs, outputs with those of the gates.
  first = side**2 * 25 * 1 * 2 * low
  others = [
    half**2 * 25 * low * 2 * low,
    half**2 * 25 * low * 2 * mid,
    rest**2 * 25 * mid * 2 * mid,
    rest**2 * mid * 2 * high,
    2 * high * latent_size,
    latent_size * rest**2 * 2 * mid,
    rest**2 * 25 * mid * 2 * mid,
    rest**2 * 25 * mid * 2 * mid,
    half**2 * 25 * mid * 2 * low,
    half**2 * 25 * low * 2 * low,
    side**2 * 16 * low * 2 * low,
    side**2 * 25 * low * 1,
  ]
  images = np.zeros([2, side, side, 1], np.float32)
  _, graph = compiled.steps(
    images, size=size, batch_size=batch, steps_per_call=3
  )
  by_hand = 2 * batch * (2 * first + 3 * sum(others))
  assert flops.count(graph) == by_hand


@pytest.fixture(name='torch')
def one_threaded_torch():
  """PyTorch without threads that spin for each other on a busy machine."""
  torch = pytest.importorskip('torch')
  num_threads = torch.get_num_threads()
  torch.set_num_threads(1)
  yield torch
  torch.set_num_threads(num_threads)


def test_the_model_in_pytorch_is_ours(torch):
  from benchmarks import eager

  ours = tfp_rd.build('---', image_shape=(8, 12, 1), latent_size=3, seed=0)
  theirs = eager.Model(
    (8, 12, 1), latent_size=3, widths=convolutional.WIDTHS['small']
  )
  count = sum(p.numel() for p in theirs.parameters())
  assert count == ours.num_parameters
  parameters = copy_weights(ours, theirs)

  x = np.random.default_rng(0).integers(0, 2, [5, 8, 12, 1])
  x = x.astype(np.float32)
  with tf.GradientTape() as tape:
    draws = tfp_rd.draw(ours, x, seed=0)
    loss = tf.reduce_mean(draws.rate + draws.distortion)
  noise = (draws.latent[0] - draws.encoding.mean()) / draws.encoding.stddev()
  rate, distortion = theirs(
    torch.from_numpy(x).permute(0, 3, 1, 2), torch.from_numpy(noise.numpy())
  )
  (rate + distortion).mean().backward()

  close = {'rtol': 1e-4, 'atol': 1e-4}
  np.testing.assert_allclose(rate.detach(), draws.rate[0], **close)
  np.testing.assert_allclose(distortion.detach(), draws.distortion[0], **close)
  gradients = tape.gradient(loss, ours.trainable_variables)
  for gradient, parameter in zip(gradients, parameters, strict=True):
    np.testing.assert_allclose(as_theirs(gradient), parameter.grad, **close)


def copy_weights(ours, theirs):
  """Gives our weights to PyTorch's model; returns its parameters in order."""
  import torch

  layers = [theirs.first, theirs.decoder[-1]]
  layers += [layer.linear for layer in theirs.decoder[:-1]]
  layers += [layer.linear for layer in theirs.encoder[:-1]]
  layers += [theirs.loc, theirs.scale]
  parameters = [p for layer in layers for p in (layer.bias, layer.weight)]
  with torch.no_grad():
    for p, v in zip(parameters, ours.trainable_variables, strict=True):
      p.copy_(torch.tensor(as_theirs(v)))
      # Biases start at zero: give them values that can be mistaken.
      if p.ndim == 1:
        values = np.linspace(-0.3, 0.4, p.numel(), dtype=np.float32)
        v.assign(values)
        p.copy_(torch.from_numpy(values))
  return parameters


def as_theirs(weights):
  """Transposes [h, w, i, o] to [o, i, h, w], and [i, o] to [o, i]."""
  weights = np.asarray(weights)
  return weights.transpose({1: [0], 2: [1, 0], 4: [3, 2, 0, 1]}[weights.ndim])


def test_an_eager_training_learns(torch):
  from benchmarks import eager

  torch.manual_seed(0)
  images = np.ones([30, 8, 8, 1], np.float32)
  images[:, ::2] = 0.0
  model = eager.Model((8, 8, 1), 2, widths=(8, 16, 64), dropout=0.3)
  training = eager.Training(model, images, batch_size=64)  # More than images.
  training.run(30)
  x = torch.from_numpy(images).permute(0, 3, 1, 2)
  _, distortion = model(x, torch.zeros(30, 2))
  assert float(distortion.detach().mean()) < 20.0 < 64 * np.log(2)


def test_every_measurement_can_be_taken():
  share = step.flop_share(
    size='small', batch_size=4, matrix_size=64, num_pairs=1
  )
  assert share['flop_share'] > 0
  fit = step.fit_overhead(steps_per_call=2, calls_a_block=2, num_blocks=1)
  assert fit['fit_overhead'] > 0
  assert set(step.eager_speedup(num_steps=2, num_pairs=1)) >= {'eager_speedup'}


@pytest.mark.parametrize(
  ('function', 'ratios'),
  [
    (flows.inversion, {'inversion_speedup', 'inversion_passes'}),
    (flows.gradient, {'gradient_speedup'}),
  ],
)
def test_flows_can_be_timed(function, ratios):
  found = function(
    event_size=4, hidden_sizes=(16, 16), num_rows=100, num_pairs=1
  )
  assert all(found[name] > 0 for name in ratios)
  # Seconds are rounded, to none in so small a case.
  assert all(found[name] >= 0 for name in found)
  assert all(name.endswith('_s') for name in set(found) - ratios)


@pytest.mark.slow
def test_samples_can_be_timed():
  found = sampling.against_peer(batch_size=2, side=4, num_pairs=1)
  for name in ('speedup', 'passes', 'first_s', 'decoder_parameters'):
    assert found.pop(name) > 0
  assert set(found) == {
    'sample_s',
    'log_prob_s',
    'peer_sample_s',
    'parameters',
    'peer_parameters',
    'depth',
    'peer_depth',
  }
  assert all(value >= 0 for value in found.values())
  (by_side,) = sampling.growth(
    sides=(2, 4), batch_size=2, num_repeats=1
  ).values()
  assert [*by_side] == [2, 4]
  assert min(by_side.values()) > 0


def test_the_flows_that_are_compared_have_as_many_weights():
  ours, theirs, row = flows._bijectors(64, (640, 640, 640), 1)
  theirs.inverse(row)  # Keras makes the weights when it is called.
  sizes = [size_of(bijector) for bijector in (ours, theirs)]
  assert sizes[0] == pytest.approx(sizes[1], rel=0.1)


def test_the_samplers_that_are_compared_have_as_many_weights():
  decoder, *_ = sampling._ours(28, 1)
  peer, _ = sampling._peer(28, 1)
  size = size_of(decoder._network)
  assert size == pytest.approx(size_of(peer), rel=0.1)
  # Each residual layer of the peer has one dropout in each of two streams.
  dropouts = [
    submodule
    for submodule in peer.network.submodules
    if isinstance(submodule, tf_keras.layers.Dropout)
  ]
  assert len(dropouts) == 2 * sampling._peer_depth()


def size_of(module):
  return sum(int(tf.size(v)) for v in module.trainable_variables)


@pytest.mark.parametrize('side', [0, 1], ids=['ours', 'theirs'])
def test_the_flows_that_are_compared_solve_such_equations(side):
  # y_i * exp(s_i(x_<i)) + m_i(x_<i), whose log-det is the sum of the s_i.
  *bijectors, rows = flows._bijectors(3, (16, 16), 1)
  bijector, y = bijectors[side], rows[0]
  bijector.inverse(rows)  # Keras makes the weights when it is called.
  for v in bijector.trainable_variables:
    if v.shape.rank == 1:  # TFP's kernels are masked in training alone.
      v.assign_add(0.1 * np.random.RandomState(0).randn(*v.shape))
  with tf.GradientTape() as tape:
    tape.watch(y)
    x = bijector.forward(y)
  jacobian = tape.jacobian(x, y).numpy()
  np.testing.assert_array_equal(np.triu(jacobian, 1), 0.0)
  assert (jacobian[np.tril_indices(3, -1)] != 0.0).all()
  assert (np.diag(jacobian) != 1.0).all()
  _, expected = np.linalg.slogdet(jacobian)
  log_det = bijector.forward_log_det_jacobian(tf.identity(y), 1)
  np.testing.assert_allclose(log_det, expected, atol=1e-5)
  y = bijector.inverse(tf.identity(x))
  np.testing.assert_allclose(y, rows[0], atol=1e-5)


def test_a_fresh_process_has_the_keywords_and_the_environment(monkeypatch):
  monkeypatch.chdir(pathlib.Path(__file__).parents[1])
  environment = {'VARIABLE_OF_A_TEST': 'a value'}
  found = fresh.measure('os', 'getenv', environment, key='VARIABLE_OF_A_TEST')
  assert found == 'a value'


def test_a_run_is_its_steps_its_scores_and_its_evaluations():
  training = config.TrainingConfig(
    num_steps=1000, validate_every=250, weight_averaging=0.0
  )
  times = {'step': 0.5, 'validate': 3.0, 'evaluate': 7.0}
  a_run = config.Config(training=training)
  expected = 100 * 0.5 + 4 * 3.0 + 2 * 7.0
  assert curves.run_seconds(a_run, times, num_evaluations=2) == expected
  averaging = dataclasses.replace(training, weight_averaging=0.9)
  a_run = dataclasses.replace(a_run, training=averaging)
  expected += 4 * 3.0  # The average is scored too.
  assert curves.run_seconds(a_run, times, num_evaluations=2) == expected


@pytest.mark.slow
def test_a_curve_costs_less_than_ten_runs():
  found = curves.cost(signs='---', num_pairs=1)
  assert found['num_betas'] == 10
  assert found['curve_num_steps'] < found['separate_num_steps']
  ratio = found['curve_s'] / found['separate_s']
  assert found['cost_ratio'] == pytest.approx(ratio, abs=2e-3)
  # Times vary; ten trainings are more than one by any.
  assert 0 < ratio < 1
  assert found['traced_curve_s'] > found['curve_s']


def test_both_sides_are_timed_alternately():
  calls = []
  first, second = timing.in_turn(
    lambda: calls.append(1), lambda: calls.append(2), num_pairs=3
  )
  assert calls == [1, 2, 2, 1, 1, 2, 2, 1]
  assert len(first) == len(second) == 3
  first, second = timing.in_turn(
    lambda: time.sleep(0.05), lambda: None, num_pairs=2
  )
  assert min(first) >= 0.05 > max(second)
  assert timing.median_ratio([2.0, 6.0, 1.0], [1.0, 2.0, 1.0]) == 2.0


def test_the_peak_is_that_of_the_process_alone():
  code = 'import sys; x = b"1" * (int(sys.argv[1]) << 20)'
  small, large = (
    memory.peak_gib([sys.executable, '-c', code, mebibytes])
    for mebibytes in ('1', '901')
  )
  assert large - small == pytest.approx(900 / 1024, abs=0.02)
  with pytest.raises(subprocess.CalledProcessError):
    memory.peak_gib([sys.executable, '-c', 'raise SystemExit(3)'])
