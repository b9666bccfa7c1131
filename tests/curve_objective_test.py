# SPDX-License-Identifier: Apache-2.0
"""A second objective of many betas goes wherever the first one does."""

import dataclasses
from typing import ClassVar

import numpy as np
import pytest
import tensorflow as tf

import tfp_rd
from tfp_rd import config, errors
from tfp_rd import objective as objective_lib
from tfp_rd.curve import columns
from tfp_rd.model import movable_model
from tfp_rd.objective import curve_objective

SHAPE = (4, 4, 1)


@dataclasses.dataclass(frozen=True, repr=False)
class Tilted(curve_objective.CurveObjective):
  """D + tilt beta R, of a range of its own; what is least to be written."""

  name: ClassVar[str] = 'tilted'

  beta_min: float = 0.5
  beta_max: float = 2.0
  num_groups: int = 2
  tilt: float = 1.0

  def losses(self, draws, context):
    weight = context.numbers['tilt'] * context.beta
    loss = tf.reduce_mean(draws.distortion + weight * draws.rate)
    return objective_lib.Losses({'model': loss}, {})

  def score(self, points):
    return sum(p.distortion_nats + b * p.rate_nats for b, p in points.items())


@pytest.fixture(autouse=True)
def known(monkeypatch):
  monkeypatch.setitem(objective_lib._CLASSES, 'tilted', (__name__, 'Tilted'))


def build(**kwargs):
  return tfp_rd.build(
    '---', image_shape=SHAPE, latent_size=2, conditional=True, **kwargs
  )


def test_it_trains_and_is_chosen_on_validation():
  x = np.random.RandomState(0).randint(2, size=[12, *SHAPE]).astype('f')
  model = build(beta_range=(0.5, 2.0))
  done = tfp_rd.fit(
    model,
    x,
    objective=Tilted(),
    training=tfp_rd.TrainingConfig(
      num_steps=4, batch_size=4, validate_every=2, weight_averaging=0.0
    ),
    validation=x,
  )
  assert done.steps == 4
  scores = [r['validation_score'] for r in done.metrics]
  assert len(scores) >= 1
  assert np.isfinite(scores).all()


def test_betas_are_stratified_over_its_range():
  many = Tilted(num_groups=5)
  betas = np.sort(many.draw_betas(seed=1))
  edges = np.geomspace(0.5, 2.0, 6)
  assert ((edges[:-1] <= betas) & (betas <= edges[1:])).all()
  assert many.betas() == (0.5, 0.55, 1.0, 1.7, 2.0)
  middles = np.geomspace(0.5, 2.0, 9)[1::2]
  np.testing.assert_allclose(many.compared_betas(), middles)


def test_a_configuration_and_a_file_know_it():
  made = config.Config(
    objective='tilted(tilt=0.5)',
    evaluation=config.EvaluationConfig(eval_betas=(0.5, 1.0)),
  )
  assert made.objective == Tilted(tilt=0.5)
  assert made.objective.is_curve
  assert config.Config.from_dict(made.to_dict()) == made
  with pytest.raises(errors.UserError, match='goes from 0.5 to 2'):
    config.Config(
      objective='tilted',
      evaluation=config.EvaluationConfig(eval_betas=(5.0,)),
    )
  texts = ['tilted(tilt=0.5)', 'beta_elbo', 'unknown(a=1)']
  _, points = columns.to_points({'beta': [1.0] * 3, 'objective': texts})
  assert [point.is_one_run for point in points] == [True, False, False]


def test_only_what_is_free_is_a_number_of_the_step():
  assert [*Tilted().numbers] == ['tilt']
  assert Tilted(tilt=3.0).structure() == Tilted()
  other = Tilted(beta_max=4.0, num_groups=3, tilt=3.0).structure()
  assert other == Tilted(beta_max=4.0, num_groups=3)


@pytest.mark.parametrize(
  ('fields', 'sentence'),
  [
    ({'beta_min': 3.0}, 'larger beta_max'),
    ({'beta_min': 0.0}, 'beta_min'),
    ({'num_groups': 0}, 'num_groups'),
  ],
)
def test_a_range_that_is_none_is_refused(fields, sentence):
  with pytest.raises(errors.UserError, match=sentence):
    Tilted(**fields)


def test_what_does_not_suit_a_model_is_refused():
  single = tfp_rd.build('---', image_shape=SHAPE, latent_size=2)
  with pytest.raises(errors.UserError, match='many betas, such as multi_rate'):
    movable_model.check_objective(single, Tilted(), batch_size=4)
  with pytest.raises(errors.UserError, match='2 groups of tilted'):
    movable_model.check_objective(build(), Tilted(), batch_size=3)
