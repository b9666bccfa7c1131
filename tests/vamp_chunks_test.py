# SPDX-License-Identifier: Apache-2.0
"""Densities in chunks are those of the whole, and chunks are small."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras
from vamp_cases import (
  codes,
  COMPILERS,
  flow_encoder,
  gaussian_encoder,
  images,
  SHAPE,
)

from tfp_rd.marginal import vamp, vamp_mixture
from tfp_rd.network import log_sum_chunks

tfd = tfp.distributions
tfpl = tfp.layers


class Closure:
  """An encoder of a stranger, which no module looks into."""

  def __init__(self, seed=0):
    tf_keras.utils.set_random_seed(seed)
    self.network = tf_keras.Sequential(
      [
        tf_keras.layers.Flatten(input_shape=SHAPE, dtype='float64'),
        tf_keras.layers.Dense(6, activation='tanh', dtype='float64'),
        tfpl.IndependentNormal(3, dtype='float64'),
      ]
    )

  def __call__(self, x):
    return self.network(x)

  @property
  def trainable_variables(self):
    return self.network.trainable_variables


def check_chunks(encoder, bounds, compiler, *, condition=None):
  """Compares values and all gradients with those of a single chunk."""
  compiled = COMPILERS[compiler]
  u, logits = tf.Variable(images(5) * 0.8 + 0.1), tf.Variable(codes(5))
  variables = [u, logits, *encoder.trainable_variables]
  z, weights = codes(2, 7, 3), codes(2, 7, seed=2)

  def results(bound):
    def run(z):
      with tf.GradientTape() as tape:
        tape.watch(z)
        watched = [z, *variables]
        c = condition
        if c is not None:
          tape.watch(c)
          watched.append(c)
        mixture = vamp_mixture.VampMixture(
          encoder, u, logits, condition=c, max_densities=bound
        )
        log_prob = mixture.log_prob(z)
        loss = tf.reduce_sum(weights * log_prob)
      return [log_prob, *tape.gradient(loss, watched)]

    return run

  expected = results(1000)(z)
  for bound in bounds:
    for one, other in zip(expected, compiled(results(bound))(z), strict=True):
      np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)


# 14 codes and 5 components, which are 70 densities.
@pytest.mark.parametrize('compiler', COMPILERS)
def test_chunks_change_neither_the_density_nor_any_gradient(compiler):
  check_chunks(Closure(), (1, 2, 12, 34, 69, 70), compiler)


@pytest.mark.parametrize(
  'compiler', ['eager', 'graph', pytest.param('xla', marks=pytest.mark.slow)]
)
def test_chunks_of_a_flow_likewise(compiler):
  check_chunks(flow_encoder(), [12], compiler)


# One condition of all codes, of those of a column, of those of a row, and of
# each code by itself.
@pytest.mark.parametrize(
  ('compiler', 'shape'),
  [
    *(('eager', shape) for shape in [(), (7,), (2, 1)]),
    ('graph', (2, 7)),
    *(
      pytest.param(compiler, shape, marks=pytest.mark.slow)
      for compiler, shape in [
        *(('graph', shape) for shape in [(), (7,), (2, 1)]),
        ('any shape', (2, 1)),
        ('xla', (2, 1)),
      ]
    ),
  ],
)
def test_chunks_of_conditions_likewise(compiler, shape):
  encoder = gaussian_encoder(condition_size=2)
  for v in encoder.trainable_variables:
    v.assign_add(0.1 * tf.ones_like(v))
  condition = codes(*shape, 2, seed=3)
  # Of 7 codes in a row: less than one code's densities, some, all of a group's.
  check_chunks(encoder, [3, 12, 36], compiler, condition=condition)


def test_a_condition_of_any_shape_is_taken_as_that_of_one_code():
  encoder = gaussian_encoder(condition_size=2)
  u, z, c = images(5) * 0.8 + 0.1, codes(2, 7, 3), codes(7, 2, seed=3)

  @tf.function(
    autograph=False, input_signature=[tf.TensorSpec([None, 2], tf.float64)]
  )
  def chunked(c):
    return vamp_mixture.VampMixture(
      encoder, u, codes(5), condition=c, max_densities=12
    ).log_prob(z)

  whole = vamp_mixture.VampMixture(encoder, u, codes(5), condition=c)
  np.testing.assert_allclose(chunked(c), whole.log_prob(z), rtol=1e-9)


@pytest.mark.parametrize('most', [1, 3, 4, 10, 99])
@pytest.mark.parametrize('each', [1, 2])
def test_even_parts_hold_all_and_no_more_than_they_may(most, each):
  size = log_sum_chunks.even_size(10, most, densities_each=each)
  parts = log_sum_chunks.cut(tf.range(10), size)
  assert parts.shape[1] == size
  assert size * each <= max(most, each)
  # As few parts as there can be; the last is filled up by the last row.
  assert parts.shape[0] == -(-10 // max(1, most // each))
  flat = parts.numpy().ravel()
  np.testing.assert_array_equal(flat[:10], np.arange(10))
  assert (flat[10:] == 9).all()
  filled = log_sum_chunks.cut(tf.zeros(10), size, fill=-1.0).numpy().ravel()
  assert (filled[10:] == -1).all()


@pytest.mark.parametrize('compiler', ['graph', 'xla'])
def test_a_gradient_may_be_taken_around_what_is_compiled(compiler):
  encoder, gradients = Closure(), []
  for bound in (1000, 12):
    marginal = vamp.Vamp(
      encoder, images(5), max_densities=bound, dtype='float64'
    )
    log_prob = COMPILERS[compiler](lambda z, m=marginal: m().log_prob(z))
    with tf.GradientTape() as tape:
      loss = tf.reduce_sum(log_prob(codes(14, 3)))
    variables = [*marginal.trainable_variables, *encoder.trainable_variables]
    assert len(variables) == 4
    gradients.append(tape.gradient(loss, variables))
  for one, other in zip(*gradients, strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize('bound', [100, 1])
def test_components_that_exclude_a_code_leave_the_others_their_gradient(bound):
  starts = tf.Variable([0.0, 0.5, 5.0])
  logits = tf.Variable([0.0, 1.0, 2.0])

  def encoder(x):
    return tfd.Independent(tfd.Uniform(x, x + 1.0), 1)

  with tf.GradientTape() as tape:
    mixture = vamp_mixture.VampMixture(
      encoder, starts[:, tf.newaxis], logits, max_densities=bound
    )
    log_prob = mixture.log_prob([[0.7], [0.2]])
  weights = tf.nn.softmax(logits).numpy()
  np.testing.assert_allclose(
    tf.exp(log_prob), [weights[:2].sum(), weights[0]], rtol=1e-6
  )
  expected = np.array(
    [weights[0] / weights[:2].sum() + 1, weights[1] / weights[:2].sum(), 0]
  )
  np.testing.assert_allclose(
    tape.gradient(log_prob, logits), expected - 2 * weights, atol=1e-6
  )


@pytest.mark.parametrize('compiler', ['eager', 'graph', 'xla'])
def test_tensors_that_an_encoder_closes_over_have_no_gradient_from_chunks(
  compiler,
):
  scale, slope = tf.constant(2.0), tf.Variable(1.5)

  def gradients(bound):
    def run(z):
      with tf.GradientTape() as tape:
        tape.watch([scale, z])
        mean = scale * 3.0

        def encoder(x):
          loc = (mean * slope) * x[:, :1, 0, 0]
          return tfd.MultivariateNormalDiag(loc, tf.ones(1))

        mixture = vamp_mixture.VampMixture(
          encoder, images(5).astype('f'), tf.zeros(5), max_densities=bound
        )
        loss = tf.reduce_sum(mixture.log_prob(z))
      found = tape.gradient(loss, {'scale': scale, 'slope': slope, 'z': z})
      return {k: g for k, g in found.items() if g is not None}

    return COMPILERS[compiler](run)(tf.ones([14, 1]))

  whole, chunked = gradients(70), gradients(12)
  assert set(whole) == {'scale', 'slope', 'z'}
  assert set(chunked) == {'slope', 'z'}
  for name, gradient in chunked.items():
    np.testing.assert_allclose(gradient, whole[name], rtol=1e-5)
