# SPDX-License-Identifier: Apache-2.0
"""Our parts train in models of others, and are sound there."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras
from foreign_parts import (
  Decoder,
  Encoder,
  FEATURES,
  keras_encoder,
  mass,
  Net,
  rows,
  SIZE,
)

import tfp_rd
from tfp_rd import testing
from tfp_rd.decoder import pixel_cnn
from tfp_rd.marginal import masked_autoregressive, standard_normal, vamp

tfd = tfp.distributions
tfpl = tfp.layers


@pytest.fixture(autouse=True)
def fixed_seed():
  tf_keras.utils.set_random_seed(0)


def bits(n=16):
  """Images of 3x3 bits in two kinds."""
  kind = np.random.RandomState(5).randint(2, size=[n, 1, 1, 1])
  return np.tile(kind, [1, 3, 3, 1]).astype('f')


def pixel_decoder():
  return pixel_cnn.PixelCNN(SIZE, (3, 3, 1), features=4, num_scales=1, seed=0)


def test_our_decoder_trains_in_a_loop_of_another():
  encode, decode, x = Net(9, SIZE), pixel_decoder(), bits()
  optimizer = tf_keras.optimizers.Adam(0.03)
  variables = encode.trainable_variables + decode.trainable_variables

  @tf.function
  def step():
    with tf.GradientTape() as tape:
      z = encode(tf.reshape(x, [-1, 9])) + tf.random.normal([len(x), SIZE])
      loss = -tf.reduce_mean(decode(z).log_prob(x))
    gradients = tape.gradient(loss, variables)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))
    return loss

  before = [v.numpy() for v in variables]
  losses = [float(step()) for _ in range(60)]
  for v, old in zip(variables, before, strict=True):
    assert (v.numpy() != old).any(), v.name
  # Half of a bit is left: which of the two kinds; at first nine of them.
  assert losses[0] > 5.0
  assert np.mean(losses[-10:]) < 1.0
  testing.assert_sums_to_one(decode(tf.ones([1, SIZE])))


class Vae(tf_keras.Model):
  """A model of Keras as others write it, with parts of ours."""

  def __init__(self, encoder, marginal, decoder):
    super().__init__()
    self.encoder, self.marginal, self.decoder = encoder, marginal, decoder

  def call(self, x):
    encoding = self.encoder(x)
    z = tf.convert_to_tensor(encoding)
    rate = encoding.log_prob(z) - self.marginal().log_prob(z)
    self.add_loss(tf.reduce_mean(rate))
    return self.decoder(z)


def flow(size=SIZE, **kwargs):
  return masked_autoregressive.MaskedAutoregressive(
    size, hidden_sizes=(8,), num_steps=2, seed=0, **kwargs
  )


def distortion(x, decoding):
  return -decoding.log_prob(x)


@pytest.mark.slow
def test_our_parts_train_in_a_model_of_keras():
  parts = keras_encoder((3, 3, 1)), flow(), pixel_decoder()
  model, x = Vae(*parts), bits()
  model.compile(tf_keras.optimizers.legacy.Adam(0.01), loss=distortion)
  model(x)
  before = [v.numpy() for v in model.trainable_variables]
  model.fit(x, x, verbose=0, epochs=2)
  for v, old in zip(model.trainable_variables, before, strict=True):
    assert (v.numpy() != old).any(), v.name
  ours = tfp_rd.LatentVariableModel(*parts)
  assert {id(v) for v in ours.trainable_variables} == {
    id(v) for v in model.trainable_variables
  }
  check_loss(model, ours, x)


def check_loss(model, ours, x):
  """The loss of a compiled model is D + R, as `evaluate` measures it."""
  often = np.repeat(x, 50, axis=0)
  losses = [
    model.evaluate(often, often, batch_size=len(often), verbose=0)
    for _ in range(10)
  ]
  error = np.std(losses, ddof=1) / np.sqrt(10)
  point = tfp_rd.evaluate(ours, x, num_samples=400)
  assert point.rate_nats > 10 * error  # A doubled rate would be seen.
  assert abs(np.mean(losses) + point.elbo_nats) < 6 * error


def test_our_marginal_is_the_prior_of_a_plain_tfp_model():
  encoder, marginal = keras_encoder(), flow()
  width = tfpl.IndependentNormal.params_size(FEATURES)
  decoder = tf_keras.Sequential(
    [
      tf_keras.layers.Dense(
        width, input_shape=(SIZE,), kernel_initializer='zeros'
      ),
      tfpl.IndependentNormal(FEATURES),
    ]
  )
  prior = tfpl.KLDivergenceAddLoss(marginal())
  model = tf_keras.Sequential([*encoder.layers, prior, *decoder.layers])
  x = rows()
  model.compile(tf_keras.optimizers.legacy.Adam(0.01), loss=distortion)
  before = [v.numpy() for v in marginal.trainable_variables]
  model.fit(x, x, verbose=0, epochs=2)
  for v, old in zip(marginal.trainable_variables, before, strict=True):
    assert (v.numpy() != old).any(), v.name
  # The door refuses the layer that adds a rate: without it, these are the
  # three parts.
  ours = tfp_rd.LatentVariableModel(encoder, marginal, decoder)
  check_loss(model, ours, x)


def pseudo_inputs():
  encoder = Encoder(dtype='float64')
  return vamp.Vamp(encoder, rows(3) ** 2 / 10.0, dtype='float64')


@pytest.mark.parametrize(
  'make',
  [
    lambda: standard_normal.StandardNormal(SIZE, dtype='float64'),
    lambda: flow(affine=True, dtype='float64'),
    pseudo_inputs,
  ],
  ids=['standard_normal', 'masked_autoregressive', 'vamp'],
)
def test_our_marginal_is_the_first_step_of_a_joint_distribution(make):
  marginal, decoder = make(), Decoder('normal', dtype='float64')
  joint = tfd.JointDistributionSequential([marginal(), lambda z: decoder(z)])
  z, x = joint.sample([2, 5], seed=(0, 1))
  assert z.shape == (2, 5, SIZE)
  assert x.shape == (2, 5, FEATURES)
  np.testing.assert_allclose(
    joint.log_prob([z, x]),
    marginal().log_prob(z) + decoder(z).log_prob(x),
    rtol=1e-12,
  )


def sheared(n=1000):
  """Rows of z1 ~ N(0, 1), z2 = z1 + N(0, 1); a flow of volume 1 can do that."""
  z = np.random.RandomState(6).randn(n, 2)
  return np.stack([z[:, 0], z.sum(1)], -1).astype('f')


def test_our_marginal_is_fitted_by_tfp():
  marginal, z = flow(2), sheared()
  losses = tfp.math.minimize(
    lambda: -tf.reduce_mean(marginal().log_prob(z)),
    num_steps=300,
    optimizer=tf_keras.optimizers.Adam(0.02),
    trainable_variables=marginal.trainable_variables,
  )
  truth = scipy.stats.multivariate_normal(cov=[[1, 1], [1, 2]])
  floor = -truth.logpdf(z).mean()
  assert losses[0] > floor + 0.3
  assert abs(losses[-1] - floor) < 0.05
  assert abs(mass(marginal().log_prob, dtype='float32') - 1) < 1e-3


def test_variational_inference_of_tfp_bounds_the_evidence():
  marginal, x = flow(2, affine=True), tf.constant([0.5, -1.0])
  joint = tfd.JointDistributionSequential(
    [marginal(), lambda z: tfd.MultivariateNormalDiag(z, 0.5 * tf.ones(2))]
  )
  surrogate = tfp.experimental.util.make_trainable(
    tfd.MultivariateNormalTriL, batch_and_event_shape=[2], seed=(0, 2)
  )
  losses = tfp.vi.fit_surrogate_posterior(
    lambda z: joint.log_prob([z, x]),
    surrogate,
    optimizer=tf_keras.optimizers.Adam(0.05),
    num_steps=300,
    sample_size=50,
    seed=(0, 1),
    trainable_variables=surrogate.trainable_variables,
  )
  evidence = np.log(
    mass(lambda z: joint.log_prob([z, x]), num=501, dtype='float32')
  )
  last = losses[-100:].numpy()
  error = last.std() / 10
  assert error < 0.02
  gap = last.mean() + evidence
  assert -5 * error < gap < 0.1
  assert losses[0] > last.mean() + 0.5
