# SPDX-License-Identifier: Apache-2.0
"""Objectives are values: they print, compare, parse and weigh as they say."""

import math
import types

import numpy as np
import pytest
import tensorflow as tf

import tfp_rd
from tfp_rd import objective
from tfp_rd.objective import context as context_lib

VALUES = [
  tfp_rd.BetaElbo(),
  tfp_rd.BetaElbo(beta=0.5),
  tfp_rd.BetaElbo(beta=0.1, kl_annealing_steps=200),
  tfp_rd.TargetRate(target_rate_nats=5.0),
  tfp_rd.TargetRate(target_rate_nats=0.0, weight=3.0),
  tfp_rd.MultiRate(),
  tfp_rd.MultiRate(beta_min=0.1, beta_max=2, num_groups=4, weight_power=-0.5),
]


@pytest.mark.parametrize('value', VALUES, ids=repr)
def test_an_objective_is_its_text(value):
  assert objective.parse(repr(value)) == value
  assert repr(objective.parse(repr(value))) == repr(value)
  assert hash(objective.parse(repr(value))) == hash(value)


def test_texts_are_canonical():
  assert repr(tfp_rd.BetaElbo(beta=1)) == 'beta_elbo(beta=1.0)'
  assert objective.parse('beta_elbo(beta=1)') == tfp_rd.BetaElbo(beta=1.0)
  assert objective.parse('beta_elbo') == tfp_rd.BetaElbo()
  assert {v.name for v in VALUES} == set(objective.names())


@pytest.mark.parametrize(
  ('text', 'sentence'),
  [
    ('gamma_elbo(beta=1)', '[Cc]hoose one of'),
    ('beta_elbo(gamma=1)', 'no field'),
    ('beta_elbo(beta=0)', 'positive'),
    ('beta_elbo(beta=-1)', 'positive'),
    ("beta_elbo(beta='x')", 'positive'),
    ('beta_elbo(beta=1e999)', 'finite'),
    ('beta_elbo(1)', r'without its name; write beta_elbo\(beta=1\)'),
    ('beta_elbo(beta=__import__("os"))', 'cannot be read'),
    ('(', 'cannot be read'),
    ('target_rate(target_rate_nats=-1)', 'not negative'),
    ('target_rate(weight=0)', 'positive'),
    ('multi_rate(beta_min=0)', 'positive'),
    ('multi_rate(beta_min=3, beta_max=2)', 'larger beta_max'),
    ('multi_rate(num_groups=0)', 'positive'),
    ('multi_rate(num_groups=2.5)', 'whole'),
    ("multi_rate(weight_power='x')", 'finite number'),
  ],
)
def test_what_is_no_objective_is_refused(text, sentence):
  with pytest.raises(tfp_rd.UserError, match=sentence):
    objective.parse(text)


def loss(value, *, step=0, beta=None):
  beta = (value.beta or 1.0) if beta is None else beta
  draws = types.SimpleNamespace(
    distortion=tf.constant([[10.0, 20.0]]), rate=tf.constant([[2.0, 6.0]])
  )
  context = context_lib.Context(
    step=tf.constant(step, tf.int64),
    seed=tf.constant([0, 0]),
    num_training_examples=2,
    model=None,
    players={},
    beta=tf.constant(beta),
    numbers={k: tf.constant(v) for k, v in value.numbers.items()},
    images=None,
  )
  return float(value.losses(draws, context).players['model'])


def test_losses_are_what_the_formulas_say():
  assert loss(tfp_rd.BetaElbo(beta=0.5)) == 15.0 + 0.5 * 4.0
  assert loss(tfp_rd.BetaElbo(), beta=[0.5, 2.0]) == (10 + 1 + 20 + 12) / 2
  assert loss(tfp_rd.TargetRate(target_rate_nats=5.0)) == 15.0 + 1.0
  assert loss(tfp_rd.TargetRate(target_rate_nats=1.0, weight=3.0)) == 15.0 + 9.0


def test_the_weight_of_the_rate_is_annealed():
  value = tfp_rd.BetaElbo(beta=2.0, kl_annealing_steps=10)
  assert [loss(value, step=s) for s in (0, 5, 10, 99)] == [15, 19, 23, 23]


def test_scores_use_the_objective_s_own_weights():
  point = tfp_rd.Point.from_examples(
    np.array([2.0, 6.0]), np.array([10.0, 20.0]), num_samples=1
  )
  assert tfp_rd.BetaElbo(beta=0.5).score(point) == 17.0
  value = tfp_rd.TargetRate(target_rate_nats=5.0, weight=2.0)
  assert value.score(point) == 17.0
  assert math.isclose(value.value(15.0, 4.0), 17.0)


def test_another_beta_is_another_value_of_the_same_kind():
  value = tfp_rd.BetaElbo(beta=0.5, kl_annealing_steps=3)
  other = value.at_beta(2.0)
  assert other == tfp_rd.BetaElbo(beta=2.0, kl_annealing_steps=3)
  target = tfp_rd.TargetRate()
  assert target.at_beta(2.0) == target


@pytest.mark.parametrize('power', [0.0, -0.5])
def test_a_range_weighs_every_image_by_its_own_beta(power):
  value = tfp_rd.MultiRate(weight_power=power)
  beta = [0.5, 2.0]
  found = loss(value, beta=beta)
  one_image = np.array([10.0 + 0.5 * 2.0, 20.0 + 2.0 * 6.0])
  expected = np.mean(np.power(beta, power) * one_image)
  assert found == pytest.approx(expected, rel=1e-6)


def test_the_score_of_a_range_is_its_loss():
  value = tfp_rd.MultiRate(weight_power=0.5)
  point = tfp_rd.Point.from_examples(
    np.array([2.0, 6.0]), np.array([10.0, 20.0]), num_samples=1
  )
  points = {beta: point for beta in value.compared_betas()}
  expected = np.mean([loss(value, beta=[b, b]) for b in points])
  assert value.score(points) == pytest.approx(expected, rel=1e-6)


def test_betas_of_a_range_lie_in_it():
  value = tfp_rd.MultiRate(beta_min=0.2, beta_max=2.0)
  assert value.betas() == (0.2, 0.3, 0.55, 1.0, 1.7, 2.0)
  assert len(tfp_rd.MultiRate().betas()) == 10
  compared = value.compared_betas()
  np.testing.assert_allclose(np.diff(np.log(compared)), np.log(10) / 4)
  assert math.isclose(compared[0] / 0.2, 2.0 / compared[-1])
