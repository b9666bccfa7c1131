# SPDX-License-Identifier: Apache-2.0
"""Every family takes the same steps on an accelerator as on the CPU.

`make accelerator` runs these; elsewhere they are skipped.  The steps are those
of one program, so that they also give steps a second.
"""

import os
import time

import numpy as np
import pytest
import tensorflow as tf

import tfp_rd
from tfp_rd import architecture
from tfp_rd.network import precision
from tfp_rd.training import inputs as inputs_lib
from tfp_rd.training import program as program_lib

pytestmark = pytest.mark.accelerator

# A device as TensorFlow names it, with which the CPU is compared.
DEVICE = os.environ.get('TFP_RD_ACCELERATOR', '')
NUM_STEPS = 5
TIMED = 50
IMAGES = np.random.RandomState(0).randint(2, size=[256, 28, 28, 1])


def steps_on(device, signs, *, conditional, timed=0):
  """Means of five steps, the weights after them, and steps a second."""
  with tf.device(device), precision.without_tf32():
    model = tfp_rd.build(
      signs,
      image_shape=(28, 28, 1),
      latent_size=8,
      num_pseudo_inputs=20,
      pseudo_inputs=IMAGES.astype(np.float32),
      seed=1,
      conditional=conditional,
    )
    objective = (
      tfp_rd.MultiRate(num_groups=4) if conditional else tfp_rd.BetaElbo()
    )
    program = program_lib.Program(
      model,
      objective,
      batch_size=32,
      steps_per_call=TIMED,
      # The same noise on both, which is not that of a plain graph.
      jit_compile=True,
    )
    inputs = inputs_lib.make_inputs(
      IMAGES.astype(np.float32),
      seed=2,
      objective=objective,
      learning_rate=1e-3,
      num_steps=1000,
    )
    means = program.run(inputs, NUM_STEPS)
    weights = [v.numpy() for v in model.trainable_variables]
    start = time.perf_counter()
    if timed:
      program.run(inputs, timed)
    return means, weights, timed / (time.perf_counter() - start)


@pytest.fixture(scope='session', autouse=True)
def device():
  """The accelerator; `conftest.py` gives each worker of pytest a GPU."""
  if not DEVICE:
    pytest.skip('TFP_RD_ACCELERATOR names no device; see `make accelerator`')
  if DEVICE == 'GPU':
    assert tf.config.list_logical_devices('GPU'), 'TensorFlow sees no GPU here.'
  return f'/{DEVICE.strip("/")}'


@pytest.mark.parametrize('conditional', [False, True])
@pytest.mark.parametrize('signs', [str(a) for a in architecture.PAPER])
def test_five_steps_are_those_of_the_cpu(
  signs, conditional, device, record_property
):
  there, weights, per_s = steps_on(
    device, signs, conditional=conditional, timed=TIMED
  )
  here, expected, _ = steps_on('/CPU:0', signs, conditional=conditional)
  for name in ('distortion_nats', 'rate_nats'):
    # The rate, which starts near 0, is a difference of two log-densities.
    scale = max(abs(here[name]), abs(here['marginal_log_prob']))
    assert abs(there[name] - here[name]) < 1e-3 * scale, name
  # Adam moves a weight by up to 1e-3 a step, whatever its gradient is, so that
  # the few that are near 0 may part.
  apart = [
    np.abs(a - b).ravel() for a, b in zip(weights, expected, strict=True)
  ]
  assert np.concatenate(apart).mean() < 0.02 * NUM_STEPS * 1e-3
  record_property('steps_per_s', f'{per_s:.3g} on {device}')
