# SPDX-License-Identifier: Apache-2.0
"""Parts that are none, or that would not train, are refused by a sentence."""

import types
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras
from foreign_parts import Net

import tfp_rd

tfb = tfp.bijectors
tfd = tfp.distributions
tfpl = tfp.layers

SHAPE = (4, 3, 1)


def bits(n=8):
  return np.random.RandomState(0).randint(2, size=[n, *SHAPE]).astype('f')


def normal(size=2):
  return tfd.MultivariateNormalDiag(tf.zeros(size))


class Part(tf.Module):
  """A network, and a function of what it computes."""

  def __init__(self, num_inputs, num_outputs, function):
    super().__init__()
    self.net = Net(num_inputs, num_outputs)
    self.function = function

  def __call__(self, x):
    return self.function(self.net(x))


def of_pixels(function, num_outputs=2):
  class Encoder(Part):
    def __call__(self, x):
      return self.function(self.net(tf.reshape(x, [-1, 12])))

  return Encoder(12, num_outputs, function)


def gaussian(h):
  return tfd.MultivariateNormalDiag(h, tf.ones_like(h))


def pixels(h):
  logits = tf.reshape(h, tf.concat([tf.shape(h)[:-1], SHAPE], 0))
  return tfd.Independent(tfd.Bernoulli(logits=logits), 3)


def decoder(size=2):
  return Part(size, 12, pixels)


def model(encoder=None, marginal=None, decode=None):
  encoder = of_pixels(gaussian) if encoder is None else encoder
  return tfp_rd.LatentVariableModel(
    encoder, marginal or normal(), decode or decoder()
  )


def fit(of, **changes):
  return tfp_rd.fit(of, bits(), **{'num_steps': 2, 'batch_size': 4, **changes})


def evaluate(of):
  return tfp_rd.evaluate(of, bits(), num_samples=2)


def draw(of):
  return tfp_rd.draw(of, bits(), seed=0)


DOORS = (fit, evaluate, draw)


def refused(sentence, function, *args, **changes):
  with pytest.raises(tfp_rd.UserError, match=sentence) as error:
    function(*args, **changes)
  assert str(error.value).endswith('.')


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


def discrete(h):
  return tfd.Independent(tfd.Bernoulli(logits=h, dtype=tf.float32), 1)


def coins(size=2):
  return tfd.Independent(
    tfd.Bernoulli(logits=tf.zeros(size), dtype=tf.float32), 1
  )


def test_an_encoder_whose_draws_have_no_gradient():
  of = model(of_pixels(discrete), coins())
  sentence = r"not reparameterised.*parts=\('marginal', 'decoder'\)"
  refused(sentence, fit, of)
  before = [v.numpy() for v in of.decoder.trainable_variables]
  fit(of, parts=('decoder',))
  for v, old in zip(of.decoder.trainable_variables, before, strict=True):
    assert (v.numpy() != old).any()
  # Measured as it is: R is known here.
  exact = tfd.kl_divergence(of.encoder(bits()), coins())
  point = tfp_rd.evaluate(of, bits(), num_samples=4000)
  assert abs(point.rate_nats - np.mean(exact)) < 0.05
  draw(of)


def test_a_joint_encoder_has_a_kind_for_each_code():
  def joint(second):
    return lambda h: tfd.JointDistributionSequential([gaussian(h), second(h)])

  class Decoder(Part):
    def __call__(self, z):
      return self.function(self.net(tf.concat(z, -1)))

  class Marginal(tf.Module):
    def __init__(self, second):
      super().__init__()
      self.second = second

    def __call__(self):
      return tfd.JointDistributionSequential([normal(), self.second])

  decode = Decoder(4, 12, pixels)
  fit(model(of_pixels(joint(gaussian)), Marginal(normal()), decode))
  mixed = model(of_pixels(joint(discrete)), Marginal(coins()), decode)
  refused('not reparameterised', fit, mixed)
  evaluate(mixed)


POINTS = [
  tfd.VectorDeterministic,
  lambda h: tfd.Independent(tfd.Deterministic(h), 1),
]


@pytest.mark.parametrize('points', POINTS)
@pytest.mark.parametrize(
  'marginal',
  [
    normal(),
    tfd.Independent(tfd.Logistic(tf.zeros(2), tf.ones(2)), 1),
    tfd.TransformedDistribution(normal(), tfb.Shift(tf.ones(2))),
    tfd.MixtureSameFamily(
      tfd.Categorical(logits=tf.zeros(2)),
      tfd.MultivariateNormalDiag(tf.zeros([2, 2])),
    ),
  ],
  ids=['normal', 'logistic', 'flow', 'mixture'],
)
def test_point_masses_beside_a_density(points, marginal):
  sentence = 'point mass .*Deterministic.* a density.*give the encoder a scale'
  for door in DOORS:
    refused(sentence, door, model(of_pixels(points), marginal))


@pytest.mark.parametrize('points', POINTS)
def test_point_masses_beside_probabilities_are_a_code(points):
  of = model(of_pixels(lambda h: points(tf.cast(h > 0, tf.float32))), coins())
  point = evaluate(of)
  assert point.rate_nats == pytest.approx(2 * np.log(2))
  draw(of)


def test_nothing_to_train():
  of = model(
    lambda x: gaussian(tf.reshape(x, [-1, 12])[:, :2]),
    decode=lambda z: pixels(tf.tile(z, [*[1] * (z.shape.rank - 1), 6])),
  )
  refused('there is nothing to train: no part.*trainable = True', fit, of)
  evaluate(of)
  draw(of)


def softplus():
  return tf.nn.softplus(tf.Variable([0.3, -1.0]))


@pytest.mark.parametrize(
  ('make', 'name'),
  [
    (lambda: tfd.MultivariateNormalDiag(None, softplus()), 'scale_diag'),
    (
      lambda: tfd.Independent(tfd.Normal(tf.zeros(2), softplus()), 1),
      'distribution.scale',
    ),
    (
      lambda: tfd.TransformedDistribution(normal(), tfb.Scale(softplus())),
      'bijector.scale',
    ),
  ],
)
def test_a_parameter_that_was_computed_once_is_said(make, name):
  sentence = f'the parameter {name} of .*marginal.*TransformedVariable'
  with pytest.warns(UserWarning, match=sentence):
    of = model(marginal=make())
  assert len(of.marginal.trainable_variables) == 0


def learned():
  return tfp.util.TransformedVariable([0.3, 1.0], tfb.Softplus())


@pytest.mark.parametrize(
  'scale',
  [
    lambda: tf.ones(2),
    lambda: tf.constant([0.3, 100.0]),
    lambda: np.array([0.3**0.5, 1.7**0.5], 'f'),
    lambda: [0.123456, 7.0],
    lambda: tf.Variable([0.123456, 7.0]),
    learned,
    lambda: tfp.util.DeferredTensor(tf.Variable([0.3, 1.0]), tf.nn.softplus),
  ],
)
def test_parameters_that_are_meant_as_they_are(scale):
  with warnings.catch_warnings():
    warnings.simplefilter('error', UserWarning)
    model(marginal=tfd.MultivariateNormalDiag(None, scale()))


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
