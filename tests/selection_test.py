# SPDX-License-Identifier: Apache-2.0
"""The weights that are kept are the best on validation, whole or cut."""

import dataclasses

import numpy as np
import pytest

import tfp_rd
from tfp_rd.network import initial

SHAPE = (4, 4, 1)
SEED = 7
STEPS, EVERY = 20, 5


def images(count=12):
  shape = [count, *SHAPE]
  return np.random.RandomState(0).randint(2, size=shape).astype('float32')


def build(**kwargs):
  return tfp_rd.build('---', image_shape=SHAPE, latent_size=2, seed=1, **kwargs)


@dataclasses.dataclass(frozen=True, repr=False)
class Contrary(tfp_rd.BetaElbo):
  """Trains as its base does, and chooses what has learned least."""

  def score(self, point):
    return -super().score(point)


class Stop(Exception):
  """Ends training from within, as kill -9 would from without."""


def fit(model, *, objective, stop_at=None, on_step=None, **kwargs):
  def on_progress(step, *_):
    if on_step is not None:
      on_step(step)
    if step == stop_at:
      raise Stop

  return tfp_rd.fit(
    model,
    images(),
    objective=objective,
    training=tfp_rd.TrainingConfig(
      num_steps=STEPS,
      batch_size=4,
      learning_rate=0.01,
      validate_every=EVERY,
      weight_averaging=0.0,
    ),
    execution=tfp_rd.Execution(checkpoint_seconds=0, steps_per_call=EVERY),
    seed=SEED,
    validation=images(6),
    on_progress=on_progress,
    **kwargs,
  )


def weights(model):
  return [v.numpy() for v in model.trainable_variables]


def assert_equal(one, other):
  for a, b in zip(one, other, strict=True):
    np.testing.assert_array_equal(a, b)


def scores_of(metrics):
  return {row['step']: row['validation_score'] for row in metrics}


@pytest.mark.parametrize(
  ('objective', 'best'),
  [(Contrary(), EVERY), (tfp_rd.BetaElbo(), STEPS)],
  ids=['first', 'last'],
)
def test_the_best_weights_are_kept_whole_and_cut(objective, best, tmp_path):
  seen = {}
  whole, cut, again = build(), build(), build()
  done = fit(
    whole,
    objective=objective,
    on_step=lambda step: seen.update({step: weights(whole)}),
  )
  scores = scores_of(done.metrics)
  assert min(scores, key=scores.get) == best
  assert_equal(weights(whole), seen[best])
  with pytest.raises(Stop):  # After the first checkpoint but one.
    fit(cut, objective=objective, run_dir=tmp_path, stop_at=3 * EVERY)
  resumed = fit(again, objective=objective, run_dir=tmp_path)
  assert scores_of(resumed.metrics) == scores
  assert_equal(weights(again), seen[best])


def score_seed():
  """The seed of validations: that of the training with -2, as no step has."""
  return initial.fold_in(initial.fold_in(SEED, 1), -2)


def test_every_validation_has_the_same_draws_and_none_of_training():
  objective, expected = tfp_rd.BetaElbo(beta=0.5), {}
  model, twin = build(), build()

  def on_step(step):
    for v, value in zip(twin.variables, model.variables, strict=True):
      v.assign(value)
    point = tfp_rd.evaluate(
      twin, images(6), num_samples=4, seed=score_seed(), batch_size=250
    )
    expected[step] = objective.score(point)

  done = fit(model, objective=objective, on_step=on_step)
  assert scores_of(done.metrics) == expected
  assert len(set(expected.values())) == STEPS // EVERY


def test_a_curve_is_chosen_by_all_the_betas_that_are_compared():
  objective = tfp_rd.MultiRate(num_groups=2, weight_power=-0.5)
  model = build(conditional=True)
  done = fit(model, objective=objective)
  scores = scores_of(done.metrics)
  assert min(scores, key=scores.get) == STEPS  # Whose weights the model has.
  points = {
    beta: tfp_rd.evaluate(
      model.at(beta), images(6), num_samples=1, seed=score_seed()
    )
    for beta in objective.compared_betas()
  }
  assert len(points) == 4
  assert scores[STEPS] == pytest.approx(objective.score(points), rel=1e-6)
