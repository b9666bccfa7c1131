# SPDX-License-Identifier: Apache-2.0
"""Who learns: players move their own variables, in their own way."""

import dataclasses
from typing import ClassVar

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_rd
from tfp_rd import objective as objective_lib
from tfp_rd.model import variables
from tfp_rd.training import inputs as inputs_lib
from tfp_rd.training import loop, optimizer, program, requirements

tfd = tfp.distributions
Player = objective_lib.Player


def images(n=10):
  return np.random.RandomState(0).randint(2, size=[n, 4, 4, 1]).astype('f')


def build(signs='---', **kwargs):
  return tfp_rd.build(
    signs,
    image_shape=(4, 4, 1),
    latent_size=2,
    num_pseudo_inputs=3,
    seed=1,
    **kwargs,
  )


def made(objective, model=None, **kwargs):
  model = build() if model is None else model
  return program.Program(model, objective, batch_size=4, **kwargs)


def inputs(objective, **kwargs):
  return inputs_lib.make_inputs(
    images(),
    seed=0,
    objective=objective,
    **{'learning_rate': 0.5, 'num_steps': 1000} | kwargs,
  )


def weights(module):
  return [v.numpy() for v in module.variables]


def are_equal(one, other):
  return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


class Number(tf.Module):
  def __init__(self, start):
    super().__init__()
    self.value = tf.Variable(start)


@dataclasses.dataclass(frozen=True, repr=False)
class Numbers(objective_lib.Objective):
  """Players that each have the loss `slope * value` of one number."""

  name: ClassVar[str] = 'numbers'
  slope: float = 1.0

  def players(self, model, seed):
    return {
      'often': Player(Number(0.0), optimizer='ascent'),
      'seldom': Player(
        Number(0.0),
        optimizer='ascent',
        steps_between_moves=3,
        learning_rate_factor=0.1,
      ),
      'adam': Player([tf.Variable(0.0)], beta_1=0.5, learning_rate_factor=2.0),
    }

  def losses(self, draws, context):
    slope = context.numbers['slope']
    held = dict(context.players)
    (last,) = held.pop('adam')
    losses = {name: slope * module.value for name, module in held.items()}
    # A loss of one player that depends on another's number moves it nowhere.
    losses['often'] += 100.0 * held['seldom'].value
    return objective_lib.Losses({**losses, 'adam': slope * last**2}, {})


@pytest.mark.parametrize('jit_compile', [False, True])
def test_players_move_as_their_records_say(jit_compile):
  """None is called 'model', whose weights then stay as they are."""
  objective = Numbers(slope=2.0)
  steps = made(objective, steps_per_call=10, jit_compile=jit_compile)
  before = weights(steps.model)
  metrics = steps.run(inputs(objective), 7)
  held = steps.players.held
  np.testing.assert_allclose(held['often'].value, 7 * 0.5 * 2.0)
  # At steps 0, 3 and 6.
  np.testing.assert_allclose(held['seldom'].value, 3 * 0.05 * 2.0, rtol=1e-6)
  assert are_equal(before, weights(steps.model))
  assert 'loss' not in metrics
  assert metrics['gradient_norm_often'] == 2.0


def test_adam_s_beta_1_is_the_player_s():
  import tf_keras

  ours, theirs = tf.Variable([1.0, -2.0]), tf.Variable([1.0, -2.0])
  adam = optimizer.Adam({'v': ours}, beta_1=0.5)
  other = tf_keras.optimizers.Adam(0.1, beta_1=0.5, epsilon=1e-8)
  for step in range(4):
    gradient = tf.sin(3.0 * ours + step)
    adam.update([gradient], 0.1, step)
    other.apply_gradients([(gradient, theirs)])
  np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def with_players(**players):
  class Value(Numbers):
    def players(self, model, seed):
      return {name: make(model) for name, make in players.items()}

  return Value()


def test_two_players_of_one_variable_are_refused():
  objective = with_players(
    model=Player, critic=lambda model: Player(model.encoder)
  )
  with pytest.raises(tfp_rd.UserError, match="'model' and 'critic'.*encoder/"):
    made(objective)


@pytest.mark.parametrize(
  ('make', 'sentence'),
  [
    (lambda model: model, 'expected a tfp_rd.objective.Player'),
    (lambda model: Player(model, optimizer='sgd'), "optimizer .* 'sgd'"),
    (lambda model: Player(model, beta_1=1.0), 'beta_1 .* is 1.0'),
    (lambda model: Player(model, learning_rate_factor=0), 'factor .* is 0'),
    (lambda model: Player(model, steps_between_moves=0), 'moves .* is 0'),
  ],
)
def test_what_is_no_player_is_refused(make, sentence):
  with pytest.raises(tfp_rd.UserError, match=sentence):
    made(with_players(model=make))


