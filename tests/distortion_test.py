# SPDX-License-Identifier: Apache-2.0
"""Distortions of reals, counts and categories are their closed forms."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras
from foreign_parts import (
  answers,
  CLASSES,
  counts,
  Decoder,
  Encoder,
  FEATURES,
  normal,
  rows,
)

import tfp_rd

tfd = tfp.distributions


@pytest.fixture(autouse=True)
def fixed_seed():
  tf_keras.utils.set_random_seed(0)


def narrow_model(decoding, *, unit=1.0):
  """An encoder that nearly says x, before a decoder with as many features."""

  def encoder(x):
    return tfd.MultivariateNormalDiag(unit * x, 0.01 * tf.ones_like(x))

  marginal = tfd.MultivariateNormalDiag(np.zeros(FEATURES))
  return tfp_rd.LatentVariableModel(encoder, marginal, decoding)


def test_distortion_of_reals_is_its_closed_form_and_may_be_negative():
  scale = 0.05
  model = narrow_model(
    lambda z: tfd.MultivariateNormalDiag(z, scale * tf.ones_like(z))
  )
  x = rows(200).astype('float64')
  point = tfp_rd.evaluate(model, x, num_samples=20)
  # E (x - z)^2 is the encoder's variance.
  a_feature = 0.5 * np.log(2 * np.pi * scale**2) + 0.5 * (0.01 / scale) ** 2
  expected = FEATURES * a_feature
  assert expected < -8.0
  assert point.distortion_stderr_nats < 0.01
  error = abs(point.distortion_nats - expected)
  assert error < 5 * point.distortion_stderr_nats


@pytest.mark.parametrize('grams', [1e3, 0.5])
def test_other_units_of_reals_move_the_distortion_by_a_constant(grams):
  def in_grams(z):
    return tfd.MultivariateNormalDiag(grams * z, grams * tf.ones_like(z))

  def in_kilograms(z):
    return tfd.MultivariateNormalDiag(z, tf.ones_like(z))

  x = rows().astype('float64')
  one = tfp_rd.draw(narrow_model(in_kilograms), x, seed=0)
  model = narrow_model(in_grams, unit=1 / grams)
  other = tfp_rd.draw(model, grams * x, seed=0)
  np.testing.assert_allclose(other.rate, one.rate, rtol=1e-9)
  np.testing.assert_allclose(
    other.distortion, one.distortion + FEATURES * np.log(grams), rtol=1e-9
  )


def test_columns_that_are_not_one_example_are_refused():
  model = narrow_model(lambda z: tfd.Normal(z, tf.ones_like(z)))
  with pytest.raises(tfp_rd.UserError, match='Independent'):
    tfp_rd.evaluate(model, rows().astype('float64'))


def test_distortion_of_counts_is_that_of_scipy():
  decoder, x = Decoder('poisson'), counts()
  model = tfp_rd.LatentVariableModel(Encoder(), normal(), decoder)
  draws = tfp_rd.draw(model, x, num_samples=3, seed=0)
  means = np.exp(decoder.net(draws.latent))
  np.testing.assert_allclose(
    draws.distortion, -scipy.stats.poisson.logpmf(x, means).sum(-1), rtol=1e-5
  )
  assert np.all(draws.distortion > 0)


@pytest.mark.parametrize('kind', ['int32', 'uint8', 'float32', 'float64'])
def test_counts_may_be_of_any_type(kind):
  model = tfp_rd.LatentVariableModel(Encoder(), normal(), Decoder('poisson'))
  one, other = (
    tfp_rd.evaluate(model, x, num_samples=2)
    for x in (counts(), counts().astype(kind))
  )
  assert one == other


def test_distortion_of_categories_is_the_cross_entropy():
  decoder, x = Decoder('categorical'), answers()
  model = tfp_rd.LatentVariableModel(Encoder(), normal(), decoder)
  draws = tfp_rd.draw(model, x, num_samples=3, seed=0)
  logits = decoder.net(draws.latent).numpy().reshape(3, 20, FEATURES, CLASSES)
  chosen = np.eye(CLASSES)[x] * scipy.special.log_softmax(logits, axis=-1)
  np.testing.assert_allclose(draws.distortion, -chosen.sum((-2, -1)), rtol=1e-5)
  for v in decoder.trainable_variables:
    v.assign(tf.zeros_like(v))
  point = tfp_rd.evaluate(model, x)
  assert abs(point.distortion_nats - FEATURES * np.log(CLASSES)) < 1e-5
