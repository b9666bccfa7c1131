# SPDX-License-Identifier: Apache-2.0
"""An evaluation sees the model as it is, and says what its numbers are."""

import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_rd
from tfp_rd.model import evaluation, movable_model

tfd = tfp.distributions


def images(n=6):
  return np.random.RandomState(0).randint(2, size=[n, 4, 4, 1]).astype('f')


def build(**kwargs):
  return tfp_rd.build(
    '---', image_shape=(4, 4, 1), latent_size=2, seed=1, **kwargs
  )


class Tempered(tf.Module):
  """A decoder with a plain attribute, and one of a status."""

  def __init__(self, decoder, status='exact'):
    super().__init__()
    self.decoder = decoder
    self.temperature = 1.0
    self.density_status = status

  def __call__(self, z, *, condition=None, seed=None):
    return self.decoder(self.temperature * z)


def test_an_attribute_that_changes_is_seen():
  model = build()
  model.decoder = Tempered(model.decoder)
  before = tfp_rd.evaluate(model, images()).distortion_nats
  model.decoder.temperature = 5.0
  after = tfp_rd.evaluate(model, images()).distortion_nats
  draws = tfp_rd.draw(model, images(), num_samples=300, seed=0)
  assert after != before
  assert after == pytest.approx(
    float(tf.reduce_mean(draws.distortion)), abs=0.1
  )


def test_a_model_dies():
  model = build()
  tfp_rd.evaluate(model, images())
  dead = weakref.ref(model)
  del model
  gc.collect()
  assert dead() is None


def count_of_traces(patch):
  """Returns a list with one entry for each trace of an evaluation."""
  traces, draw = [], evaluation.rate_distortion.draw

  def watched(*args, **kwargs):
    traces.append(1)
    return draw(*args, **kwargs)

  patch.setattr(evaluation.rate_distortion, 'draw', watched)
  return traces


def test_an_unchanged_model_is_compiled_once_and_a_changed_one_again(
  monkeypatch,
):
  traces = count_of_traces(monkeypatch)
  model = build()
  scale = [1.0]
  decoder = model.decoder

  def scaled(z):
    return decoder(scale[0] * z)

  model.decoder = Tempered(decoder)
  for _ in range(3):
    tfp_rd.evaluate(model, images(), num_samples=2)
  assert len(traces) == 1
  model.decoder.temperature = 5.0
  tfp_rd.evaluate(model, images(), num_samples=2)
  model.decoder.scaled = scaled
  tfp_rd.evaluate(model, images(), num_samples=2)
  scale[0] = 2.0  # A variable that a function has closed over.
  tfp_rd.evaluate(model, images(), num_samples=2)
  model.trainable_variables[0].assign_add(
    tf.ones_like(model.trainable_variables[0])
  )
  tfp_rd.evaluate(model, images(), num_samples=2)
  assert len(traces) == 4


@pytest.mark.parametrize('conditional', [False, True])
def test_one_compiled_evaluation_serves_all_betas(conditional, monkeypatch):
  traces = count_of_traces(monkeypatch)
  model = build(conditional=conditional)
  betas = (0.1, 1.0, 3.0)
  found = [
    tfp_rd.evaluate(at_beta, images(), num_samples=2)
    for _ in range(2)
    for _, at_beta in movable_model.models_along(model, betas)
  ]
  # One for the model, or for each walk along the betas of a curve.
  assert len(traces) == (2 if conditional else 1)
  assert found[:3] == found[3:]
  for beta, point in zip(betas, found, strict=False):
    alone = model.at(beta) if conditional else model
    expected = tfp_rd.evaluate(alone, images(), num_samples=2)
    assert point.elbo_nats == pytest.approx(expected.elbo_nats, rel=1e-6)


def test_all_validations_of_a_training_share_one_compiled_evaluation(
  monkeypatch,
):
  traces = count_of_traces(monkeypatch)
  tfp_rd.fit(
    build(),
    images(),
    training=tfp_rd.TrainingConfig(num_steps=8, batch_size=4, validate_every=2),
    validation=images(),
  )
  in_training, in_evaluation = 1, 1
  assert len(traces) <= in_training * 2 + in_evaluation


def test_products_are_not_rounded_while_a_model_is_evaluated():
  settings, seen = tf.config.experimental, []

  class Watching(tf.Module):
    def __init__(self, decoder):
      super().__init__()
      self.decoder = decoder

    def __call__(self, z, *, condition=None, seed=None):
      seen.append(settings.tensor_float_32_execution_enabled())
      return self.decoder(z)

  model = build()
  model.decoder = Watching(model.decoder)
  before = settings.tensor_float_32_execution_enabled()
  try:
    for enabled in (True, False):
      settings.enable_tensor_float_32_execution(enabled)
      tfp_rd.evaluate(model, images())
      assert settings.tensor_float_32_execution_enabled() == enabled
    assert set(seen) == {False}
    settings.enable_tensor_float_32_execution(True)  # noqa: FBT003
    tfp_rd.draw(model, images(), seed=0)
    assert seen[-1] is True
  finally:
    settings.enable_tensor_float_32_execution(before)


BOUNDS = {
  'rate_nats': 'upper_bound',
  'distortion_nats': 'upper_bound',
  'elbo_nats': 'lower_bound',
}


@pytest.mark.parametrize(
  ('part', 'estimates'),
  [
    ('', ()),
    ('encoder', ('rate_nats', 'elbo_nats')),
    ('marginal', ('rate_nats', 'elbo_nats')),
    ('decoder', ('distortion_nats', 'elbo_nats')),
  ],
)
@pytest.mark.parametrize('said_by', ['part', 'inner', 'distribution'])
def test_a_point_says_what_rests_on_an_estimated_density(
  part, estimates, said_by
):
  class Said(tf.Module):
    def __init__(self, original):
      super().__init__()
      self.original = original
      if said_by == 'part':
        self.density_status = 'estimate'
      elif said_by == 'inner':
        self.inner = tf.Module()
        self.inner.density_status = 'estimate'

    def __call__(self, *args, condition=None, seed=None):
      distribution = self.original(*args)
      if said_by == 'distribution':
        distribution.density_status = 'estimate'
      return distribution

  model = build()
  if part:
    setattr(model, part, Said(getattr(model, part)))
  whole = evaluation.evaluate_whole(model, images(), num_samples=2)
  expected = BOUNDS | dict.fromkeys(estimates, 'estimate')
  assert whole.point.status == expected
  assert tfp_rd.evaluate(model, images(), num_samples=2).status == expected
  again = tfp_rd.Point.from_dict(whole.point.to_dict())
  assert again.status == expected
  assert whole.rate_nats.mean() == pytest.approx(whole.point.rate_nats)


def test_the_status_is_seen_through_a_beta():
  conditional = build(conditional=True)
  parts = conditional.parts
  parts.decoder.density_status = 'estimate'
  (points,) = [
    [
      tfp_rd.evaluate(model, images(), num_samples=1)
      for _, model in movable_model.models_along(conditional, (0.1, 1.0))
    ]
  ]
  assert [p.status['elbo_nats'] for p in points] == ['estimate'] * 2
  assert points[0].status['rate_nats'] == 'upper_bound'
