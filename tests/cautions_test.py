# SPDX-License-Identifier: Apache-2.0
"""What `fit` says before it trains, and when it says nothing."""

import numpy as np
import pytest
import tensorflow_probability as tfp
import tf_keras

import tfp_rd

tfd = tfp.distributions
tfpl = tfp.layers

SHAPE = (4, 4, 1)


def bits(n=10):
  return np.random.RandomState(0).randint(2, size=[n, *SHAPE]).astype('f')


def said(x=None, model=None, **changes):
  found = []
  model = model or tfp_rd.build('---', image_shape=SHAPE, latent_size=2)
  how = {'num_steps': 4, 'batch_size': 4, **changes}
  x = bits() if x is None else x
  tfp_rd.fit(model, x, on_warning=found.append, **how)
  return found


def test_few_images_that_are_seen_often_want_validation():
  (sentence,) = said(num_steps=50)
  assert sentence.startswith('each of the 10 images is seen 20 times, which')
  assert 'give validation=, images on which' in sentence


@pytest.mark.parametrize(
  'changes',
  [{'num_steps': 49}, {'num_steps': 50, 'validation': bits(5)}],
  ids=['seldom', 'validated'],
)
def test_otherwise_nothing_is_said(changes):
  assert said(**changes) == []


def with_dropout(layer):
  def net(*layers):
    return tf_keras.Sequential([*layers])

  encoder = net(
    tf_keras.layers.Flatten(input_shape=SHAPE),
    layer,
    tf_keras.layers.Dense(4),
    tfpl.IndependentNormal(2),
  )
  decoder = net(
    tf_keras.layers.Dense(16, input_shape=[2]), tfpl.IndependentBernoulli(SHAPE)
  )
  marginal = tfd.MultivariateNormalDiag(np.zeros(2, 'f'))
  return tfp_rd.LatentVariableModel(encoder, marginal, decoder)


@pytest.mark.parametrize(
  'layer', [tf_keras.layers.Dropout(0.5), tf_keras.layers.GaussianNoise(0.1)]
)
def test_noise_that_does_not_follow_the_seed_is_said(layer):
  (sentence,) = said(model=with_dropout(layer))
  assert layer.name in sentence
  assert 'noise that does not follow seed' in sentence


def test_dropout_of_nothing_is_no_noise():
  assert said(model=with_dropout(tf_keras.layers.Dropout(0.0))) == []
