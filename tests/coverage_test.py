# SPDX-License-Identifier: Apache-2.0
"""Standard errors are those of repeated evaluations, passes and all.

A Gaussian model whose rate and distortion are known, in K independent
dimensions: x ~ N(0, s), e(z|x) = N(a x, v), m(z) = N(0, 1), d(x|z) = N(z, 1).
"""

import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_rd
from tfp_rd.model import evaluation

tfd = tfp.distributions

K = 2
# Two batches of 250 images, each with two passes of four draws.
NUM_IMAGES, NUM_SAMPLES = 500, 8


def gaussian_model(*, slope, variance, passes=None):
  """Returns the model; `passes` collects how many draws a pass takes."""

  def encode(x):
    scale = math.sqrt(variance) * tf.ones_like(x)
    return tfd.MultivariateNormalDiag(slope * x, scale)

  def decode(z):
    if passes is not None:
      passes.append(z.shape[0])
    return tfd.MultivariateNormalDiag(z, tf.ones_like(z))

  marginal = tfd.MultivariateNormalDiag(tf.zeros(K, tf.float64))
  return tfp_rd.LatentVariableModel(encode, marginal, decode)


def closed_form(slope, variance, spread):
  """Returns rate and distortion in nats, for images of variance `spread`."""
  rate = (variance + slope**2 * spread - 1 - math.log(variance)) / 2
  error = (1 - slope) ** 2 * spread + variance
  return K * rate, K * (math.log(2 * math.pi) + error) / 2


@pytest.mark.parametrize(
  ('slope', 'variance', 'spread'),
  [(0.8, 0.01, 4.0), (0.5, 3.0, 1e-4)],
  ids=['of_images', 'of_draws'],
)
def test_errors_are_as_large_as_is_said(slope, variance, spread):
  passes = []
  model = gaussian_model(slope=slope, variance=variance, passes=passes)
  rate, distortion = closed_form(slope, variance, spread)
  expected = {'rate': rate, 'distortion': distortion}
  expected['elbo'] = -(rate + distortion)
  random = np.random.default_rng(0)
  points = [
    tfp_rd.evaluate(
      model,
      math.sqrt(spread) * random.standard_normal([NUM_IMAGES, K]),
      num_samples=NUM_SAMPLES,
      seed=seed,
    )
    for seed in range(200)
  ]
  assert 1 < max(passes) < NUM_SAMPLES
  for name, value in expected.items():
    z = np.array(
      [
        (getattr(p, f'{name}_nats') - value) / getattr(p, f'{name}_stderr_nats')
        for p in points
      ]
    )
    assert 0.85 < z.std() < 1.15, name
    assert abs(z.mean()) < 0.3, name


@pytest.mark.parametrize('num_samples', [1, 4, 8, 24])
def test_means_over_draws_spread_as_one_over_their_number(num_samples):
  variance = 3.0
  model = gaussian_model(slope=0.5, variance=variance)
  # All images are one, so that nothing but the draws differs.
  rate, distortion = evaluation.evaluate_examples(
    model, np.zeros([2000, K]), num_samples=num_samples
  )
  # Of (v - 1) e^2 / 2 and v e^2 / 2, where e is standard normal.
  for values, known in (
    (rate, K * (variance - 1) ** 2 / 2),
    (distortion, K * variance**2 / 2),
  ):
    assert 0.85 < values.var() * num_samples / known < 1.15
