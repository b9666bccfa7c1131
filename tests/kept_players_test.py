# SPDX-License-Identifier: Apache-2.0
"""Weights of players are kept beside the model's, of the same validation."""

import dataclasses
from typing import ClassVar

import numpy as np
import pytest
import tensorflow as tf

import tfp_rd
from tfp_rd import config as config_lib
from tfp_rd import objective as objective_lib
from tfp_rd.network import initial
from tfp_rd.run import directory
from tfp_rd.training import ancestry, experiment

EVERY, RATE = 4, 0.01


class Price(tf.Module):
  def __init__(self):
    super().__init__()
    self.value = tf.Variable(1.0)


@dataclasses.dataclass(frozen=True, repr=False)
class Priced(objective_lib.Objective):
  """A price that rises by the learning rate; best is what has learned least."""

  name: ClassVar[str] = 'priced'
  is_asked: bool = True

  def players(self, model, seed):
    price = objective_lib.Player(Price(), optimizer='ascent')
    # The model's own player need not come first.
    return {'price': price, **super().players(model, seed)}

  def losses(self, draws, context):
    price = context.players['price'].value
    loss = tf.reduce_mean(draws.distortion + draws.rate)
    return objective_lib.Losses({'model': loss, 'price': price}, {})

  def score(self, point):
    return point.elbo_nats

  def found_beta(self, players):
    return float(players['price'].value) if self.is_asked else None


@pytest.fixture(autouse=True)
def _known(monkeypatch):
  place = (__name__, 'Priced')
  monkeypatch.setitem(objective_lib._CLASSES, 'priced', place)


def config(**evaluation):
  return config_lib.Config(
    data=config_lib.DataConfig(fake_data=True),
    model=config_lib.ModelConfig(latent_size=2),
    objective=Priced(**evaluation.pop('objective', {})),
    training=config_lib.TrainingConfig(
      num_steps=3 * EVERY,
      batch_size=16,
      learning_rate=RATE,
      validate_every=EVERY,
      weight_averaging=0.0,
    ),
    evaluation=config_lib.EvaluationConfig(
      **{'eval_samples': 2, 'eval_examples': 20, 'eval_train_examples': 20}
      | evaluation
    ),
  )


def execute(root, **kwargs):
  run = directory.create_run(root, config(**kwargs))
  experiment.execute(run, config_lib.Execution(steps_per_call=EVERY))
  return run


def test_players_are_kept_as_they_were_at_the_best_validation(tmp_path):
  run = execute(tmp_path)
  best = 1.0 + EVERY * RATE  # Of the first of three validations.
  kept = tf.train.load_checkpoint(str(run.path / 'checkpoint' / 'kept'))
  np.testing.assert_allclose(kept.get_tensor('players/price/value'), best)
  names = {n for n in kept.get_variable_to_shape_map() if 'players' in n}
  assert names == {'players/price/value'}  # The model's are there once.
  assert run.result['points'][0]['found_beta'] == pytest.approx(best)
  (row,) = tfp_rd.load_curves(tmp_path)[0].points
  assert row.beta is None
  assert row.found_beta == pytest.approx(best)


def test_the_model_is_read_without_its_players(tmp_path):
  run = execute(tmp_path)
  data = tfp_rd.dataset.load(run.config.data)
  point = tfp_rd.evaluate(
    ancestry.restore(run),
    data.evaluation_images('test', count=20),
    num_samples=2,
    seed=initial.fold_in(run.config.seed, 5),
  )
  assert point.elbo_nats == run.result['test']['elbo_nats']


def test_players_are_the_same_after_a_cut(tmp_path):
  class Stop(Exception):
    pass

  def stop(step, *_):
    if step == 2 * EVERY:
      raise Stop

  run = directory.create_run(tmp_path / 'cut', config())
  execution = config_lib.Execution(steps_per_call=EVERY, checkpoint_seconds=0)
  with pytest.raises(Stop):
    experiment.execute(run, execution, on_progress=stop)
  experiment.execute(run, execution)
  whole = execute(tmp_path / 'whole')
  assert run.result['points'] == whole.result['points']


def test_a_price_stays_when_a_run_is_evaluated_again(tmp_path):
  before = execute(tmp_path).result['points'][0]
  after = execute(tmp_path, eval_samples=5).result['points'][0]
  assert after['found_beta'] == before['found_beta']
  assert after['test']['num_samples'] == 5


def test_an_objective_that_finds_none_has_none(tmp_path):
  run = execute(tmp_path, objective={'is_asked': False})
  assert 'found_beta' not in run.result['points'][0]
