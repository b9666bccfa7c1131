# SPDX-License-Identifier: Apache-2.0
"""Training may multiply in bfloat16; all that is told is in float32."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_rd
from tfp_rd import config as config_lib
from tfp_rd.network import causal_layer, gated, masked, precision
from tfp_rd.training import inputs as inputs_lib
from tfp_rd.training import loop, program

SHAPE = (4, 4, 1)


def noise(*shape):
  return tf.constant(np.random.RandomState(0).randn(*shape), tf.float32)


LAYERS = {
  'dense': (gated.Dense(6, 5, seed=0, dtype='float32'), (3, 6)),
  'convolution': (
    gated.Conv(3, 5, kernel=(3, 3), seed=0, dtype='float32'),
    (2, 4, 4, 3),
  ),
  'deconvolution': (
    gated.GatedDeconv(3, 5, kernel=(3, 3), stride=2, seed=0)._linear,
    (2, 4, 4, 3),
  ),
  'causal': (
    causal_layer.CausalConv(3, 5, num_columns=3, seed=0, dtype='float32'),
    (2, 4, 4, 3),
  ),
}


@pytest.mark.parametrize('name', LAYERS)
def test_a_layer_rounds_its_factors_and_returns_float32(name):
  layer, shape = LAYERS[name]
  x = noise(*shape)
  exact = layer(x)
  with precision.multiplying_in('bfloat16'):
    rounded = layer(x)
  assert rounded.dtype == tf.float32
  # bfloat16 has eight bits: near, and not the same.
  np.testing.assert_allclose(rounded, exact, atol=0.1)
  assert np.abs(rounded - exact).max() > 1e-5
  np.testing.assert_array_equal(layer(x), exact)


def test_flows_stay_in_float32():
  network = masked.MaskedNetwork(
    4, 2, hidden_sizes=(8, 8), seed=0, output_gain=1.0
  )
  x = noise(3, 4)
  exact = network(x)
  with precision.multiplying_in('bfloat16'):
    np.testing.assert_array_equal(network(x), exact)


def metrics_of(dtype, signs='-++'):
  model = tfp_rd.build(signs, image_shape=SHAPE, latent_size=2, seed=3)
  objective = tfp_rd.BetaElbo()
  trained = program.Program(
    model, objective, batch_size=8, steps_per_call=5, precision=dtype
  )
  images = np.random.RandomState(1).randint(2, size=[32, *SHAPE])
  inputs = inputs_lib.make_inputs(
    images, seed=4, objective=objective, learning_rate=1e-3, num_steps=10
  )
  return trained.run(inputs, 5), tfp_rd.evaluate(model, images, num_samples=1)


@pytest.mark.slow
def test_a_step_is_near_that_of_float32_and_not_it():
  (low, point), (high, expected) = map(metrics_of, ('bfloat16', 'float32'))
  assert low['loss'] != high['loss']
  assert low['loss'] == pytest.approx(high['loss'], rel=0.02)
  assert point.elbo_nats == pytest.approx(expected.elbo_nats, rel=0.02)


@pytest.mark.parametrize('flags', ['fpu sse', 'fpu avx512_bf16 sse'])
def test_a_cpu_without_bfloat16_is_told_in_a_sentence(
  monkeypatch, tmp_path, flags
):
  path = tmp_path / 'cpuinfo'
  path.write_text(f'flags : {flags}\n')
  monkeypatch.setattr(loop, '_CPU', path)
  loop.check_precision('float32')
  if 'bf16' in flags:
    loop.check_precision('bfloat16')
  else:
    with pytest.raises(tfp_rd.UserError, match='no instructions for bfloat16'):
      loop.check_precision('bfloat16')


def test_another_type_is_refused():
  with pytest.raises(tfp_rd.UserError, match='precision'):
    config_lib.Config(training=config_lib.TrainingConfig(precision='float16'))
