# SPDX-License-Identifier: Apache-2.0
"""Parts that are none are refused by a sentence that names the mend."""

import types
import warnings

import keras
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras
from door_models import (
  decoder,
  DOORS,
  evaluate,
  fit,
  gaussian,
  model,
  of_pixels,
  pixels,
  refused,
)

tfd = tfp.distributions
tfpl = tfp.layers


@pytest.mark.parametrize('door', DOORS)
def test_the_good_neighbour_passes(door):
  with warnings.catch_warnings():
    warnings.simplefilter('error', UserWarning)
    door(model())


@pytest.mark.parametrize('door', DOORS)
def test_parts_that_return_no_distribution(door):
  pair = model(of_pixels(lambda h: (h, h)))
  refused(
    r'encoder returned .* type tuple.*MultivariateNormalDiag\(mu', door, pair
  )
  logits = model(decode=decoder().net)
  refused(r'decoder returned .*Tensor; .*Bernoulli\(logits', door, logits)
  sample = model(marginal=lambda: tf.zeros(2))
  refused(r'marginal returned .*Tensor; .*\(tf\.zeros\(2\)\)', door, sample)


def test_a_keras_model_is_no_marginal():
  net = tf_keras.Sequential(
    [tf_keras.layers.Dense(4, input_shape=[1]), tfpl.IndependentNormal(2)]
  )
  refused(
    'the marginal is a tf_keras model.*TransformedVariable', model, marginal=net
  )
  model(marginal=tfd.MultivariateNormalDiag(tf.Variable([0.0, 1.0])))


def dense(size=2):
  return tf_keras.Sequential([tf_keras.layers.Dense(size)])


def test_an_unbuilt_network_in_a_closure():
  for net in (dense(12), tf_keras.layers.Dense(12)):
    refused(
      "decoder calls 'net' inside of a function.*input_shape",
      model,
      decode=lambda z, net=net: pixels(net(z)),
    )
    refused(
      "decoder calls 'net' inside of a function", model, decode=calls(net)
    )
  flat = tf_keras.layers.Flatten()  # It has no weights.
  encoder = of_pixels(gaussian)
  encoder.function = lambda h: gaussian(flat(h))
  fit(model(encoder))


def calls(net):
  return lambda z: pixels(net(z))


@pytest.mark.parametrize('door', [fit, evaluate])
def test_an_unbuilt_layer_that_a_module_holds_is_built_and_trained(door):
  encoder = of_pixels(gaussian)
  encoder.net = tf_keras.layers.Dense(2)
  door(model(encoder))
  assert encoder.net.kernel.shape == (12, 2)
  before = encoder.net.kernel.numpy()
  assert (before != 0).all()
  fit(model(encoder))
  assert (encoder.net.kernel.numpy() != before).any()


class Holds(tf.Module):
  """A part that works, and holds something."""

  def __init__(self, held):
    super().__init__()
    self.part = decoder()
    self.held = held

  def __call__(self, z):
    return self.part(z)


@pytest.mark.parametrize(
  'wrap',
  [
    lambda net: net,
    lambda net: [net],
    lambda net: {'nets': (net,)},
    lambda net: types.SimpleNamespace(net=net),
    lambda net: [types.SimpleNamespace(nets=[net])],
  ],
)
def test_keras_3_wherever_it_is_held(wrap):
  net = keras.Sequential([keras.layers.Dense(4)])
  sentence = 'the decoder holds a Keras 3 model or layer .Sequential.*tf_keras'
  refused(sentence, model, decode=Holds(wrap(net)))
  fit(model(decode=Holds(wrap(tf.zeros(2)))))


def test_keras_parts_of_other_inputs():
  net = tf_keras.Sequential(
    [
      tf_keras.layers.Flatten(input_shape=(8, 8, 1)),
      tf_keras.layers.Dense(4),
      tfpl.IndependentNormal(2),
    ]
  )
  sentence = r'encoder is a tf_keras model for inputs of shape \[8, 8, 1\], and'
  for door in DOORS:
    refused(sentence, door, model(net))