def test_no_players_and_other_losses_are_refused():
  with pytest.raises(tfp_rd.UserError, match='no players'):
    made(with_players())

  class Forgetful(tfp_rd.BetaElbo):
    def players(self, model, seed):
      return {**super().players(model, seed), 'critic': Player(Number(0.0))}

  with pytest.raises(tfp_rd.UserError, match='one loss for each player'):
    made(Forgetful()).run(inputs(Forgetful()), 1)


def test_checkpoints_hold_what_objectives_bring_along():
  names = set(loop.State(made(Numbers())).named_variables())
  held = 'training/program/players/held'
  assert {f'{held}/often/value', f'{held}/seldom/value'} <= names
  assert f'{held}/adam/0' in names


@dataclasses.dataclass(frozen=True, repr=False)
class Odd(tfp_rd.BetaElbo):
  """A critic, a metric and a term that may be infinite."""

  name: ClassVar[str] = 'odd'
  metric_names: ClassVar[tuple[str, ...]] = ('log_share',)
  where: str = ''

  def players(self, model, seed):
    return {**super().players(model, seed), 'critic': Player(Number(0.0))}

  def losses(self, draws, context):
    losses, _ = super().losses(draws, context)
    critic = context.players['critic'].value
    of_critic = {
      '': critic,
      'loss': critic / tf.zeros([]),
      'gradient': tf.sqrt(critic),
    }[self.where]
    share = tf.reduce_mean(tf.cast(draws.rate > 1e6, tf.float32))
    return objective_lib.Losses(
      {**losses, 'critic': of_critic}, {'log_share': tf.math.log(share)}
    )


def test_a_metric_that_is_not_finite_does_not_end_the_training():
  seen = []
  done = tfp_rd.fit(
    build(),
    images(),
    objective=Odd(),
    num_steps=20,
    execution=tfp_rd.Execution(steps_per_call=8),
    on_progress=lambda step, *_: seen.append(step),
  )
  assert done.steps == 20
  assert seen == [8, 16, 20]
  assert done.metrics[0]['log_share'] == -np.inf


@pytest.mark.parametrize(
  ('where', 'named'),
  [
    ('loss', "loss of player 'critic'"),
    ('gradient', "gradient_norm of player 'critic'"),
  ],
)
def test_what_stops_being_finite_is_named_by_player(where, named):
  with pytest.raises(FloatingPointError, match=f'{named} .* step 0'):
    made(Odd(where=where)).run(inputs(Odd()), 2)


@pytest.mark.parametrize('signs', ['--v', '++v'])
@pytest.mark.parametrize('part', ['marginal', 'decoder'])
def test_only_the_parts_that_are_named_move(signs, part):
  conditional = signs == '++v'
  model = build(signs, conditional=conditional)
  objective = tfp_rd.MultiRate(num_groups=2) if conditional else None
  before = {n: v.numpy() for n, v in variables.named({'': model}).items()}
  tfp_rd.fit(
    model,
    images(),
    objective=objective,
    num_steps=2,
    batch_size=4,
    parts=(part,),
  )
  moved = {
    name.removeprefix('parts/').split('/')[0]
    for name, v in variables.named({'': model}).items()
    if (v.numpy() != before[name]).any()
  }
  # A VampPrior shares the encoder, which is a part that stays.
  assert moved == {part}


def test_parts_that_cannot_move_are_refused():
  for parts, sentence in (
    (('marginal',), 'nothing to move'),
    (('prior',), "'prior' is no part"),
  ):
    with pytest.raises(tfp_rd.UserError, match=sentence):
      tfp_rd.fit(build(), images(), num_steps=1, parts=parts)
  with pytest.raises(tfp_rd.UserError, match='those of another part too'):
    tfp_rd.fit(build('--v'), images(), num_steps=1, parts=('encoder',))


def test_numbers_have_one_trace_and_the_steps_of_their_own():
  for kind, values in (
    (tfp_rd.TargetRate, ({'target_rate_nats': 0.5}, {'weight': 3.0})),
    (tfp_rd.BetaElbo, ({'beta': 0.3}, {'kl_annealing_steps': 4})),
  ):
    shared = made(kind(), steps_per_call=5)
    start = [v.numpy() for v in shared.variables]
    for fields in values:
      objective = kind(**fields)
      assert objective.structure() == kind()
      for v, value in zip(shared.variables, start, strict=True):
        v.assign(value)
      alone = made(objective, steps_per_call=5)
      given = inputs(objective, learning_rate=1e-3)
      assert shared.run(given, 5) == alone.run(given, 5)
      assert are_equal(weights(shared), weights(alone))
    assert shared._run.experimental_get_tracing_count() == 1


