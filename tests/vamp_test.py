# SPDX-License-Identifier: Apache-2.0
"""VampPrior is the mixture that it says, and can always move."""

import numpy as np
import pytest
import tensorflow as tf
from vamp_cases import (
  codes,
  ENCODERS,
  flow_encoder,
  gaussian_encoder,
  images,
  SHAPE,
)

import tfp_rd
from tfp_rd.marginal import vamp


@pytest.mark.parametrize('make', ENCODERS)
def test_one_pseudo_input_is_the_encoder_there(make):
  encoder = make()
  marginal = vamp.Vamp(encoder, images(1), dtype='float64')
  z = tf.constant(np.random.RandomState(1).randn(7, 3))
  there = encoder(marginal.pseudo_inputs[0])
  np.testing.assert_allclose(
    marginal().log_prob(z), there.log_prob(z), atol=1e-8
  )


@pytest.mark.parametrize('make', ENCODERS)
def test_equal_pseudo_inputs_are_the_encoder_there(make):
  encoder = make()
  marginal = vamp.Vamp(encoder, images(1).repeat(5, 0), dtype='float64')
  marginal._logits.assign([0.0, 1.0, -1.0, 0.5, 3.0])
  z = codes(7, 3)
  there = encoder(marginal.pseudo_inputs[0])
  np.testing.assert_allclose(
    marginal().log_prob(z), there.log_prob(tf.identity(z)), atol=1e-8
  )


@pytest.mark.parametrize('make', ENCODERS)
def test_the_density_is_the_weighted_sum_of_the_components(make):
  encoder = make()
  marginal = vamp.Vamp(encoder, images(4), dtype='float64')
  marginal._logits.assign([0.0, 1.0, -1.0, 0.5])
  z = tf.constant(np.random.RandomState(1).randn(5, 3))
  weights = tf.nn.softmax(marginal._logits).numpy()
  total = sum(
    w * np.exp(encoder(u).log_prob(tf.identity(z)))
    for w, u in zip(weights, marginal.pseudo_inputs, strict=True)
  )
  np.testing.assert_allclose(marginal().prob(z), total, rtol=1e-8)


def rates(*, use_context):
  """Returns R of a Gaussian encoder and of a flow on the same Gaussian."""
  plain, flow = gaussian_encoder(), flow_encoder(use_context=use_context)
  flow._features, flow._head._gaussian = plain._features, plain._head
  x, u = images(6), images(4, seed=1)
  for encoder in (plain, flow):
    marginal = vamp.Vamp(encoder, u, dtype='float64')
    z, log_prob = encoder(x).experimental_sample_and_log_prob(
      3, seed=tf.constant([0, 1])
    )
    yield (log_prob - marginal().log_prob(tf.identity(z))).numpy()


def test_a_flow_without_context_cancels_in_the_rate():
  plain, flow = rates(use_context=False)
  np.testing.assert_allclose(plain, flow, atol=1e-8)


def test_a_flow_with_context_does_not_cancel():
  plain, flow = rates(use_context=True)
  assert np.abs(plain - flow).max() > 1e-3


def test_samples_come_from_all_components_by_their_weights():
  encoder = gaussian_encoder()
  head = encoder._head
  head._loc.kernel.assign(head._loc.kernel * 30.0)
  head._scale.bias.assign_sub(6.0 * tf.ones_like(head._scale.bias))
  marginal = vamp.Vamp(encoder, images(3), dtype='float64')
  marginal._logits.assign(np.log([0.6, 0.3, 0.1]))
  z = marginal().sample(4000, seed=tf.constant([0, 1])).numpy()
  centres = encoder(marginal.pseudo_inputs).mean().numpy()
  nearest = np.linalg.norm(z[:, None] - centres, axis=-1).argmin(1)
  shares = np.bincount(nearest, minlength=3) / 4000
  np.testing.assert_allclose(shares, [0.6, 0.3, 0.1], atol=0.04)


def test_every_pixel_of_every_pseudo_input_has_a_gradient():
  marginal = vamp.Vamp(gaussian_encoder(), images(3), dtype='float64')
  z = tf.constant(np.random.RandomState(1).randn(5, 3))
  with tf.GradientTape() as tape:
    loss = tf.reduce_sum(marginal().log_prob(z))
  gradient = tape.gradient(loss, marginal._pixel_logits).numpy()
  assert (gradient != 0).all()


def test_pseudo_inputs_start_from_the_images_distinct_while_they_last():
  start = images(10)
  for count, distinct in ((5, 5), (25, 10)):
    model = tfp_rd.build(
      '--v',
      image_shape=SHAPE,
      pseudo_inputs=start,
      num_pseudo_inputs=count,
    )
    pixels = np.round(model.marginal.pseudo_inputs.numpy())
    rows = {tuple(row) for row in pixels.reshape([count, -1])}
    assert len(rows) == distinct
    assert rows <= {tuple(row) for row in start.reshape([10, -1])}


def test_without_images_they_start_from_random_pixels():
  starts = [
    tfp_rd.build(
      '--v', image_shape=SHAPE, num_pseudo_inputs=3, seed=seed
    ).marginal.pseudo_inputs.numpy()
    for seed in (0, 0, 1)
  ]
  np.testing.assert_array_equal(starts[0], starts[1])
  assert not np.allclose(starts[0], starts[2])
  assert (starts[0] > 0).all()
  assert (starts[0] < 1).all()
  assert starts[0].std() > 0.2


@pytest.mark.parametrize('size', [1, 2])
@pytest.mark.parametrize('make', ENCODERS)
def test_the_density_integrates_to_one(make, size):
  marginal = vamp.Vamp(make(size), images(3), dtype='float64')
  marginal._logits.assign([0.0, 1.0, -1.0])
  # The trapezoidal rule is exact for what is smooth and ends within the grid;
  # the units of a flow in two dimensions have kinks.
  axis = np.linspace(-11, 11, 111)
  grid = np.stack(np.meshgrid(*[axis] * size), -1).reshape([-1, size])
  step = axis[1] - axis[0]
  total = np.sum(marginal().prob(grid)) * step**size
  has_kinks = make is flow_encoder and size > 1
  assert total == pytest.approx(1, abs=1e-3 if has_kinks else 1e-7)
