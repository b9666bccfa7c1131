# SPDX-License-Identifier: Apache-2.0
"""The autoregressive decoder is a probability, causal, and samples itself."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_rd import testing
from tfp_rd.decoder import pixel_cnn
from tfp_rd.network import initial


def make(shape=(3, 3, 1), *, seed=0, **kwargs):
  decoder = pixel_cnn.PixelCNN(3, shape, features=6, seed=seed, **kwargs)
  for n, v in enumerate(decoder.trainable_variables):
    # Biases and side maps start at zero, where faults could hide.
    noise = tf.random.stateless_normal(v.shape, initial.fold_in(7, n))
    v.assign_add(0.3 * tf.cast(noise, v.dtype))
  return decoder


def code(seed=0, dtype='float32', batch=()):
  return tf.constant(np.random.RandomState(seed).randn(*batch, 3), dtype)


@pytest.mark.parametrize('conditioning', ['everywhere', 'concatenated'])
@pytest.mark.parametrize('shape', [(2, 2, 1), (3, 3, 1)])
def test_probabilities_of_all_images_sum_to_one(shape, conditioning):
  decoder = make(shape, conditioning=conditioning)
  for seed in range(3):
    testing.assert_sums_to_one(decoder(code(seed)))


def test_probabilities_sum_to_one_after_steps_of_a_plain_optimiser():
  decoder = make((2, 2, 1))
  x = testing.all_images(2, 2)[3:4]
  for _ in range(5):
    with tf.GradientTape() as tape:
      loss = -tf.reduce_sum(decoder(code()).log_prob(x))
    variables = decoder.trainable_variables
    for v, g in zip(variables, tape.gradient(loss, variables), strict=True):
      v.assign_sub(0.1 * g)
  assert float(loss) < 4 * np.log(2)
  testing.assert_sums_to_one(decoder(code()))


@pytest.mark.parametrize('num_scales', [1, 2, 3])
@pytest.mark.parametrize('shape', [(2, 2, 1), (5, 4, 1), (9, 13, 1)])
def test_no_logit_sees_its_own_or_a_later_pixel(shape, num_scales):
  testing.assert_causal(make(shape, num_scales=num_scales)(code()))


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
  for conditioning, sees in (('everywhere', True), ('concatenated', False)):
    decoder = make((4, 4, 1), conditioning=conditioning)
    one, two = (decoder(code(s)).logits(x).numpy().ravel() for s in (0, 1))
    assert (one[0] != two[0]) == sees
    assert (one[1:] != two[1:]).all()


def test_samples_equal_those_drawn_pixel_by_pixel():
  decoder = make((5, 6, 1), dtype='float64')
  distribution = decoder(code(dtype='float64', batch=[4]))
  seed = tf.constant([3, 4])
  fast = distribution.sample(2, seed=seed).numpy()
  uniforms = initial.uniform([2, 4, 5, 6, 1], seed=seed, dtype='float64')
  uniforms = uniforms.numpy()
  slow = np.zeros([2, 4, 5, 6, 1])
  for i in range(5):
    for j in range(6):
      p = tf.sigmoid(distribution.logits(slow)).numpy()[..., i, j, :]
      slow[..., i, j, :] = uniforms[..., i, j, :] < p
  np.testing.assert_array_equal(fast, slow)
  assert 0.05 < fast.mean() < 0.95


def test_samples_follow_the_density():
  testing.assert_sample_matches(make((2, 2, 1))(code()), num_samples=20_000)


def test_a_broken_mask_is_caught():
  decoder = make((2, 2, 1))
  entrance = decoder._network._entrance
  entrance._mask = tf.ones_like(entrance._mask)
  with pytest.raises(AssertionError, match='sum to'):
    testing.assert_sums_to_one(decoder(code()))
  with pytest.raises(AssertionError, match='derivative'):
    testing.assert_causal(decoder(code()))


def test_a_sampler_of_another_density_is_caught():
  right, wrong = (make((2, 2, 1), seed=s)(code()) for s in (0, 1))
  right.sample = wrong.sample
  with pytest.raises(AssertionError, match='chi-square'):
    testing.assert_sample_matches(right, num_samples=20_000)


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


def test_samples_under_a_function_and_xla_equal_the_eager_ones():
  distribution_of = make((4, 4, 1), dtype='float64')
  z = code(dtype='float64', batch=[3])

  def sample(z):
    return distribution_of(z).sample(seed=tf.constant([1, 2]))

  eager = sample(z).numpy()
  for jit_compile in (False, True):
    compiled = tf.function(sample, autograph=False, jit_compile=jit_compile)
    np.testing.assert_array_equal(compiled(z).numpy(), eager)
