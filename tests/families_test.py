# SPDX-License-Identifier: Apache-2.0
"""The twelve families: shapes, types of images, saving, any size."""

import numpy as np
import pytest
from contract import images
from part_cases import SHAPE

import tfp_rd
from tfp_rd import architecture
from tfp_rd.training import checkpoint

ALL = [str(a) for a in architecture.PAPER]


def build(signs, shape=SHAPE, **kwargs):
  kwargs = {'latent_size': 3, 'num_pseudo_inputs': 4, 'seed': 1, **kwargs}
  return tfp_rd.build(signs, image_shape=shape, **kwargs)


@pytest.mark.parametrize('signs', ALL)
def test_shapes_for_several_draws_and_batches(signs):
  model = build(signs)
  for num_samples, size in ((1, 1), (3, 2)):
    draws = tfp_rd.draw(model, images(size), num_samples=num_samples, seed=0)
    for value in (draws.distortion, draws.rate, draws.marginal_log_prob):
      assert value.shape == (num_samples, size)
    assert draws.latent.shape == (num_samples, size, 3)
    assert draws.encoding.batch_shape == [size]
    assert draws.decoding.batch_shape == [num_samples, size]
    assert draws.decoding.event_shape == list(SHAPE)
    assert draws.marginal.event_shape == [3]


@pytest.mark.parametrize(
  ('signs', 'dtype'),
  [
    ('---', 'uint8'),
    ('---', 'int64'),
    ('---', 'bool'),
    ('---', 'float64'),
    ('-++', 'uint8'),
  ],
)
def test_images_of_any_type_are_the_same_images(signs, dtype):
  model = build(signs)
  expected, point = (
    tfp_rd.evaluate(model, images(3).astype(t), num_samples=2)
    for t in ('float32', dtype)
  )
  assert point.elbo_nats == pytest.approx(expected.elbo_nats, rel=1e-6)
  done = tfp_rd.fit(model, images(3).astype(dtype), num_steps=1)
  assert done.steps == 1


@pytest.mark.parametrize('signs', ['+++', '+-v'])
def test_a_model_s_weights_survive_saving(signs, tmp_path):
  model, other = build(signs), build(signs, seed=2)
  x = images(2)
  checkpoint.write_weights(model, tmp_path / 'weights')
  assert not np.allclose(*_totals(model, other, x))
  checkpoint.read_weights(other, tmp_path / 'weights')
  np.testing.assert_array_equal(*_totals(model, other, x))


def _totals(*models_and_x):
  *models, x = models_and_x
  draws = [tfp_rd.draw(m, x, seed=0) for m in models]
  return [(d.rate + d.distortion).numpy() for d in draws]


@pytest.mark.parametrize(
  'shape', [(2, 2, 1), (3, 7, 1), (9, 13, 1), (28, 28, 1)]
)
@pytest.mark.parametrize('signs', ['-+-', '+-v'])
def test_any_height_and_width(signs, shape):
  model = build(signs, shape)
  draws = tfp_rd.draw(model, images(2, shape), seed=0)
  assert draws.decoding.event_shape == list(shape)
  assert np.isfinite(draws.distortion).all()


@pytest.mark.parametrize('signs', ['-+-', '+-v'])
@pytest.mark.slow
def test_the_largest_images(signs):
  test_any_height_and_width(signs, (64, 64, 1))
