# SPDX-License-Identifier: Apache-2.0
"""The fast sampler draws what drawing pixel by pixel draws."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_rd.decoder import pixel_cnn
from tfp_rd.network import causal, causal_pixels, causal_sampler, initial


def network_of(
  *, channels=1, features=4, scales=2, layers=1, planes=0, dtype='float64'
):
  network = causal.CausalNetwork(
    channels + planes,
    channels,
    features=features,
    num_scales=scales,
    num_layers=layers,
    seed=1,
    dtype=dtype,
  )
  return stirred(network)


def stirred(module):
  """Moves all weights, so that every path matters."""
  for n, v in enumerate(module.trainable_variables):
    v.assign_add(0.2 * np.random.RandomState(n).randn(*v.shape))
  return module


def one_pixel_after_another(logits_fn, uniforms):
  """The naive loop: a whole pass for every pixel; the reference."""
  logits_fn = tf.function(logits_fn, autograph=False)
  x = np.zeros(uniforms.shape, uniforms.numpy().dtype)
  for i, j in np.ndindex(*x.shape[1:3]):
    probs = tf.sigmoid(logits_fn(tf.constant(x))[:, i, j])
    x[:, i, j] = uniforms[:, i, j] < probs
  return x


def inputs_of(
  shape, count, *, channels=1, planes=0, maps=True, dtype='float64'
):
  random = np.random.RandomState(0)
  uniforms = tf.constant(random.rand(count, *shape, channels), dtype)
  sides = {}
  if planes:
    sides['planes'] = tf.constant(random.randn(count, *shape, planes), dtype)
  if maps:
    sides['maps'] = tf.constant(random.randn(count, *shape, 8), dtype)
  return uniforms, sides


@pytest.mark.parametrize(
  ('shape', 'settings'),
  [
    ((2, 2), {}),
    ((5, 7), {'planes': 2}),
    ((6, 3), {'scales': 1, 'layers': 2}),
    ((9, 6), {'scales': 3}),
    ((4, 5), {'channels': 2}),
    ((3, 3), {'channels': 2, 'planes': 1}),
  ],
)
def test_the_images_are_those_of_the_naive_loop(shape, settings):
  network = network_of(**settings)
  sizes = {k: v for k, v in settings.items() if k in ('channels', 'planes')}
  uniforms, sides = inputs_of(shape, 20, **sizes)
  expected = one_pixel_after_another(lambda x: network(x, **sides), uniforms)
  assert 0.1 < expected.mean() < 0.9

  def draw():
    return causal_sampler.sample(network, uniforms, **sides)

  np.testing.assert_array_equal(tf.function(draw, autograph=False)(), expected)


def test_the_images_of_a_thousand_seeds_are_those_of_the_naive_loop():
  decoder = stirred(
    pixel_cnn.PixelCNN(3, (4, 5, 1), features=4, seed=0, dtype='float64')
  )
  decoding = decoder(np.random.RandomState(0).randn(3))
  uniforms = tf.concat(
    [
      initial.uniform([1, 4, 5, 1], seed=(7, n), dtype='float64')
      for n in range(1000)
    ],
    axis=0,
  )
  expected = one_pixel_after_another(decoding.logits, uniforms)
  maps = tf.repeat(decoding.parameters['maps'][tf.newaxis], 1000, axis=0)
  x = decoding.parameters['draw_fn'](uniforms, maps, None)
  np.testing.assert_array_equal(x, expected)
  assert len(np.unique(expected.reshape([1000, -1]), axis=0)) > 500
  for n in (0, 999):
    np.testing.assert_array_equal(decoding.sample(seed=(7, n)), expected[n])


def test_in_float32_images_part_only_where_a_uniform_is_a_probability():
  network = network_of(dtype='float32')
  uniforms, sides = inputs_of((12, 12), 300, dtype='float32')
  x = tf.function(causal_sampler.sample, autograph=False)(
    network, uniforms, **sides
  ).numpy()
  expected = one_pixel_after_another(lambda x: network(x, **sides), uniforms)
  probs = tf.sigmoid(network(expected, **sides)).numpy()
  for n in np.flatnonzero((x != expected).any(axis=(1, 2, 3))):
    first = tuple(np.argwhere(x[n] != expected[n])[0])
    assert abs(uniforms.numpy()[n][first] - probs[n][first]) < 1e-5


@pytest.mark.slow
def test_eager_graph_and_xla_draw_the_same_images():
  decoder = stirred(
    pixel_cnn.PixelCNN(
      3, (3, 4, 1), features=4, condition_size=2, seed=0, dtype='float64'
    )
  )
  random = np.random.RandomState(0)
  z, c = tf.constant(random.randn(2, 3)), tf.constant(random.randn(2, 2))

  def draw(z):
    return decoder(z, condition=c).sample(5, seed=tf.constant([0, 1]))

  x = draw(z)
  assert x.shape == (5, 2, 3, 4, 1)
  for jit_compile in (False, True):
    compiled = tf.function(draw, autograph=False, jit_compile=jit_compile)
    np.testing.assert_array_equal(compiled(z), x)
  # By iteration, as a decoder with dropout draws.
  again = decoder(z, condition=c).copy(draw_fn=None)
  np.testing.assert_array_equal(again.sample(5, seed=tf.constant([0, 1])), x)


@pytest.mark.slow
def test_padded_images_are_the_same_under_xla():
  network = network_of(features=2)
  uniforms, _ = inputs_of((5, 7), 6, maps=False)
  for size in (5, 7):
    assert size % causal_pixels.coarse_side(network)
  expected = one_pixel_after_another(network, uniforms)
  assert 0.1 < expected.mean() < 0.9
  compiled = tf.function(
    lambda u: causal_sampler.sample(network, u),
    autograph=False,
    jit_compile=True,
  )
  np.testing.assert_array_equal(compiled(uniforms), expected)


@pytest.mark.parametrize('latent_input', ['everywhere', 'concatenated'])
def test_images_are_completed_from_their_first_rows(latent_input):
  decoder = stirred(
    pixel_cnn.PixelCNN(
      2, (4, 3, 1), latent_input=latent_input, features=4, seed=0
    )
  )
  decoding = decoder(tf.zeros([2, 2]))
  rows = np.random.RandomState(0).randint(2, size=[2, 2, 3, 1])
  x = decoding.sample(4000, seed=(0, 1), first_rows=rows).numpy()
  np.testing.assert_array_equal(
    x[:, :, :2], np.broadcast_to(rows, x[:, :, :2].shape)
  )
  # The next pixel has the probability that the rows give it.
  logits = decoding.logits(x[:1]).numpy()[0, :, 2, 0, 0]
  probs = 1 / (1 + np.exp(-logits))
  np.testing.assert_allclose(x[:, :, 2, 0, 0].mean(0), probs, atol=0.04)
  whole = decoding.sample(3, seed=(0, 1), first_rows=x[0]).numpy()
  np.testing.assert_array_equal(whole, np.broadcast_to(x[0], whole.shape))


@pytest.mark.slow
def test_images_of_64x64():
  network = network_of(scales=3)
  uniforms, sides = inputs_of((64, 64), 2)
  x = tf.function(causal_sampler.sample, autograph=False)(
    network, uniforms, **sides
  )
  # A fixed point of "draw again given itself" is what the naive loop gives.
  again = tf.cast(uniforms < tf.sigmoid(network(x, **sides)), x.dtype)
  np.testing.assert_array_equal(x, again)
