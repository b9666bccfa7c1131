# SPDX-License-Identifier: Apache-2.0
"""The compiled program: one trace, whole epochs, players, and its failures."""

import dataclasses
from typing import ClassVar

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_rd
from tfp_rd import objective as objective_lib
from tfp_rd.network import initial
from tfp_rd.training import epoch, program
from tfp_rd.training import inputs as inputs_lib
from tfp_rd.training.optimizer import Adam, learning_rate_at

tfd = tfp.distributions


def images(n=10, shape=(4, 4, 1)):
  return np.random.RandomState(0).randint(2, size=[n, *shape]).astype('f')


def build(signs='---', **kwargs):
  return tfp_rd.build(signs, image_shape=(4, 4, 1), latent_size=2, **kwargs)


def inputs(objective, *, num_steps=100, x=None, seed=0):
  return inputs_lib.make_inputs(
    images() if x is None else x,
    seed=seed,
    objective=objective,
    learning_rate=1e-3,
    num_steps=num_steps,
  )


@pytest.mark.parametrize(
  ('batch_size', 'num_examples'), [(4, 10), (5, 10), (7, 3), (3, 1), (1, 4)]
)
def test_every_epoch_sees_every_image_once(batch_size, num_examples):
  steps = 6 * num_examples
  seed = initial.as_seed(0)
  rows = epoch.batch_indices(
    seed, 0, steps, batch_size=batch_size, num_examples=num_examples
  ).numpy()
  epochs = rows.reshape([-1, num_examples])
  assert (np.sort(epochs, axis=1) == np.arange(num_examples)).all()
  if num_examples == 10:
    assert len({tuple(e) for e in epochs}) > 1


def test_the_sequence_does_not_depend_on_where_calls_begin():
  seed = initial.as_seed(3)
  whole = epoch.batch_indices(seed, 0, 12, batch_size=4, num_examples=10)
  parts = [
    epoch.batch_indices(seed, first, 3, batch_size=4, num_examples=10)
    for first in (0, 3, 6, 9)
  ]
  np.testing.assert_array_equal(whole, np.concatenate(parts))


def test_one_trace_serves_all_betas_seeds_and_ragged_calls():
  value = tfp_rd.BetaElbo()
  compiled = program.Program(build(), value, batch_size=4, steps_per_call=5)
  for n, beta in enumerate((0.1, 1.0, 3.0)):
    given = inputs(tfp_rd.BetaElbo(beta=beta), seed=n, num_steps=50 + n)
    for num_steps in (5, 5, 2, 1):
      compiled.run(given, num_steps)
  assert int(compiled.step) == 39
  assert compiled._run.experimental_get_tracing_count() == 1


def test_calls_of_any_length_give_the_same_weights():
  weights = []
  for calls in ([6], [1, 2, 3], [4, 2]):
    model = build(seed=1)
    compiled = program.Program(
      model, tfp_rd.BetaElbo(), batch_size=4, steps_per_call=6
    )
    given = inputs(tfp_rd.BetaElbo())
    for n in calls:
      compiled.run(given, n)
    weights.append([v.numpy() for v in model.trainable_variables])
  for other in weights[1:]:
    for one, two in zip(weights[0], other, strict=True):
      np.testing.assert_array_equal(one, two)


def test_beta_matters():
  rates = []
  for beta in (0.01, 30.0):
    value = tfp_rd.BetaElbo(beta=beta)
    model = build(seed=1)
    tfp_rd.fit(
      model, images(), objective=value, num_steps=150, learning_rate=3e-3
    )
    rates.append(tfp_rd.evaluate(model, images()).rate_nats)
  assert rates[0] > rates[1] + 0.5


@dataclasses.dataclass(frozen=True, repr=False)
class HeldRate(objective_lib.Objective):
  """D + lambda (R - target), with a second player that raises lambda."""

  name: ClassVar[str] = 'held_rate'
  metric_names: ClassVar[tuple[str, ...]] = ('multiplier',)
  target_rate_nats: float = 1.0

  def players(self, model, seed):
    """Returns the model and a Lagrange multiplier."""
    del seed
    multiplier = tf.Module()
    multiplier.log = tf.Variable(0.0)
    return {
      'model': objective_lib.Player(model),
      'multiplier': objective_lib.Player(multiplier),
    }

  def losses(self, draws, context):
    """Returns one loss a player."""
    weight = tf.exp(context.players['multiplier'].log)
    target = context.numbers['target_rate_nats']
    excess = tf.reduce_mean(draws.rate) - target
    loss = tf.reduce_mean(draws.distortion) + tf.stop_gradient(weight) * excess
    return objective_lib.Losses(
      {'model': loss, 'multiplier': -weight * tf.stop_gradient(excess)},
      {'multiplier': weight},
    )


def test_two_players_move_each_by_its_own_loss():
  compiled = program.Program(
    build(), HeldRate(target_rate_nats=50.0), batch_size=4
  )
  metrics = compiled.run(inputs(HeldRate(target_rate_nats=50.0)), 20)
  log = compiled.players.held['multiplier'].log
  assert float(log) < 0  # The rate is below the target: its price falls.
  assert 0 < metrics['multiplier'] < 1
  moments = compiled.players.optimizers['model'].first
  assert any(np.any(m.numpy()) for m in moments.values())


