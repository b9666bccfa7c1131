# SPDX-License-Identifier: Apache-2.0
"""Parts made with TFP and Keras alone, as those of a user are."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from tfp_rd.network import gated, initial

tfb = tfp.bijectors
tfd = tfp.distributions
tfpl = tfp.layers

FEATURES = 4
SIZE = 3
CLASSES = 3


def rows(n=20, seed=0):
  return np.random.RandomState(seed).randn(n, FEATURES).astype('f')


def counts(n=20):
  return np.random.RandomState(1).poisson(3.0, size=[n, FEATURES])


def answers(n=20):
  return np.random.RandomState(2).randint(CLASSES, size=[n, FEATURES])


class Net(tf.Module):
  """Two layers for inputs of any leading shape."""

  def __init__(self, num_inputs, num_outputs, *, seed=0, dtype='float32'):
    super().__init__()
    first, second = initial.split(seed, 2)
    self.hidden = gated.Dense(num_inputs, 8, seed=first, dtype=dtype)
    self.out = gated.Dense(8, num_outputs, seed=second, dtype=dtype)

  def __call__(self, x):
    return self.out(tf.tanh(self.hidden(x)))


class Encoder(tf.Module):
  """Any numbers to a Gaussian with a full covariance, without Keras."""

  def __init__(self, *, dtype='float32'):
    super().__init__()
    self.dtype = dtype
    self.net = Net(FEATURES, SIZE + SIZE * (SIZE + 1) // 2, dtype=dtype)

  def __call__(self, x):
    loc, scale = tf.split(self.net(tf.cast(x, self.dtype)), [SIZE, -1], -1)
    return tfd.MultivariateNormalTriL(
      loc, tfb.FillScaleTriL(diag_shift=None)(scale)
    )


def keras_encoder(shape=(FEATURES,)):
  return tf_keras.Sequential(
    [
      tf_keras.layers.Flatten(input_shape=shape),
      tf_keras.layers.Dense(8, 'tanh'),
      tf_keras.layers.Dense(tfpl.MultivariateNormalTriL.params_size(SIZE)),
      tfpl.MultivariateNormalTriL(SIZE),
    ]
  )


class Decoder(tf.Module):
  """Codes to columns of a family; its scale, if any, is learned."""

  def __init__(self, family, *, dtype='float32'):
    super().__init__()
    self.family = family
    width = FEATURES * (CLASSES if family == 'categorical' else 1)
    self.net = Net(SIZE, width, seed=1, dtype=dtype)
    if family == 'normal':
      self.scale = tfp.util.TransformedVariable(
        tf.ones([], dtype), tfb.Softplus()
      )

  def __call__(self, z):
    return tfd.Independent(self._columns(self.net(z)), 1)

  def _columns(self, features):
    if self.family == 'normal':
      return tfd.Normal(features, self.scale)
    if self.family == 'poisson':
      return tfd.Poisson(log_rate=features)
    shape = tf.concat([tf.shape(features)[:-1], [FEATURES, CLASSES]], 0)
    return tfd.Categorical(logits=tf.reshape(features, shape))


def normal():
  return tfd.MultivariateNormalDiag(tf.zeros(SIZE))


class Hierarchy(tf.Module):
  """z1 of one dimension, then z2 | z1 of two, joined to one flat z."""

  def __init__(self, form, *, dtype='float32'):
    super().__init__()
    self.form = form
    self.first = tfd.MultivariateNormalDiag(
      tf.Variable([0.5], dtype=dtype), tf.ones(1, dtype)
    )
    self.net = Net(1, 2, seed=2, dtype=dtype)

  def second(self, z1):
    loc = self.net(z1)
    return tfd.MultivariateNormalDiag(loc, 0.3 * tf.ones_like(loc))

  def __call__(self):
    if self.form == 'blockwise':
      return tfd.Blockwise(self.joint())
    if self.form == 'split':
      flat = tfb.Invert(tfb.Split([1, 2]))
      return tfd.TransformedDistribution(self.joint(), flat)
    return tfd.Blockwise(tfd.JointDistributionCoroutine(self.steps))

  def joint(self):
    return tfd.JointDistributionSequential(
      [self.first, lambda z1: self.second(z1)]
    )

  def steps(self):
    z1 = yield tfd.JointDistributionCoroutine.Root(self.first)
    yield self.second(z1)


HIERARCHIES = ('blockwise', 'split', 'coroutine')


class Coupling(tf.Module):
  """The network of a RealNVP, where `tf.Module` finds its variables."""

  def __init__(self, num_inputs, num_outputs, *, dtype='float32'):
    super().__init__()
    self.net = Net(num_inputs, 2 * num_outputs, seed=3, dtype=dtype)

  def __call__(self, x, num_outputs):
    del num_outputs  # Known since the network was made.
    shift, log_scale = tf.split(self.net(x), 2, axis=-1)
    return shift, tf.tanh(log_scale)


def real_nvp(size=SIZE, *, dtype='float32', coupling=None):
  make = coupling or (lambda n, m: Coupling(n, m, dtype=dtype))
  flow = tfb.Chain(
    [
      tfb.RealNVP(num_masked=1, shift_and_log_scale_fn=make(1, size - 1)),
      tfb.Permute(range(size)[::-1]),
      tfb.RealNVP(num_masked=1, shift_and_log_scale_fn=make(1, size - 1)),
    ]
  )
  base = tfd.MultivariateNormalDiag(tf.zeros(size, dtype))
  return tfd.TransformedDistribution(base, flow)


def mass(log_prob, *, radius=7.0, num=301, dtype='float64'):
  """The integral of a density of two dimensions over a square."""
  axis = np.linspace(-radius, radius, num)
  z = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2).astype(dtype)
  cell = (axis[1] - axis[0]) ** 2
  return float(np.exp(log_prob(tf.constant(z))).sum() * cell)
