# SPDX-License-Identifier: Apache-2.0
"""What a density and a sample of a VampPrior cost: encodings and memory."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from vamp_cases import codes, COMPILERS, Counting, images

import tfp_rd
from tfp_rd.marginal import vamp, vamp_mixture

tfd = tfp.distributions


@pytest.mark.parametrize('compiler', ['eager', 'graph'])
@pytest.mark.parametrize('bound', [1, 3, 5, 12, 34, 70, 1000])
def test_no_more_densities_than_the_bound_are_held_at_once(bound, compiler):
  encoder = Counting()
  marginal = vamp.Vamp(encoder, images(5), max_densities=bound, dtype='float64')

  def run(z):
    with tf.GradientTape() as tape:
      loss = tf.reduce_sum(marginal().log_prob(z))
    return loss, tape.gradient(loss, marginal.trainable_variables)

  COMPILERS[compiler](run)(codes(14, 3))
  assert max(encoder.densities) <= bound
  assert max(encoder.encoded) <= max(1, bound)
  first, *encoded = encoder.encoded
  assert first == 1
  if bound >= 70:
    assert encoder.densities == [70]
    assert encoded == [5]
  elif compiler == 'eager':
    # Each once for the density and once for the gradient, and few to fill up.
    assert 2 * 70 <= sum(encoder.densities) <= 2 * 100
    least = 2 * 5 * math.ceil(14 / bound)
    assert least <= sum(encoded) <= least * 6 / 5


def test_while_codes_fit_the_bound_each_pseudo_input_is_encoded_once():
  encoder = Counting()
  marginal = vamp.Vamp(encoder, images(10), max_densities=20, dtype='float64')
  mixture = marginal()
  encoder.encoded.clear()
  for count, passes in ((8, 1), (20, 1), (21, 2), (50, 3)):
    mixture.log_prob(codes(count, 3))
    assert sum(encoder.encoded) == passes * 10
    encoder.encoded.clear()


def test_a_step_on_digits_has_no_loop():
  model = tfp_rd.build('--v', image_shape=(8, 8, 1))
  assert model.marginal.pseudo_inputs.shape[0] == 50

  def while_loops(batch):
    x = tf.TensorSpec([batch, 8, 8, 1])

    @tf.function(autograph=False)
    def log_prob(x):
      return tfp_rd.draw(model, x, seed=0).marginal_log_prob

    nodes = log_prob.get_concrete_function(x).graph.as_graph_def().node
    return [n.name for n in nodes if 'While' in n.op]

  assert not while_loops(128)
  assert while_loops(1000)


def test_a_sample_costs_one_encoding_however_many_components_there_are():
  encoder = Counting()
  mixture = vamp.Vamp(encoder, images(50), dtype='float64')()
  encoder.encoded.clear()
  assert mixture.sample(20, seed=(0, 1)).shape == (20, 3)
  assert encoder.encoded == [20]


@pytest.mark.parametrize('bound', [2**14, 7])
@pytest.mark.parametrize('groups', [(), (3, 1)])
def test_each_condition_costs_one_encoding_of_each_pseudo_input(bound, groups):
  """Also in chunks; a condition of each code would cost as many more."""
  encoded = []

  def encoder(x, *, condition):
    encoded.append(x.shape[:-3].num_elements())
    loc = tf.reduce_mean(x, [-3, -2]) + tf.reduce_sum(condition, -1)[..., None]
    return tfd.MultivariateNormalDiag(loc, tf.ones(1, tf.float64))

  k, codes = 4, (5, 3, 2)
  random = np.random.RandomState(0)
  z = tf.constant(random.randn(*codes, 1))
  condition = tf.constant(random.randn(*groups, 2))
  mixture = vamp_mixture.VampMixture(
    encoder,
    tf.constant(random.rand(k, 2, 2, 1)),
    tf.zeros(k, tf.float64),
    condition=condition,
    max_densities=bound,
  )
  encoded.clear()
  found = mixture.log_prob(z)
  num_groups = math.prod(groups)
  # Eager loops: each chunk of components is encoded for a chunk of rows.
  assert max(encoded) <= num_groups * k
  if bound > math.prod(codes) * k:
    assert sum(encoded) == num_groups * k
  locs = tf.reduce_mean(mixture._pseudo_inputs, [-3, -2])[:, 0]
  shift = tf.reduce_sum(condition, -1)
  codes_of = tfd.Normal(locs + shift[..., None], tf.ones([], tf.float64))
  expected = tf.reduce_logsumexp(codes_of.log_prob(z), -1) - math.log(k)
  np.testing.assert_allclose(found, expected, rtol=1e-9)
