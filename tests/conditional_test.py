# SPDX-License-Identifier: Apache-2.0
"""A conditional model is an ordinary model at each of its betas."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_rd
from tfp_rd import rate_distortion
from tfp_rd.model import condition, movable_model
from tfp_rd.network import initial
from tfp_rd.training import epoch, program
from tfp_rd.training import inputs as inputs_lib

SHAPE = (4, 5, 1)
COVER = ['---', '-++', '+-v', '++v']


def conditional_of(signs, **kwargs):
  conditional = tfp_rd.build(
    signs,
    image_shape=SHAPE,
    latent_size=3,
    num_pseudo_inputs=4,
    conditional=True,
    seed=1,
    dtype='float64',
    **kwargs,
  )
  for n, v in enumerate(conditional.trainable_variables):
    v.assign_add(0.1 * np.random.RandomState(n).randn(*v.shape))
  return conditional


def images(count):
  return np.random.RandomState(0).randint(2, size=[count, *SHAPE]).astype(float)


@pytest.mark.parametrize('signs', COVER)
def test_several_betas_at_once_are_each_of_them_alone(signs):
  conditional = conditional_of(signs)
  betas = tf.constant([0.1, 2.0], tf.float64)
  x = images(6)
  together = conditional.at(betas, num_repeats=3)
  z = tf.constant(np.random.RandomState(1).randn(2, 6, 3))
  for n, beta in enumerate((0.1, 2.0)):
    alone = conditional.at(beta)
    rows = slice(3 * n, 3 * n + 3)
    codes = z[:, rows]
    for whole, part in (
      (
        together.encoder(x).log_prob(z),
        alone.encoder(x[rows]).log_prob(codes),
      ),
      (together.marginal().log_prob(z), alone.marginal().log_prob(codes)),
      (
        together.decoder(z).log_prob(x),
        alone.decoder(codes).log_prob(x[rows]),
      ),
    ):
      assert whole.shape == [2, 6]
      np.testing.assert_allclose(whole[:, rows], part, rtol=1e-9)


@pytest.mark.parametrize('signs', COVER)
def test_one_beta_an_image_is_the_same(signs):
  conditional = conditional_of(signs)
  x = images(4)
  grouped = conditional.at(tf.constant([0.1, 2.0], tf.float64), num_repeats=2)
  each = conditional.at(tf.constant([0.1, 0.1, 2.0, 2.0], tf.float64))
  for got, expected in zip(
    *([d.rate, d.distortion] for d in _draws(x, grouped, each)), strict=True
  ):
    np.testing.assert_allclose(got, expected, rtol=1e-9)


def _draws(x, *models):
  return [rate_distortion.draw(m, x, num_samples=2, seed=3) for m in models]


@pytest.mark.parametrize('signs', COVER)
def test_beta_reaches_every_part(signs):
  conditional = conditional_of(signs)
  x, z = images(1), tf.ones([1, 3], tf.float64)
  low, high = (
    [
      float(d.log_prob(value)[0])
      for d, value in (
        (model.encoder(x), z),
        (model.decoder(z), x),
        (model.marginal(), z),
      )
    ]
    for model in (conditional.at(0.1), conditional.at(2.0))
  )
  differs = [a != b for a, b in zip(low, high, strict=True)]
  assert differs == [True, True, signs[2] != '-']


def test_the_model_at_a_beta_has_the_variables_of_the_whole():
  conditional = conditional_of('+-v')
  ours = {v.ref() for v in conditional.trainable_variables}
  assert {v.ref() for v in conditional.at(1.0).trainable_variables} == ours
  assert conditional.num_parameters == conditional.at(1.0).num_parameters


@pytest.mark.parametrize('signs', COVER)
def test_a_movable_model_is_that_at_each_beta(signs):
  conditional = conditional_of(signs)
  movable = movable_model.MovableModel(conditional)
  assert movable.to(0.1) is movable.to(1.0)
  for beta in (0.1, 1.0):
    point, expected = (
      tfp_rd.evaluate(m, images(4), num_samples=2)
      for m in (movable.to(beta), conditional.at(beta))
    )
    np.testing.assert_allclose(
      [point.rate_nats, point.distortion_nats],
      [expected.rate_nats, expected.distortion_nats],
      rtol=1e-6,
    )


def test_features_are_bounded_and_tell_betas_apart():
  betas = np.geomspace(0.05, 10, 50)
  features = condition.features(betas, (0.05, 10), 'float64').numpy()
  assert features.shape == (50, condition.NUM_FEATURES)
  assert np.abs(features).max() <= 1 + 1e-9
  assert (np.diff(features[:, 0]) > 0).all()
  np.testing.assert_allclose(features[[0, -1], 0], [-1, 1], atol=1e-12)
  np.testing.assert_allclose(
    features[:, 3], np.cos(4 * np.arccos(features[:, 0])), atol=1e-6
  )


def test_betas_are_log_uniform_and_stratified():
  objective = tfp_rd.MultiRate(num_groups=8)
  low, high = np.log(0.05), np.log(10)
  betas = [objective.draw_betas(seed=n).numpy() for n in range(400)]
  part = (np.log(betas) - low) / (high - low)
  np.testing.assert_array_equal(
    np.sort((8 * part).astype(int), axis=1), np.tile(np.arange(8), [400, 1])
  )
  # Every place of a batch sees the whole range.
  np.testing.assert_allclose(part.mean(0), 0.5, atol=0.06)
  assert (np.corrcoef(part.T)[0, 1:] < 0.2).all()


@pytest.mark.parametrize(
  'beta',
  [0.01, 11.0, np.float32(50), np.array([1.0, 50.0]), tf.constant([0.001])],
)
def test_a_beta_out_of_range_is_refused(beta):
  with pytest.raises(tfp_rd.UserError, match=r'from 0\.05 to 10'):
    conditional_of('---').at(beta)


@pytest.mark.parametrize('signs', COVER)
@pytest.mark.parametrize(
  'power', [pytest.param(0.0, marks=pytest.mark.slow), -0.5]
)
def test_the_loss_of_a_step_is_that_of_its_betas(signs, power):
  """By hand, from the betas and the noise of the step's own seed."""
  conditional = conditional_of(signs)
  objective = tfp_rd.MultiRate(num_groups=2, weight_power=power)
  step = program.Program(conditional, objective, batch_size=6, steps_per_call=1)
  inputs = inputs_lib.make_inputs(
    images(9),
    seed=5,
    objective=objective,
    learning_rate=1e-3,
    num_steps=1,
    dtype='float64',
  )
  seeds = initial.split(initial.fold_in(inputs.seed, 0), 4)
  betas = objective.draw_betas(seed=seeds[3], dtype='float64')
  (chosen,) = epoch.batch_indices(
    inputs.seed, 0, 1, batch_size=6, num_examples=9
  )
  draws = rate_distortion.draw(
    conditional.at(betas, num_repeats=3),
    tf.gather(inputs.images, chosen),
    seed=seeds[2],
    training=True,
  )
  # Neighbours share a beta: aabb, not abab.
  beta = np.repeat(betas, 3)
  assert beta[0] == beta[2] != beta[3]
  expected = np.mean(beta**power * (draws.distortion + beta * draws.rate))
  assert step.run(inputs, 1)['loss'] == pytest.approx(expected, rel=1e-6)


