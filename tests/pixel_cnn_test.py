# SPDX-License-Identifier: Apache-2.0
"""The autoregressive decoder is a probability, causal, and samples itself.

And the battery that says so says no where it should.
"""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from tfp_rd import testing
from tfp_rd.decoder import pixel_cnn
from tfp_rd.network import causal_layer, initial

tfd = tfp.distributions

LATENT_INPUTS = ['everywhere', 'concatenated']
# All move every weight, masked or not, and far.
OPTIMISERS = {
  'adam_with_decay': lambda: tf_keras.optimizers.Adam(0.05, weight_decay=0.1),
  'rmsprop': lambda: tf_keras.optimizers.RMSprop(0.02),
  'sgd_with_momentum': lambda: tf_keras.optimizers.SGD(
    0.1, momentum=0.9, clipnorm=1.0
  ),
}


def make(shape=(3, 3, 1), *, seed=0, **kwargs):
  decoder = pixel_cnn.PixelCNN(3, shape, features=6, seed=seed, **kwargs)
  for n, v in enumerate(decoder.trainable_variables):
    # Biases and side maps start at zero, where faults could hide.
    noise = tf.random.stateless_normal(v.shape, initial.fold_in(7, n))
    v.assign_add(0.3 * tf.cast(noise, v.dtype))
  return decoder


def code(seed=0, dtype='float32', batch=()):
  return tf.constant(np.random.RandomState(seed).randn(*batch, 3), dtype)


def step_of(decoder, optimizer, x, weights):
  """Returns a step on `-sum_n weights[n] log d(x[n] | z)` at one code."""
  variables = decoder.trainable_variables

  def step():
    with tf.GradientTape() as tape:
      loss = -tf.reduce_sum(weights * decoder(code()).log_prob(x))
    gradients = tape.gradient(loss, variables)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))
    return loss

  return step


@pytest.mark.parametrize('latent_input', LATENT_INPUTS)
@pytest.mark.parametrize('shape', [(2, 2, 1), (3, 3, 1)])
def test_probabilities_of_all_images_sum_to_one(shape, latent_input):
  decoder = make(shape, latent_input=latent_input)
  for seed in range(3):
    testing.assert_sums_to_one(decoder(code(seed)))


@pytest.mark.parametrize('name', OPTIMISERS)
@pytest.mark.parametrize('latent_input', LATENT_INPUTS)
@pytest.mark.parametrize('shape', [(2, 2, 1), (3, 3, 1)])
def test_it_stays_a_probability_after_steps_and_under_averaged_weights(
  shape, latent_input, name
):
  decoder = make(shape, latent_input=latent_input)
  variables = decoder.trainable_variables
  start = [tf.identity(v) for v in variables]
  x = testing.all_images(*shape[:2])[3:6]
  step = step_of(decoder, OPTIMISERS[name](), x, [0.5, 0.3, 0.2])
  for _ in range(6):
    step()
  moved = [np.abs(v - a).max() for v, a in zip(variables, start, strict=True)]
  assert min(moved) > 1e-4
  testing.assert_sums_to_one(decoder(code()))
  testing.assert_causal(decoder(code()))
  for v, first in zip(variables, start, strict=True):
    v.assign(0.5 * (v + first))
  testing.assert_sums_to_one(decoder(code()))
  testing.assert_causal(decoder(code()))


@pytest.mark.parametrize('latent_input', LATENT_INPUTS)
@pytest.mark.parametrize('num_scales', [1, 2, 3])
@pytest.mark.parametrize('shape', [(2, 2, 1), (5, 4, 1), (9, 13, 1)])
def test_no_logit_sees_its_own_or_a_later_pixel(
  shape, num_scales, latent_input
):
  decoder = make(shape, num_scales=num_scales, latent_input=latent_input)
  testing.assert_causal(decoder(code()))


def test_no_logit_sees_its_own_or_a_later_pixel_at_28x28():
  testing.assert_causal(make((28, 28, 1))(code()))


@pytest.mark.slow
@pytest.mark.parametrize('latent_input', LATENT_INPUTS)
@pytest.mark.parametrize('num_scales', [1, 2, 3])
def test_no_logit_of_any_kind_sees_ahead_at_28x28(num_scales, latent_input):
  decoder = make(
    (28, 28, 1), num_scales=num_scales, num_layers=2, latent_input=latent_input
  )
  for seed in range(2):
    testing.assert_causal(decoder(code(seed)), seed=seed)


def test_every_logit_sees_the_pixels_beside_and_above_it():
  decoder = make((5, 4, 1))(code())
  x = np.zeros([1, 5, 4, 1], np.float32)
  before = decoder.logits(x).numpy()[0, ..., 0]
  for i in range(5):
    for j in range(4):
      y = x.copy()
      y[0, i, j] = 1.0
      moved = decoder.logits(y).numpy()[0, ..., 0] != before
      if j < 3:
        assert moved[i, j + 1]
      if i < 4:
        assert moved[i + 1, j]
      assert not moved.reshape(-1)[: 4 * i + j + 1].any()


def test_the_first_pixel_sees_the_code_where_it_should():
  x = np.zeros([1, 4, 4, 1], np.float32)
  for latent_input, sees in (('everywhere', True), ('concatenated', False)):
    decoder = make((4, 4, 1), latent_input=latent_input)
    one, two = (decoder(code(s)).logits(x).numpy().ravel() for s in (0, 1))
    assert (one[0] != two[0]) == sees
    assert (one[1:] != two[1:]).all()


