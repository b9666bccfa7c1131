# SPDX-License-Identifier: Apache-2.0
"""Steps of a program are those of Adam written out on a loss written out."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_rd
from tfp_rd.network import initial
from tfp_rd.training import epoch, program
from tfp_rd.training import inputs as inputs_lib

NUM_STEPS, BATCH_SIZE, NUM_IMAGES = 20, 4, 10
LEARNING_RATE = 0.01
# At step 15 of 20 the learning rate has halved.
CHECKED = (0, 7, 15)


def images():
  shape = [NUM_IMAGES, 4, 4, 1]
  return np.random.RandomState(0).randint(2, size=shape).astype('float64')


def build(signs='---', *, dtype='float64', **kwargs):
  return tfp_rd.build(
    signs,
    image_shape=(4, 4, 1),
    latent_size=2,
    num_pseudo_inputs=3,
    seed=1,
    dtype=dtype,
    **kwargs,
  )


def inputs(objective, *, learning_rate=LEARNING_RATE, dtype='float64'):
  return inputs_lib.make_inputs(
    images(),
    seed=5,
    objective=objective,
    learning_rate=learning_rate,
    num_steps=NUM_STEPS,
    dtype=dtype,
  )


def draw_by_hand(model, given, step):
  """Returns means of distortion and rate at the noise of a step."""
  (chosen,) = epoch.batch_indices(
    given.seed, step, 1, batch_size=BATCH_SIZE, num_examples=NUM_IMAGES
  )
  x = tf.gather(given.images, chosen)
  of_draws = initial.split(initial.fold_in(given.seed, step), 4)[2]
  of_z, of_encoder, of_decoder = initial.split(of_draws, 3)
  encoding = model.encoder(x, seed=of_encoder)
  z, log_e = encoding.experimental_sample_and_log_prob(1, seed=of_z)
  log_d = model.decoder(z, seed=of_decoder).log_prob(x[tf.newaxis])
  rate = log_e - model.marginal().log_prob(z)
  return tf.reduce_mean(-log_d), tf.reduce_mean(rate)


def gradients_by_hand(model, loss_at, given, step):
  with tf.GradientTape() as tape:
    loss = loss_at(step, *draw_by_hand(model, given, step))
  variables = model.trainable_variables
  found = tape.gradient(loss, variables, unconnected_gradients='zero')
  return [g.numpy() for g in found]


def moves_by_hand(gradients, moments, step, *, is_normalized):
  """Returns what Adam adds to each variable; changes the moments."""
  part = step / NUM_STEPS
  rate = LEARNING_RATE * min(1.0, 2.0 * (1.0 - part))
  for g, (m, v) in zip(gradients, moments, strict=True):
    if is_normalized:
      g = g / (np.sqrt((g**2).sum()) + 1e-7)
    m += 0.1 * (g - m)
    v += 0.001 * (g**2 - v)
    first, second = m / (1 - 0.9 ** (step + 1)), v / (1 - 0.999 ** (step + 1))
    # TensorFlow adds epsilon to the moment before its correction.
    epsilon = 1e-8 / np.sqrt(1 - 0.999 ** (step + 1))
    yield -rate * first / (np.sqrt(second) + epsilon)


def annealed(step, distortion, rate):
  return distortion + 2.0 * min(step / 10, 1.0) * rate


CASES = {
  'beta': (tfp_rd.BetaElbo(beta=0.3), lambda step, d, r: d + 0.3 * r, {}),
  'annealing': (
    tfp_rd.BetaElbo(beta=2.0, kl_annealing_steps=10),
    annealed,
    {},
  ),
  'target_rate': (
    tfp_rd.TargetRate(target_rate_nats=3.0, weight=2.0),
    lambda step, d, r: d + 2.0 * abs(3.0 - r),
    {},
  ),
  'normalized': (
    tfp_rd.BetaElbo(beta=0.3),
    lambda step, d, r: d + 0.3 * r,
    {'normalize_gradients': True},
  ),
  'dropout': (
    tfp_rd.BetaElbo(),
    lambda step, d, r: d + r,
    {'dropout': 0.4},
  ),
  'flow': (tfp_rd.BetaElbo(), lambda step, d, r: d + r, {'signs': '+-v'}),
}


@pytest.mark.parametrize('case', CASES)
def test_a_step_is_adam_s_on_the_loss_of_its_draws(case):
  objective, loss_at, settings = CASES[case]
  is_normalized = settings.get('normalize_gradients', False)
  model = build(
    settings.get('signs', '---'), dropout=settings.get('dropout', 0.0)
  )
  steps = program.Program(
    model,
    objective,
    batch_size=BATCH_SIZE,
    steps_per_call=1,
    normalize_gradients=is_normalized,
  )
  given = inputs(objective)
  variables = model.trainable_variables
  moments = [(np.zeros(v.shape), np.zeros(v.shape)) for v in variables]
  for step in range(max(CHECKED) + 1):
    before = [v.numpy() for v in variables]
    gradients = gradients_by_hand(model, loss_at, given, step)
    metrics = steps.run(given, 1)
    moved = [v.numpy() - old for v, old in zip(variables, before, strict=True)]
    expected = list(
      moves_by_hand(gradients, moments, step, is_normalized=is_normalized)
    )
    if step in CHECKED:
      for one, other in zip(moved, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5 * LEARNING_RATE)
      norm = np.sqrt(sum((g**2).sum() for g in gradients))
      assert metrics['gradient_norm'] == pytest.approx(norm, rel=1e-5)
      assert max(np.abs(one).max() for one in moved) > 0.1 * LEARNING_RATE


def test_an_average_takes_in_the_weights_of_each_step():
  model = build(dtype='float32')
  steps = program.Program(
    model,
    tfp_rd.BetaElbo(),
    batch_size=BATCH_SIZE,
    steps_per_call=1,
    weight_averaging=0.5,
  )
  averages = [v.numpy() for v in model.trainable_variables]
  for step in range(12):
    steps.run(inputs(tfp_rd.BetaElbo(), dtype='float32'), 1)
    kept = min(0.5, (1 + step) / (10 + step))
    for average, v in zip(averages, model.trainable_variables, strict=True):
      average += (1 - kept) * (v.numpy() - average)
  for one, other in zip(steps.average.values.values(), averages, strict=True):
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_each_step_has_noise_of_its_own_and_metrics_are_means():
  singles, five = [], None
  for num_steps in (1, 5):
    model = build()
    steps = program.Program(
      model, tfp_rd.BetaElbo(), batch_size=BATCH_SIZE, steps_per_call=5
    )
    # Without a rate of learning the steps differ by what they draw alone.
    still = inputs(tfp_rd.BetaElbo(), learning_rate=0.0)
    still = still._replace(images=still.images[:1])
    rows = [steps.run(still, num_steps) for _ in range(5 // num_steps)]
    singles, five = (rows, five) if num_steps == 1 else (singles, rows[0])
  for name, value in five.items():
    values = [row[name] for row in singles]
    assert len(set(values)) == 5
    assert value == pytest.approx(np.mean(values), rel=1e-5)
