# SPDX-License-Identifier: Apache-2.0
"""An objective of one's own in a run: its numbers, shapes and mistakes."""

import dataclasses
import math
from typing import ClassVar

import numpy as np
import pytest
import tensorflow as tf

import tfp_rd
from tfp_rd import config as config_lib
from tfp_rd import objective as objective_lib
from tfp_rd.run import directory
from tfp_rd.training import experiment, run_parts


@dataclasses.dataclass(frozen=True, repr=False)
class Own(objective_lib.Objective):
  """D + weight R, with a second player of `hidden` numbers."""

  name: ClassVar[str] = 'own'
  weight: float = 1.0
  hidden: int = 2
  price: float = 1.0
  mistake: str = ''

  def players(self, model, seed):
    module = tf.Module()
    module.hidden = tf.Variable(tf.zeros([self.hidden]))
    return {
      **super().players(model, seed),
      'second': objective_lib.Player(module),
    }

  def losses(self, draws, context):
    weight = context.numbers['weight']
    if self.mistake == 'number':
      weight = self.weight
    loss = draws.distortion + weight * draws.rate
    if self.mistake != 'shape':
      loss = tf.reduce_mean(loss)
    hidden = context.players['second'].hidden
    second = tf.reduce_sum((hidden - 1.0) ** 2)
    return objective_lib.Losses({'model': loss, 'second': second}, {})

  def score(self, point):
    return point.distortion_nats + self.weight * point.rate_nats

  def found_beta(self, players):
    return math.nan if self.price < 0 else None


@pytest.fixture(autouse=True)
def _known(monkeypatch):
  monkeypatch.setitem(objective_lib._CLASSES, 'own', (__name__, 'Own'))


def execute(root, **fields):
  config = config_lib.Config(
    data=config_lib.DataConfig(fake_data=True),
    model=config_lib.ModelConfig(latent_size=2),
    objective=Own(**fields),
    training=config_lib.TrainingConfig(
      num_steps=4, batch_size=16, validate_every=4, weight_averaging=0.0
    ),
    evaluation=config_lib.EvaluationConfig(
      eval_samples=2, eval_examples=20, eval_train_examples=20
    ),
  )
  run = directory.create_run(root, config)
  experiment.execute(run, config_lib.Execution(steps_per_call=4))
  return run


def fit(**fields):
  model = tfp_rd.build('---', image_shape=(4, 4, 1), latent_size=2, seed=1)
  x = np.zeros([8, 4, 4, 1], 'f')
  return tfp_rd.fit(
    model, x, objective=Own(**fields), num_steps=1, batch_size=4
  )


def test_a_number_of_the_record_reaches_the_steps_of_a_run(tmp_path):
  one, seven = execute(tmp_path), execute(tmp_path, weight=7.0)
  nats = [run.metrics[0] for run in (one, seven)]
  assert all(
    row['loss']
    == pytest.approx(
      row['distortion_nats'] + weight * row['rate_nats'], rel=1e-4
    )
    for row, weight in zip(nats, (1.0, 7.0), strict=True)
  )


def test_a_number_that_is_read_from_the_record_is_refused(tmp_path):
  sentence = r"reads weight of the record; read context.numbers\['weight'\]"
  with pytest.raises(tfp_rd.UserError, match=sentence):
    execute(tmp_path, weight=7.0, mistake='number')
  with pytest.raises(tfp_rd.UserError, match=sentence):
    fit(mistake='number')


def test_a_number_that_sets_a_shape_makes_a_program_of_its_own(tmp_path):
  execute(tmp_path)
  run = execute(tmp_path, hidden=5)
  kept = tf.train.load_checkpoint(str(run.path / 'checkpoint' / 'kept'))
  assert kept.get_tensor('players/second/hidden').shape == (5,)


def test_a_loss_that_is_no_scalar_is_refused():
  with pytest.raises(tfp_rd.UserError, match=r"'model' of 'own'.* \[1, 4\]"):
    fit(mistake='shape')


def test_a_price_that_is_not_finite_counts_as_divergence(tmp_path):
  with pytest.raises(FloatingPointError, match='price of rate .* is nan'):
    execute(tmp_path, price=-1.0)


def test_a_run_is_not_evaluated_again_on_other_images(tmp_path, monkeypatch):
  run = execute(tmp_path)
  other = dataclasses.replace(
    run.config, evaluation=config_lib.EvaluationConfig(eval_samples=3)
  )
  before = run.result
  load = run_parts.load_data

  def inverted(*args):
    data = load(*args)
    return dataclasses.replace(data, test=1.0 - data.test)

  monkeypatch.setattr(run_parts, 'load_data', inverted)
  with pytest.raises(tfp_rd.UserError, match='other images'):
    experiment.execute(directory.Run(run.path, other), config_lib.Execution())
  assert run.result == before
