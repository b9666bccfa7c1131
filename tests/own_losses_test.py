# SPDX-License-Identifier: Apache-2.0
"""Regularisers of layers of tf_keras are in the loss, once, and in no point."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

import tfp_rd
from tfp_rd.marginal import vamp
from tfp_rd.network import initial, own_losses
from tfp_rd.training import epoch

tfd = tfp.distributions
tfpl = tfp.layers
layers = tf_keras.layers

SHAPE = (4, 3, 1)
L2 = tf_keras.regularizers.L2(0.5)
NUM_STEPS, RATE = 5, 0.02


@pytest.fixture(autouse=True)
def fixed_seed():
  tf_keras.utils.set_random_seed(0)


def bits(n=8):
  return np.random.RandomState(0).randint(2, size=[n, *SHAPE]).astype('f')


class Penalty(layers.Layer):
  """Adds a loss of its input in a call, as `add_loss` does."""

  def call(self, h):
    self.add_loss(0.1 * tf.reduce_mean(h**2))
    return h


def encoder(kernel=None, activity=None, *between):
  return tf_keras.Sequential(
    [
      layers.Flatten(input_shape=SHAPE),
      layers.Dense(
        tfpl.IndependentNormal.params_size(2),
        kernel_regularizer=kernel,
        activity_regularizer=activity,
      ),
      *between,
      tfpl.IndependentNormal(2),
    ]
  )


def decoder():
  return tf_keras.Sequential(
    [layers.Dense(12, input_shape=[2]), tfpl.IndependentBernoulli(SHAPE)]
  )


def normal():
  return tfd.MultivariateNormalDiag(tf.zeros(2))


class Held(tf.Module):
  """A network of Keras in a plain module."""

  def __init__(self, net):
    super().__init__()
    self.net = net

  def __call__(self, x):
    return self.net(x)


def features(net):
  """The network without its last layer, which draws a sample."""
  return tf_keras.Sequential(net.layers[:-1])


def by_hand(model, added):
  """Returns weights after steps of Adam on D + R and what `added(x)` says."""
  variables = model.trainable_variables
  moments = [[np.zeros(v.shape), np.zeros(v.shape)] for v in variables]
  seed = initial.fold_in(0, 1)
  for step in range(NUM_STEPS):
    (order,) = epoch.batch_indices(seed, step, 1, batch_size=8, num_examples=8)
    x = tf.gather(bits(), order)
    of_draws = initial.split(initial.fold_in(seed, step), 4)[2]
    with tf.GradientTape() as tape:
      draws = tfp_rd.draw(model, x, seed=of_draws)
      loss = tf.reduce_mean(draws.distortion + draws.rate) + added(x)
    gradients = [g.numpy() for g in tape.gradient(loss, variables)]
    rate = RATE * min(1.0, 2.0 * (1.0 - step / NUM_STEPS))
    for v, g, (m, s) in zip(variables, gradients, moments, strict=True):
      m += 0.1 * (g - m)
      s += 0.001 * (g**2 - s)
      first, second = m / (1 - 0.9 ** (step + 1)), s / (1 - 0.999 ** (step + 1))
      v.assign_sub(rate * first / (np.sqrt(second) + 1e-8))
  return [v.numpy() for v in variables]


def l2_of(net):
  return lambda x: 0.5 * tf.reduce_sum(net.layers[1].kernel ** 2)


def mean_square(net):
  dense = net.layers[1]
  return lambda x: 0.1 * tf.reduce_mean(dense(tf.reshape(x, [-1, 12])) ** 2)


def activity(net):
  dense = net.layers[1]
  return lambda x: (
    0.5 * tf.reduce_mean(tf.reduce_sum(dense(tf.reshape(x, [-1, 12])) ** 2, -1))
  )


CASES = {
  'kernel': ((L2,), l2_of),
  'activity': ((None, L2), activity),
  'add_loss': ((None, None, Penalty()), mean_square),
}


def marginal_of(name, net):
  if name == 'normal':
    return normal()
  start = np.random.RandomState(1).uniform(size=[3, *SHAPE])
  return vamp.Vamp(net, start)


def fit(model, num_steps=1):
  how = {'num_steps': num_steps, 'batch_size': 8, 'learning_rate': RATE}
  return tfp_rd.fit(model, bits(), **how)


def alike(make):
  """Returns three networks of the same weights."""
  nets = [make() for _ in range(3)]
  for net in nets[1:]:
    net.set_weights(nets[0].get_weights())
  return nets


@pytest.mark.parametrize('marginal', ['normal', 'vamp'])
@pytest.mark.parametrize('name', CASES)
def test_the_moved_weights_are_those_of_the_loss_with_them(name, marginal):
  arguments, added = CASES[name]
  nets, decoders = alike(lambda: encoder(*arguments)), alike(decoder)
  ours, same, without = (
    tfp_rd.LatentVariableModel(net, marginal_of(marginal, net), decode)
    for net, decode in zip(nets, decoders, strict=True)
  )
  fit(ours, NUM_STEPS)
  expected = by_hand(same, added(nets[1]))
  for v, e in zip(ours.trainable_variables, expected, strict=True):
    np.testing.assert_allclose(v, e, atol=1e-4)
  by_hand(without, lambda x: 0.0)
  assert (
    np.abs(nets[0].get_weights()[0] - nets[2].get_weights()[0]).max() > 1e-3
  )


def test_their_sum_is_a_metric_and_in_the_loss():
  net = encoder(L2)
  model = tfp_rd.LatentVariableModel(net, normal(), decoder())
  before = float(0.5 * tf.reduce_sum(net.layers[1].kernel ** 2))
  row = fit(model).metrics[-1]
  assert row['regularization'] == pytest.approx(before, rel=1e-5)
  assert row['loss'] == pytest.approx(
    row['distortion_nats'] + row['rate_nats'] + before, rel=1e-5
  )
  plain = tfp_rd.LatentVariableModel(encoder(), normal(), decoder())
  assert 'regularization' not in fit(plain).metrics[-1]


def test_no_point_has_them():
  nets = [encoder(kernel) for kernel in (L2, None)]
  nets[1].set_weights(nets[0].get_weights())
  decode = decoder()
  points = [
    tfp_rd.evaluate(tfp_rd.LatentVariableModel(n, normal(), decode), bits())
    for n in nets
  ]
  assert points[0] == points[1]
  model = tfp_rd.LatentVariableModel(nets[0], normal(), decode)
  assert tfp_rd.draw(model, bits(), seed=0).regularization is None


def held_encoder():
  net = encoder(L2, None, Penalty())
  inner = features(net)

  class Encoder(Held):
    def __call__(self, x):
      return tfpl.IndependentNormal.new(self.net(x), 2)

  return Encoder(inner)


def test_a_network_in_a_module_counts_once_and_a_second_training_too():
  part = held_encoder()
  model = tfp_rd.LatentVariableModel(part, normal(), decoder())
  part.net(bits())  # What it leaves is of no training.
  for _ in range(2):
    kernel = part.net.layers[1].kernel
    weights = 0.5 * tf.reduce_sum(kernel**2)
    outputs = 0.1 * tf.reduce_mean(part.net(bits()) ** 2)
    row = fit(model).metrics[-1]
    expected = float(weights + outputs)
    assert row['regularization'] == pytest.approx(expected, rel=1e-4)
    tfp_rd.evaluate(model, bits())


class CalledOutOfTraining(Held):
  """Calls its network in evaluations alone, which leave a loss there."""

  def __call__(self, x, seed=None):
    h = tf.reshape(x, [-1, 12])[:, :4]
    if seed is None:
      h = self.net(h)
    return tfpl.IndependentNormal.new(h, 2)


def test_what_another_graph_has_left_is_no_loss():
  net = layers.Dense(4, activity_regularizer=L2)
  part = CalledOutOfTraining(net)
  model = tfp_rd.LatentVariableModel(part, normal(), decoder())
  tfp_rd.evaluate(model, bits())
  assert net.losses
  assert 'regularization' not in fit(model).metrics[-1]


def test_weights_shrink_over_many_steps_of_one_call():
  net = encoder(tf_keras.regularizers.L2(100.0))
  model = tfp_rd.LatentVariableModel(net, normal(), decoder())
  before = np.abs(net.layers[1].kernel).mean()
  fit(model, num_steps=120)
  assert np.abs(net.layers[1].kernel).mean() < before / 5


def test_losses_of_a_module_are_counted_once_for_each_outermost_layer():
  inner = tf_keras.layers.Dense(2, kernel_regularizer='l2')
  model = tf_keras.Sequential([tf_keras.Input([3]), inner])
  module = tf.Module()
  module.model, module.inner = model, inner
  model(tf.ones([4, 3]))
  assert own_losses.outermost(module) == [model]
  (loss,) = own_losses.of(module)
  np.testing.assert_allclose(loss, 0.01 * np.sum(inner.kernel.numpy() ** 2))
  assert own_losses.of(module, but=[model, inner]) == []
