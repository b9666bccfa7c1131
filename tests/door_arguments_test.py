# SPDX-License-Identifier: Apache-2.0
"""Arguments out of their range are refused; their neighbours pass."""

import numpy as np
import pytest
import tensorflow as tf
from small_fit import bits, build, fit, SHAPE

import tfp_rd


def evaluate(**changes):
  return tfp_rd.evaluate(build(), bits(), **changes)


def draw(**changes):
  return tfp_rd.draw(build(), bits(), **{'seed': 0, **changes})


def conditional():
  return build(conditional=True)


WHOLE = 'expected a positive whole number'


@pytest.mark.parametrize(
  ('door', 'changes', 'sentence'),
  [
    (fit, {'num_steps': -1}, f'num_steps is -1; {WHOLE}'),
    (fit, {'num_steps': 1.5}, f'num_steps is 1.5; {WHOLE}'),
    (fit, {'batch_size': 0}, f'batch_size is 0; {WHOLE}'),
    (fit, {'learning_rate': -1}, 'learning_rate is -1; expected a finite'),
    (evaluate, {'num_samples': 0}, f'num_samples is 0; {WHOLE}'),
    (evaluate, {'batch_size': 0}, f'batch_size is 0; {WHOLE}'),
    (evaluate, {'batch_size': 2.5}, f'batch_size is 2.5; {WHOLE}'),
    (draw, {'num_samples': 0}, f'num_samples is 0; {WHOLE}'),
    (build, {'dtype': 'float16'}, "'float16'; choose one of 'float32'"),
    (build, {'latent_size': 0}, f'latent_size is 0; {WHOLE}'),
    (build, {'image_shape': (4, 4)}, r'image_shape is \(4, 4\); give'),
    (build, {'image_shape': (4, 4, 0)}, r'image_shape is \(4, 4, 0\); give'),
    (build, {'image_shape': 4}, 'image_shape is 4; give'),
  ],
)
def test_numbers_out_of_their_range(door, changes, sentence):
  with pytest.raises(tfp_rd.UserError, match=sentence):
    door(**changes)


def test_a_whole_number_may_be_a_float():
  _, done = fit(num_steps=2e0, batch_size=np.int64(4))
  assert done.steps == 2
  assert evaluate(num_samples=2.0).num_samples == 2


@pytest.mark.parametrize('door', [fit, evaluate, draw, build])
@pytest.mark.parametrize(
  'seed',
  [
    1.5,
    2**31,
    -(2**31) - 1,
    (1, 2, 3),
    (2**31, 0),
    '1',
    None,
    np.zeros([2, 2]),
  ],
)
def test_what_is_no_seed(door, seed):
  with pytest.raises(tfp_rd.UserError, match='^seed is .*or a pair of them'):
    door(seed=seed)


def test_seeds_of_any_type_are_one_seed():
  of = build()
  seeds = [np.int64(3), (0, 3), [0, 3], np.array([0, 3]), tf.constant([0, 3])]
  for seed in seeds:
    point, draws = (
      (tfp_rd.evaluate(of, bits(), seed=s), tfp_rd.draw(of, bits(), seed=s))
      for s in (seed, 3)
    )
    assert point[0] == draws[0]
    np.testing.assert_array_equal(point[1].distortion, draws[1].distortion)
  assert fit(seed=(0, 3)) == fit(seed=3)


def test_a_model_of_several_betas_has_no_point():
  of = conditional()
  sentence = (
    r'the model is at 2 betas.*evaluate\(model\.at\(b\), images\) for b'
  )
  with pytest.raises(tfp_rd.UserError, match=sentence):
    tfp_rd.evaluate(of.at([0.1, 1.0]), bits())
  assert tfp_rd.evaluate(of.at([0.1]), bits()).num_examples == 10


@pytest.mark.parametrize('beta', ['1', None, [[1.0], [1.0, 2.0]]])
def test_what_is_no_beta(beta):
  with pytest.raises(tfp_rd.UserError, match='beta is .*; expected a number'):
    conditional().at(beta)


def test_a_rate_that_is_none():
  of = conditional()
  for rate in (np.nan, -1.0, '5'):
    with pytest.raises(tfp_rd.UserError, match='rate_nats is .*not negative'):
      of.at_rate(rate, bits())
  with pytest.raises(tfp_rd.UserError, match=r'shape \[0, 4, 4, 1\]; give at'):
    of.at_rate(5.0, bits(0))
  with pytest.raises(tfp_rd.UserError, match=r'shape \[0\]; give at least one'):
    of.at_rate(5.0, [])
  rate = tfp_rd.evaluate(of.at(1.0), bits(), num_samples=16).rate_nats
  assert of.at_rate(rate, bits(), tolerance_nats=1.0)[1] > 0


@pytest.mark.parametrize(
  ('images', 'sentence'),
  [
    (np.full([3, *SHAPE], 37), 'go from 37 to 37; expected images in'),
    (-bits(), 'go from -1 to .*; expected images in'),
    (np.full([3, *SHAPE], np.nan), 'pseudo_inputs hold NaN'),
    (bits(3, (6, 6, 1)), r'\[3, 6, 6, 1\].*give \[N, 4, 4, 1\]'),
    (bits(3, (4, 4)), r'\[3, 4, 4\].*give \[N, 4, 4, 1\]'),
    (bits(0), 'give at least one'),
  ],
)
def test_pseudo_inputs_that_are_no_images(images, sentence):
  with pytest.raises(tfp_rd.UserError, match=sentence):
    build('--v', pseudo_inputs=images)


def test_pseudo_inputs_may_be_greys():
  start = build('--v', pseudo_inputs=bits(3) / 2).marginal.pseudo_inputs
  np.testing.assert_allclose(np.unique(start), [0.05, 0.5], atol=1e-6)


def test_a_model_that_is_none():
  for door in (tfp_rd.fit, tfp_rd.evaluate):
    with pytest.raises(tfp_rd.UserError, match='the model is a ndarray; give'):
      door(bits(), build())


def test_a_strategy_is_refused():
  strategy = tf.distribute.MirroredStrategy(['CPU:0'])
  with strategy.scope():
    with pytest.raises(tfp_rd.UserError, match='outside of the scope'):
      build('--v')
    with pytest.raises(tfp_rd.UserError, match='fit is called inside'):
      tfp_rd.fit(None, bits())


def test_a_data_set_may_be_named_by_its_text():
  data = tfp_rd.dataset.load('ising(side=4)')
  config = tfp_rd.DataConfig(dataset='ising(side=4)')
  np.testing.assert_array_equal(data.test, tfp_rd.dataset.load(config).test)
