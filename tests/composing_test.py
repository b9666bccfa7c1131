# SPDX-License-Identifier: Apache-2.0
"""Parts of TFP and Keras work in our models."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras
from foreign_parts import (
  answers,
  counts,
  Decoder,
  Encoder,
  FEATURES,
  HIERARCHIES,
  Hierarchy,
  keras_encoder,
  mass,
  Net,
  normal,
  real_nvp,
  rows,
  SIZE,
)

import tfp_rd

tfb = tfp.bijectors
tfd = tfp.distributions


@pytest.fixture(autouse=True)
def fixed_seed():
  tf_keras.utils.set_random_seed(0)


class JointEncoder(tf.Module):
  """A list of codes: z1 given x, and z2 given both."""

  def __init__(self):
    super().__init__()
    self.nets = [Net(FEATURES, 1), Net(FEATURES + 1, 2, seed=1)]

  def __call__(self, x):
    def second(z1):
      shape = tf.concat([tf.shape(z1)[:-1], tf.shape(x)[-1:]], 0)
      both = tf.concat([tf.broadcast_to(x, shape), z1], -1)
      return tfd.MultivariateNormalDiag(self.nets[1](both), tf.ones(2))

    first = tfd.MultivariateNormalDiag(self.nets[0](x), tf.ones(1))
    return tfd.JointDistributionSequential([first, second])


class JointDecoder(tf.Module):
  def __init__(self):
    super().__init__()
    self.decoder = Decoder('normal')

  def __call__(self, z):
    return self.decoder(tf.concat(z, axis=-1))


class JointMarginal(tf.Module):
  """The hierarchy as it is, without joining its codes."""

  def __init__(self):
    super().__init__()
    self.hierarchy = Hierarchy('blockwise')

  def __call__(self):
    return self.hierarchy.joint()


def parts_of(name):
  """Parts of an example, its data, and how many variables it trains."""
  if name in ('poisson', 'categorical'):
    x = counts() if name == 'poisson' else answers()
    return (Encoder(), normal(), Decoder(name)), x, 4 + 4
  if name == 'lists':
    return (JointEncoder(), JointMarginal(), JointDecoder()), rows(), 8 + 5 + 5
  marginal, count = normal(), 0
  if name == 'real_nvp':
    marginal, count = real_nvp(), 8
  elif name in HIERARCHIES:
    marginal, count = Hierarchy(name), 5
  return (keras_encoder(), marginal, Decoder('normal')), rows(), 4 + count + 5


@pytest.mark.parametrize(
  'name',
  ['normal', 'poisson', 'categorical', 'blockwise', 'real_nvp', 'lists'],
)
def test_every_variable_of_every_part_is_found_and_moves(name):
  parts, x, count = parts_of(name)
  model = tfp_rd.LatentVariableModel(*parts)
  before = [v.numpy() for v in model.trainable_variables]
  assert len(before) == count
  assert {id(v) for part in parts for v in part.trainable_variables} == {
    id(v) for v in model.trainable_variables
  }
  tfp_rd.fit(model, x, num_steps=3, batch_size=8)
  for v, old in zip(model.trainable_variables, before, strict=True):
    assert (v.numpy() != old).any(), v.name
  point = tfp_rd.evaluate(model, x, num_samples=4)
  assert point.num_examples == len(x)
  assert np.isfinite(point.elbo_nats)


def tril_kl(encoding):
  """KL(N(mu, L L') || N(0, I)) of each row, by its formula."""
  loc, scale = encoding.mean().numpy(), encoding.scale.to_dense().numpy()
  logs = np.log(np.diagonal(scale, axis1=-2, axis2=-1)).sum(-1)
  squares = (loc**2).sum(-1) + (scale**2).sum((-2, -1))
  return 0.5 * (squares - SIZE) - logs


@pytest.mark.parametrize('encoder', [keras_encoder, Encoder])
def test_the_rate_of_a_full_gaussian_is_its_divergence(encoder):
  model = tfp_rd.LatentVariableModel(encoder(), normal(), Decoder('normal'))
  x, draws = rows(), 2000
  drawn = tfp_rd.draw(model, x, num_samples=draws, seed=0).rate.numpy()
  kl = tril_kl(model.encoder(tf.constant(x)))
  error = drawn.std(0) / np.sqrt(draws)
  assert error.max() < 0.1
  assert (np.abs(drawn.mean(0) - kl) < 5 * error).all()
  analytic = tfp_rd.draw(model, x, seed=0, rate='analytic').rate
  np.testing.assert_allclose(analytic[0], kl, rtol=1e-5)
  point = tfp_rd.evaluate(model, x, num_samples=500)
  assert abs(point.rate_nats - kl.mean()) < 5 * error.mean()


def test_a_list_of_codes_costs_what_the_flat_code_costs():
  parts = JointEncoder(), JointMarginal(), JointDecoder()
  lists = tfp_rd.LatentVariableModel(*parts)
  flat = tfp_rd.LatentVariableModel(
    Flat(parts[0]), Flat(parts[1]), parts[2].decoder
  )
  one, other = (tfp_rd.draw(m, rows(), seed=0) for m in (lists, flat))
  assert [z.shape[-1] for z in one.latent] == [1, 2]
  np.testing.assert_allclose(tf.concat(one.latent, -1), other.latent, rtol=1e-5)
  np.testing.assert_allclose(one.rate, other.rate, rtol=1e-4)
  np.testing.assert_allclose(one.distortion, other.distortion, rtol=1e-5)


class Flat(tf.Module):
  """A part of lists, joined to vectors."""

  def __init__(self, part):
    super().__init__()
    self.part = part

  def __call__(self, *args):
    return tfd.Blockwise(self.part(*args))


def test_a_real_nvp_is_a_density_of_its_samples():
  marginal = real_nvp(2, dtype='float64')
  assert len(marginal.trainable_variables) == 8
  assert abs(mass(marginal.log_prob, radius=20.0) - 1) < 1e-4
  z, log_prob = marginal.experimental_sample_and_log_prob(50, seed=(0, 1))
  again = tf.identity(z)  # Not the tensor that the bijector remembers.
  np.testing.assert_allclose(marginal.log_prob(again), log_prob, rtol=1e-9)


@pytest.mark.filterwarnings('ignore:`.*` (is deprecated|will be removed)')
def test_a_real_nvp_that_loses_its_variables_is_refused():
  flow = real_nvp(coupling=lambda n, m: tfb.real_nvp_default_template([8]))
  flow.sample(seed=(0, 1))
  assert not flow.trainable_variables
  model = tfp_rd.LatentVariableModel(keras_encoder(), flow, Decoder('normal'))
  with pytest.raises(tfp_rd.UserError, match='no part of the model owns'):
    tfp_rd.fit(model, rows(), num_steps=1, batch_size=4)
