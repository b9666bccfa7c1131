# SPDX-License-Identifier: Apache-2.0
"""Parts that would not train as they seem to are refused, or said."""

import warnings

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras
from door_models import (
  bits,
  DOORS,
  draw,
  evaluate,
  fit,
  gaussian,
  model,
  normal,
  of_pixels,
  Part,
  pixels,
  refused,
  SHAPE,
)

import tfp_rd

tfb = tfp.bijectors
tfd = tfp.distributions


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
  of = model(of_pixels(points), marginal)
  for door in DOORS if marginal.name.startswith('Independent') else [draw]:
    refused(sentence, door, of)


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


def functional_encoder():
  x = tf_keras.Input(SHAPE)
  h = tf_keras.layers.Dense(4)(tf_keras.layers.Flatten()(x))
  net = tf_keras.Model(x, tfp.layers.IndependentNormal(2)(h))
  net.add_loss(0.1 * tf.reduce_mean(h**2))
  return net


def test_the_loss_of_a_functional_model_counts():
  net = functional_encoder()
  h = net.layers[2](tf.reshape(bits(), [-1, 12]))
  expected = float(0.1 * tf.reduce_mean(h**2))
  row = fit(model(net), num_steps=1, batch_size=8).metrics[-1]
  assert row['regularization'] == pytest.approx(expected, rel=1e-4)