def test_static_numbers_are_part_of_the_structure():
  value = tfp_rd.MultiRate(num_groups=4, weight_power=0.5, beta_max=5.0)
  assert value.structure() == value
  assert value.numbers == {}


@dataclasses.dataclass(frozen=True, repr=False)
class Watching(tfp_rd.BetaElbo):
  """Records what it is given, and draws as it declares."""

  name: ClassVar[str] = 'watching'
  num_samples: int = 3
  rate: ClassVar[str] = 'analytic'
  given: ClassVar[list] = []

  def losses(self, draws, context):
    self.given.append((draws, context))
    return super().losses(draws, context)


@pytest.mark.parametrize('dynamic', [False, True])
def test_an_objective_is_given_images_and_draws_as_it_declares(dynamic):
  objective = Watching()
  steps = made(objective, dynamic=dynamic)
  greys = 0.25 + 0.5 * images() if dynamic else images()
  given = inputs(objective)._replace(images=tf.constant(greys))
  Watching.given.clear()
  steps._take_step(given, tf.constant([0, 1, 2, 4]))
  ((draws, context),) = Watching.given
  assert draws.rate.shape == (3, 4)
  np.testing.assert_allclose(draws.rate[0], draws.rate[1])
  seen = context.probabilities if dynamic else context.images
  np.testing.assert_array_equal(seen, greys[[0, 1, 2, 4]])
  if dynamic:
    assert set(np.unique(context.images)) == {0, 1}
  assert context.model is steps.model
  assert set(context.numbers) == {'beta', 'kl_annealing_steps'}


def test_a_curve_s_objective_is_given_the_model_at_its_betas():
  seen = []

  class Curve(tfp_rd.MultiRate):
    def losses(self, draws, context):
      seen.append(context)
      return super().losses(draws, context)

  model = build(conditional=True)
  steps = made(Curve(num_groups=2), model)
  steps._take_step(inputs(Curve(num_groups=2)), tf.range(4))
  (context,) = seen
  assert isinstance(context.model, tfp_rd.LatentVariableModel)
  again = tfp_rd.draw(context.model, context.images, seed=0)
  assert again.rate.shape == (1, 4)
  assert context.beta.shape == (4,)


def requiring(*names):
  class Value(tfp_rd.BetaElbo):
    requires = names

  return Value()


@pytest.mark.parametrize(
  ('requirement', 'has', 'lacks'),
  [
    ('factorised_encoder', '---', '+--'),
    ('decoder_mean', '---', '-+-'),
    ('encoder_density', '+--', None),
  ],
)
def test_a_model_that_lacks_what_is_required_is_refused(
  requirement, has, lacks
):
  objective = requiring(requirement)
  for conditional in (False, True):
    requirements.check(
      objective,
      build(has, conditional=conditional),
      images=images(),
      has_labels=False,
    )
  if lacks is not None:
    with pytest.raises(
      tfp_rd.UserError, match=f'beta_elbo requires {requirement}'
    ):
      tfp_rd.fit(build(lacks), images(), objective=objective, num_steps=1)


def test_an_encoder_without_a_density_is_refused():
  class Implicit(tfd.MultivariateNormalDiag):
    def _log_prob(self, value):
      raise NotImplementedError

    def _sample_and_log_prob_helper(self, sample_shape, seed, **kwargs):
      x = self.sample(sample_shape, seed=seed)
      return x, tf.zeros(x.shape[:-1])

    experimental_sample_and_log_prob = _sample_and_log_prob_helper

  model = build()
  model.encoder = type(
    'Encoder',
    (tf.Module,),
    {
      '__call__': lambda self, x, condition=None, seed=None: Implicit(
        tf.zeros([x.shape[0], 2]), tf.ones(2)
      )
    },
  )()
  with pytest.raises(tfp_rd.UserError, match='encoder_density'):
    requirements.check(
      requiring('encoder_density'), model, images=images(), has_labels=False
    )


def test_labels_are_given_where_they_are_required():
  with pytest.raises(tfp_rd.UserError, match='labels'):
    tfp_rd.fit(build(), images(), objective=requiring('labels'), num_steps=1)
  seen = []

  class Value(type(requiring('labels'))):
    def losses(self, draws, context):
      seen.append(context.labels.shape)
      return super().losses(draws, context)

  tfp_rd.fit(
    build(),
    images(),
    objective=Value(),
    labels=np.arange(10),
    batch_size=4,
    num_steps=1,
  )
  assert seen[0] == (4,)


def test_an_unknown_requirement_is_refused():
  with pytest.raises(tfp_rd.UserError, match="requires 'luck'"):
    tfp_rd.fit(build(), images(), objective=requiring('luck'), num_steps=1)