def test_all_betas_share_one_trace():
  conditional = conditional_of('--v')
  objective = tfp_rd.MultiRate(num_groups=2)
  steps = program.Program(
    conditional, objective, batch_size=4, steps_per_call=1
  )
  inputs = inputs_lib.make_inputs(
    images(9),
    seed=5,
    objective=objective,
    learning_rate=1e-3,
    num_steps=4,
    dtype='float64',
  )
  for _ in range(3):
    steps.run(inputs, 1)
  assert steps._run.experimental_get_tracing_count() == 1


def test_a_whole_curve_is_no_model_to_evaluate():
  with pytest.raises(tfp_rd.UserError, match=r'model\.at\(1\.0\)'):
    tfp_rd.evaluate(conditional_of('---'), images(2), num_samples=1)
  with pytest.raises(tfp_rd.UserError, match='each beta'):
    tfp_rd.draw(conditional_of('---'), images(2), seed=0)


@pytest.mark.parametrize(
  ('conditional', 'objective'),
  [(True, tfp_rd.BetaElbo()), (False, tfp_rd.MultiRate(num_groups=2))],
)
def test_model_and_objective_must_fit(conditional, objective):
  model = tfp_rd.build(
    '---', image_shape=SHAPE, latent_size=2, conditional=conditional
  )
  with pytest.raises(tfp_rd.UserError, match='multi_rate'):
    tfp_rd.fit(model, images(4), objective=objective, batch_size=4, num_steps=1)


def test_the_groups_divide_the_batch():
  with pytest.raises(tfp_rd.UserError, match='multiple of the 3'):
    tfp_rd.fit(
      conditional_of('---'),
      images(4),
      objective=tfp_rd.MultiRate(num_groups=3),
      batch_size=4,
      num_steps=1,
    )


def test_a_model_of_a_given_rate_has_it():
  conditional = conditional_of('---')
  rates = [
    tfp_rd.evaluate(conditional.at(beta), images(9), num_samples=4).rate_nats
    for beta in conditional.beta_range
  ]
  wanted = 0.3 * rates[0] + 0.7 * rates[1]
  model, beta = conditional.at_rate(
    wanted, images(9), num_samples=4, tolerance_nats=1e-3
  )
  assert 0.05 < beta < 10
  point = tfp_rd.evaluate(model, images(9), num_samples=4)
  assert point.rate_nats == pytest.approx(wanted, abs=2e-3)
