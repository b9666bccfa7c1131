# SPDX-License-Identifier: Apache-2.0
"""An evaluation says what its numbers are."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_rd
from tfp_rd.model import evaluation, movable_model

tfb, tfd = tfp.bijectors, tfp.distributions


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
