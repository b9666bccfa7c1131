# SPDX-License-Identifier: Apache-2.0
"""A model is compiled once for all evaluations, and anew where it changed."""

import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

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
  """A decoder with a plain attribute."""

  def __init__(self, decoder):
    super().__init__()
    self.decoder = decoder
    self.temperature = 1.0

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


def foreign_models():
  """Returns models of parts that TFP and tf_keras bring, by name."""
  gaussian = tfd.MultivariateNormalDiag
  mixture = tfd.MixtureSameFamily(
    tfd.Categorical(logits=[0.0, 1.0]), gaussian(tf.eye(2), tf.ones([2, 2]))
  )
  flow = tfd.TransformedDistribution(
    gaussian(tf.zeros(2), tf.ones(2)), tfb.Shift(tf.Variable([1.0, 2.0]))
  )
  net = tf_keras.Sequential(
    [
      tf_keras.layers.Dense(tfp.layers.IndependentNormal.params_size(2)),
      tfp.layers.IndependentNormal(2),
    ]
  )
  net.build([None, 2])

  def make(marginal, part=lambda x: gaussian(x, tf.ones_like(x))):
    return tfp_rd.LatentVariableModel(part, marginal, part)

  normal = gaussian(tf.zeros(2), tf.ones(2))
  return {
    'distribution': make(normal),
    'mixture': make(mixture),
    'flow': make(flow),
    'tf_keras': make(normal, net),
  }


@pytest.mark.parametrize(
  'name', ['distribution', 'mixture', 'flow', 'tf_keras']
)
def test_models_of_foreign_parts_are_compiled_once(name, monkeypatch):
  model = foreign_models()[name]
  traces = count_of_traces(monkeypatch)
  for seed in range(3):
    tfp_rd.evaluate(model, tf.ones([6, 2]), num_samples=2, seed=seed)
  assert len(traces) == 1


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