@pytest.mark.slow
@pytest.mark.parametrize('latent_input', LATENT_INPUTS)
def test_samples_of_a_trained_model_follow_its_density(latent_input):
  decoder = make((2, 2, 1), latent_input=latent_input)
  weights = np.random.RandomState(0).dirichlet(np.ones(16)).astype('f')
  # To 0, so that the last step is no accident of its size.
  rate = tf_keras.optimizers.schedules.PolynomialDecay(0.02, 300, 0.0)
  optimizer = tf_keras.optimizers.Adam(rate)
  step = tf.function(
    step_of(decoder, optimizer, testing.all_images(2, 2), weights),
    autograph=False,
  )
  losses = [float(step()) for _ in range(300)]
  # It has learnt: the cross entropy is next to the entropy.
  assert losses[-1] < -(weights * np.log(weights)).sum() + 0.01 < losses[0]
  testing.assert_sums_to_one(decoder(code()))
  testing.assert_sample_matches(decoder(code()), num_samples=40_000)


def test_a_seed_determines_a_sample_and_no_density_has_a_history():
  testing.assert_seeded(make((3, 3, 1))(code()))
  testing.assert_history_free(
    lambda: make((3, 3, 1))(code()), testing.all_images(3, 3)
  )


@pytest.mark.parametrize('tap', [(1, 1), (1, 2)])
def test_one_broken_tap_of_the_mask_is_caught(tap):
  decoder = make((2, 2, 1))
  (entrance,) = (
    m for m in decoder.submodules if isinstance(m, causal_layer.Entrance)
  )
  mask = entrance.corner._mask.numpy()
  assert mask[tap] == 0.0
  mask[tap] = 1.0
  entrance.corner._mask = tf.constant(mask)
  distribution = decoder(code())
  with pytest.raises(AssertionError, match='sum to'):
    testing.assert_sums_to_one(distribution)
  with pytest.raises(AssertionError, match='derivative'):
    testing.assert_causal(distribution)
  with pytest.raises(AssertionError, match='chi-square'):
    testing.assert_sample_matches(distribution)


def test_a_leak_into_the_last_pixel_alone_is_caught_at_28x28():
  distribution = make((28, 28, 1))(code())
  sound = distribution.logits
  corner = np.zeros([28, 28, 1], np.float32)
  corner[-1, -1] = 1e-6
  distribution.logits = lambda x: sound(x) + corner * x
  with pytest.raises(AssertionError, match='pixel 783 has derivative'):
    testing.assert_causal(distribution)


def test_a_sampler_of_another_density_is_caught():
  right, wrong = (make((2, 2, 1), seed=s)(code()) for s in (0, 1))
  right.sample = wrong.sample
  with pytest.raises(AssertionError, match='chi-square'):
    testing.assert_sample_matches(right, num_samples=20_000)


def independent_pixels(logit):
  """2x2 images of alike pixels."""
  logits = tf.fill([2, 2, 1], float(logit))
  return tfd.Independent(tfd.Bernoulli(logits, dtype=tf.float32), 3)


def ones_with_holes(num_holes):
  """Returns a sampler of ones, but for one pixel of the first images."""

  def sample(n, seed):
    x = np.ones([n, 2, 2, 1], np.float32)
    images = np.arange(num_holes)
    x[images, images % 2, images // 2 % 2] = 0.0
    return tf.constant(x)

  return sample


@pytest.mark.parametrize(
  ('logit', 'num_holes'),
  [
    (40.0, 40_000),  # One image has all the mass, and never comes.
    (40.0, 1),  # It comes all the time but once.
    (12.0, 12),  # No hole comes too often, but all of them together do.
  ],
)
def test_samples_of_hardly_any_density_are_caught(logit, num_holes):
  distribution = independent_pixels(logit)
  testing.assert_sample_matches(distribution)
  distribution.sample = ones_with_holes(num_holes)
  with pytest.raises(AssertionError, match='rare'):
    testing.assert_sample_matches(distribution)


@pytest.mark.parametrize('value', [0.9, 2.0, -1.0, float('nan')])
def test_a_sample_that_is_not_binary_is_caught(value):
  distribution = independent_pixels(0.0)
  sound = distribution.sample

  def sample(n, seed):
    first, rest = tf.split(sound(n, seed=seed), [1, n - 1])
    return tf.concat([tf.fill(first.shape, value), rest], 0)

  testing.assert_sample_matches(distribution)
  distribution.sample = sample
  with pytest.raises(AssertionError, match='not 0 or 1'):
    testing.assert_sample_matches(distribution)


def test_a_density_that_is_not_a_number_is_caught():
  distribution = independent_pixels(0.0)
  distribution.log_prob = lambda x: tf.fill([len(x)], float('nan'))
  with pytest.raises(AssertionError, match='do not follow'):
    testing.assert_sample_matches(distribution)


def test_densities_agree_for_every_way_to_batch():
  decoder = make((4, 3, 1))
  z = code(batch=[2, 5])
  x = np.random.RandomState(0).randint(2, size=[5, 4, 3, 1]).astype('f')
  together = decoder(z).log_prob(x).numpy()
  assert together.shape == (2, 5)
  for s in range(2):
    for b in range(5):
      alone = decoder(z[s, b]).log_prob(x[b])
      np.testing.assert_allclose(together[s, b], alone, rtol=1e-5)
