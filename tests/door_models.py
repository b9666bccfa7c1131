# SPDX-License-Identifier: Apache-2.0
"""Small models of plain parts, and the three doors that refuse some of them."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from foreign_parts import Net

import tfp_rd

tfd = tfp.distributions

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