@pytest.mark.parametrize(
  ('term', 'part'),
  [
    ('distortion_nats', 'decoder'),
    ('encoding_log_prob', 'encoder'),
    ('marginal_log_prob', 'marginal'),
  ],
)
def test_the_term_that_stops_being_finite_is_named(term, part):
  nan = tf.Variable(1.0)

  class Broken(tf.Module):
    def __init__(self, original):
      super().__init__()
      self.original, self.factor = original, nan

    def __call__(self, *args, condition=None, seed=None):
      base = self.original(*args)
      ones = tf.ones(base.event_shape.rank, tf.int32)
      factor = tf.reshape(self.factor, ones)
      return tfd.TransformedDistribution(
        base, tfp.bijectors.Scale(log_scale=tf.math.log(factor))
      )

  model = build()
  setattr(model, part, Broken(getattr(model, part)))
  compiled = program.Program(model, tfp_rd.BetaElbo(), batch_size=4)
  given = inputs(tfp_rd.BetaElbo())
  if part != 'decoder':
    compiled.run(given, 3)
  nan.assign(np.nan)
  with pytest.raises(FloatingPointError, match=term):
    compiled.run(given, 3)


def test_a_gradient_that_is_not_finite_is_an_error_of_its_own_step():
  class Rooted(tf.Module):
    def __init__(self):
      super().__init__()
      self.w = tf.Variable(0.0)  # sqrt is finite here, its slope is not.

    def __call__(self, x):
      loc = tf.sqrt(self.w) * tf.ones([x.shape[0], 2])
      return tfd.MultivariateNormalDiag(loc, tf.ones([2]))

  model = build()
  model = tfp_rd.LatentVariableModel(Rooted(), model.marginal, model.decoder)
  compiled = program.Program(
    model, tfp_rd.BetaElbo(), batch_size=4, steps_per_call=1
  )
  with pytest.raises(FloatingPointError, match='gradient_norm .* step 0'):
    compiled.run(inputs(tfp_rd.BetaElbo()), 1)


class Shifted(tfd.MultivariateNormalDiag):
  """Always draws one standard deviation above its mean."""

  def experimental_sample_and_log_prob(self, sample_shape=(), seed=None, **_):
    z = self.mean() + self.stddev()
    z = tf.broadcast_to(z, tf.concat([[sample_shape], tf.shape(z)], 0))
    return z, self.log_prob(z)


class Certain(tf.Module):
  """An encoder without noise: TFP draws other normals under XLA."""

  def __init__(self, encoder):
    super().__init__()
    self.encoder = encoder

  def __call__(self, x, *, condition=None, seed=None):
    encoding = self.encoder(x)
    return Shifted(encoding.mean(), encoding.stddev())


@pytest.mark.parametrize(
  'signs', ['---', pytest.param('-++', marks=pytest.mark.slow)]
)
def test_xla_takes_the_same_steps_up_to_rounding(signs):
  weights = []
  for jit_compile in (False, True):
    model = build(signs, dropout=0.3)
    start = [v.numpy() for v in model.trainable_variables]
    model.encoder = Certain(model.encoder)
    compiled = program.Program(
      model,
      tfp_rd.BetaElbo(),
      batch_size=4,
      steps_per_call=2,
      jit_compile=jit_compile,
    )
    compiled.run(inputs(tfp_rd.BetaElbo()), 2)
    weights.append([v.numpy() for v in model.trainable_variables])
  for one, two in zip(*weights, strict=True):
    np.testing.assert_allclose(one, two, atol=1e-4)
  moved = [np.abs(a - b).max() for a, b in zip(weights[0], start, strict=True)]
  assert np.median(moved) > 1e-3


def test_adam_is_adam():
  import tf_keras

  variables = [tf.Variable([1.0, -2.0]), tf.Variable([[0.5]])]
  twins = [tf.Variable(v) for v in variables]
  ours = Adam({str(n): v for n, v in enumerate(variables)})
  theirs = tf_keras.optimizers.Adam(0.1, epsilon=1e-8)
  for step in range(5):
    gradients = [tf.sin(3.0 * v + step) for v in variables]
    ours.update(gradients, 0.1, step)
    theirs.apply_gradients(zip(gradients, twins, strict=True))
    for v, w in zip(variables, twins, strict=True):
      np.testing.assert_allclose(v, w, rtol=1e-4)


def test_normalised_gradients_forget_their_scale():
  results = []
  for scale in (1.0, 1000.0):
    v = tf.Variable([1.0, -2.0])
    adam = Adam({'v': v}, normalize_gradients=True)
    adam.update([scale * tf.constant([3.0, 4.0])], 0.1, 0)
    results.append((v.numpy(), adam.first['v'].numpy()))
  np.testing.assert_allclose(results[0], results[1], rtol=1e-5)
  np.testing.assert_allclose(results[0][1], [0.06, 0.08], rtol=1e-5)


def test_the_learning_rate_is_the_paper_s():
  rates = [
    float(learning_rate_at(s, learning_rate=2.0, num_steps=100))
    for s in (0, 49, 50, 75, 100)
  ]
  np.testing.assert_allclose(rates, [2.0, 2.0, 2.0, 1.0, 0.0], rtol=1e-6)
