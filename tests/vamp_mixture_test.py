# SPDX-License-Identifier: Apache-2.0
"""A VampPrior is a distribution of TFP, and its samples follow it."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from vamp_cases import (
  codes,
  COMPILERS,
  flow_encoder,
  gaussian_encoder,
  images,
  SHAPE,
)

import tfp_rd
from tfp_rd.marginal import vamp, vamp_mixture

tfd = tfp.distributions


def mixture_cdf(mixture, z, logits):
  """The distribution function of a mixture of Gaussians in one dimension."""
  components = mixture.components_distribution
  each = tfd.Normal(components.mean()[:, 0], components.stddev()[:, 0])
  weights = tf.nn.softmax(tf.constant(logits, tf.float64))
  return np.sum(weights * each.cdf(z), axis=-1)


@pytest.mark.parametrize('bound', [vamp_mixture.MAX_DENSITIES, 900])
def test_samples_follow_the_mixture_and_no_other_weights(bound):
  encoder = gaussian_encoder(1)
  head = encoder._head
  head._loc.kernel.assign(head._loc.kernel * 30.0)
  head._scale.bias.assign_sub([2.0])
  marginal = vamp.Vamp(encoder, images(3), max_densities=bound, dtype='float64')
  logits = np.log([0.6, 0.3, 0.1])
  marginal._logits.assign(logits)
  mixture, n = marginal(), 4000
  z = np.sort(mixture.sample(n, seed=(0, 1)).numpy(), axis=0)

  def distance(logits):
    # Of Kolmogorov and Smirnov, in units of its usual size.
    uniform = mixture_cdf(mixture, z, logits)
    return np.abs(uniform - (np.arange(n) + 0.5) / n).max() * np.sqrt(n)

  assert 0.2 < distance(logits) < 1.63
  assert distance(np.log([0.55, 0.3, 0.15])) > 2.5
  assert distance(np.zeros(3)) > 3


@pytest.mark.parametrize(
  ('make', 'bound'),
  [(gaussian_encoder, 1000), (gaussian_encoder, 3), (flow_encoder, 1000)],
)
def test_a_seed_gives_the_same_samples_eager_and_in_a_graph(make, bound):
  marginal = vamp.Vamp(make(), images(5), max_densities=bound, dtype='float64')
  z, log_prob = marginal().experimental_sample_and_log_prob(8, seed=(0, 3))
  np.testing.assert_allclose(log_prob, marginal().log_prob(z), rtol=1e-9)
  np.testing.assert_array_equal(z, marginal().sample(8, seed=3))
  assert not np.isin(z, marginal().sample(8, seed=4)).any()
  assert len(np.unique(z)) == z.numpy().size
  for n in (8, tf.constant(8)):
    compiled = COMPILERS['graph'](lambda n: marginal().sample(n, seed=3))
    np.testing.assert_allclose(z, compiled(n), rtol=1e-9)


def test_a_bound_above_the_number_of_samples_changes_none():
  samples = [
    vamp.Vamp(gaussian_encoder(), images(5), max_densities=bound)()
    .sample([2, 4], seed=(0, 1))
    .numpy()
    for bound in (8, 1000)
  ]
  np.testing.assert_array_equal(*samples)


def test_which_component_and_what_of_it_are_drawn_apart():
  encoder = gaussian_encoder(1)
  marginal = vamp.Vamp(encoder, images(1).repeat(2, 0), dtype='float64')
  # Of equal components the codes do not depend on which were drawn.
  even = marginal().sample(50, seed=(0, 1))
  marginal._logits.assign([3.0, -3.0])
  np.testing.assert_array_equal(even, marginal().sample(50, seed=(0, 1)))


@pytest.mark.parametrize('with_condition', [False, True])
def test_it_is_what_tfp_s_own_mixture_is(with_condition):
  c = codes(4, 2) if with_condition else None
  encoder = gaussian_encoder(condition_size=2 if with_condition else 0)
  marginal = vamp.Vamp(encoder, images(5), dtype='float64')
  marginal._logits.assign(codes(5))
  mixture = marginal(condition=c)
  peer = tfd.MixtureSameFamily(
    mixture.mixture_distribution, mixture.components_distribution
  )
  assert mixture.event_shape == peer.event_shape == [3]
  assert (
    mixture.batch_shape == peer.batch_shape == ([4] if c is not None else [])
  )
  assert mixture.dtype == peer.dtype == tf.float64
  z = codes(2, 4, 3)
  for name, arguments in (('log_prob', [z]), ('mean', []), ('variance', [])):
    np.testing.assert_allclose(
      getattr(mixture, name)(*arguments),
      getattr(peer, name)(*arguments),
      rtol=1e-12,
      err_msg=name,
    )
  assert mixture.sample([3, 2], seed=(0, 1)).shape == [
    3,
    2,
    *mixture.batch_shape,
    3,
  ]


def test_it_is_sliced_copied_and_shown_as_tfp_s_are():
  encoder = flow_encoder(condition_size=2)
  marginal = vamp.Vamp(encoder, images(5), dtype='float64')
  mixture, z = marginal(condition=codes(4, 2)), codes(4, 3)
  whole, part = mixture.log_prob(z), mixture[1:3]
  assert 'batch_shape=[2] event_shape=[3]' in repr(part)
  np.testing.assert_allclose(part.log_prob(z[1:3]), whole[1:3], rtol=1e-9)
  np.testing.assert_allclose(mixture[2].log_prob(z[2]), whole[2], rtol=1e-9)
  chunked = mixture.copy(max_densities=3)
  np.testing.assert_allclose(chunked.log_prob(z), whole, rtol=1e-9)
  assert mixture.copy(name='other').name == 'other'


def test_it_owns_its_variables_and_sees_them_move():
  marginal = vamp.Vamp(gaussian_encoder(), images(5), dtype='float64')
  mixture, z = marginal(), codes(4, 3)
  ours = {id(v) for v in mixture.trainable_variables}
  assert ours == {id(v) for v in marginal.trainable_variables}
  for variable in mixture.trainable_variables:
    before = mixture.log_prob(z).numpy()
    variable.assign_add(codes(*variable.shape) * 0.1)
    assert not np.allclose(before, mixture.log_prob(z)), variable.name


def test_it_is_taken_and_trained_as_the_marginal_of_a_model():
  model = tfp_rd.build('---', image_shape=SHAPE, latent_size=3)
  logits = tf.Variable(tf.zeros(5), name='mixture')
  mixture = vamp_mixture.VampMixture(
    model.encoder, images(5).astype('f'), logits, max_densities=7
  )
  model = tfp_rd.LatentVariableModel(model.encoder, mixture, model.decoder)
  before = [v.numpy() for v in model.trainable_variables]
  tfp_rd.fit(model, images(8).astype('f'), num_steps=2, batch_size=4)
  moved = [
    v.name
    for v, b in zip(model.trainable_variables, before, strict=True)
    if not np.array_equal(v, b)
  ]
  assert len(moved) == len(before)
  assert any('mixture' in name for name in moved)


def test_what_cannot_be_a_mixture_is_refused():
  u, logits = images(2), np.zeros(2)
  with pytest.raises(ValueError, match='max_densities is 0'):
    vamp_mixture.VampMixture(gaussian_encoder(), u, logits, max_densities=0)
  for encoder in (lambda x: x, lambda x: tfd.Normal(x, tf.ones_like(x))):
    with pytest.raises(ValueError, match='Independent'):
      vamp_mixture.VampMixture(encoder, u, logits)
