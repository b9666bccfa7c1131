# SPDX-License-Identifier: Apache-2.0
"""A run uses each split, each field and each seed for what it is for.

The splits are images of three kinds, so that a model of one of them costs tens
of nats on the others.
"""

import dataclasses
import functools

import numpy as np
import pytest

import tfp_rd
from tfp_rd import config as config_lib
from tfp_rd import dataset as dataset_lib
from tfp_rd.network import initial
from tfp_rd.run import directory as run_lib
from tfp_rd.training import experiment

SPLITS = ('train', 'validation', 'test')
COUNTS = {'train': 40, 'validation': 30, 'test': 20}
SHAPE = (4, 4, 1)
EXECUTION = config_lib.Execution(steps_per_call=10)


def pictures(kind, count):
  """Returns images of one kind; in image n one pixel is the other way round."""
  pixels = {
    'off': np.zeros(16, int),
    'on': np.ones(16, int),
    'chessboard': np.indices([4, 4]).sum(0).ravel() % 2,
  }[kind]
  flips = np.eye(16, dtype=int)[np.arange(count) % 16]
  return (pixels ^ flips).reshape(count, *SHAPE)


def write_images(folder, *kinds):
  """Returns the data set of a file whose splits are of these kinds."""
  path = folder / f'{"_".join(kinds)}.npz'
  arrays = zip(SPLITS, kinds, strict=True)
  np.savez(path, **{s: pictures(kind, COUNTS[s]) for s, kind in arrays})
  return config_lib.DataConfig(dataset=str(path))


@pytest.fixture(name='data', scope='module')
def splits_that_differ(tmp_path_factory):
  folder = tmp_path_factory.mktemp('data')
  return write_images(folder, 'off', 'on', 'chessboard')


def cell(data, *, objective=None, seed=3, **fields):
  """Returns a short run; `fields` are those of its three records."""
  fields = {
    'latent_size': 2,
    'num_steps': 30,
    'batch_size': 8,
    'learning_rate': 0.03,
    'validate_every': 10,
    'weight_averaging': 0.0,
    'eval_samples': 4,
  } | fields
  model, training, evaluation = (
    record(**{k: v for k, v in fields.items() if k in names(record)})
    for record in (
      config_lib.ModelConfig,
      config_lib.TrainingConfig,
      config_lib.EvaluationConfig,
    )
  )
  return config_lib.Config(
    data=data,
    model=model,
    objective=objective or tfp_rd.BetaElbo(),
    training=training,
    evaluation=evaluation,
    seed=seed,
  )


def names(record):
  return {f.name for f in dataclasses.fields(record)}


def execute(root, config):
  run = run_lib.create_run(root, config)
  experiment.execute(run, EXECUTION)
  return run


def weights(model):
  return [v.numpy() for v in model.trainable_variables]


def are_equal(one, other):
  return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_training_learns_the_training_images_alone(data, tmp_path):
  result = execute(tmp_path, cell(data, validate_every=0)).result
  # One pixel in 16 is the other way round, in half of them, and in all but one.
  assert result['train']['distortion_nats'] < 6
  assert 15 < result['test']['distortion_nats'] < 30
  assert result['validation']['distortion_nats'] > 32


@pytest.mark.parametrize(
  ('validation', 'test', 'step'), [('on', 'off', 10), ('off', 'on', 30)]
)
def test_weights_are_chosen_on_validation(validation, test, step, tmp_path):
  data = write_images(tmp_path, 'off', validation, test)
  run = execute(tmp_path, cell(data, seed=2))
  scores = {row['step']: row['validation_score'] for row in run.metrics}
  assert (min(scores.values()) < 6) == (validation == 'off')
  assert run.result['kept']['step'] == step == min(scores, key=scores.get)
  # The weights that were kept are those that are evaluated.
  score = -run.result['validation']['elbo_nats']
  assert min(scores, key=lambda s: abs(scores[s] - score)) == step


def test_a_point_is_that_of_its_images_draws_and_seed(data, tmp_path):
  run = execute(
    tmp_path,
    cell(data, eval_samples=5, eval_train_examples=11, eval_examples=12),
  )
  images = dataset_lib.load(data)
  for n, (split, count) in enumerate(zip(SPLITS, (11, 11, 12), strict=True)):
    point = tfp_rd.evaluate(
      tfp_rd.restore(run),
      images.evaluation_images(split, count=count),
      num_samples=5,
      seed=initial.fold_in(3, 3 + n),
    )
    assert run.result[split] == point.to_dict()
    assert point.num_examples == count


def test_a_score_is_that_of_the_images_of_validation(data, tmp_path):
  run = execute(tmp_path, cell(data, validate_every=30, validation_examples=12))
  images = dataset_lib.load(data).evaluation_images('validation', count=12)
  # The draws are those of no step, and not those of the result.
  seed = initial.fold_in(initial.fold_in(3, 1), -2)
  point = tfp_rd.evaluate(tfp_rd.restore(run), images, num_samples=4, seed=seed)
  (score,) = [
    row['validation_score'] for row in run.metrics if 'validation_score' in row
  ]
  assert score == tfp_rd.BetaElbo().score(point)


@functools.cache
def fit(config):
  """Returns the weights that `tfp_rd.fit` finds with a run's settings."""
  images = dataset_lib.load(config.data)
  model = tfp_rd.build(
    config.model.architecture,
    image_shape=SHAPE,
    latent_size=config.model.latent_size,
    num_pseudo_inputs=config.model.num_pseudo_inputs,
    pseudo_inputs=images.train,
    dropout=config.model.dropout or 0.0,
    seed=initial.fold_in(config.seed, 0),
  )
  tfp_rd.fit(
    model,
    images.train,
    objective=tfp_rd.BetaElbo(beta=config.beta),
    training=config.training,
    execution=EXECUTION,
    seed=config.seed,
    validation=images.validation,
  )
  return weights(model)


@pytest.mark.parametrize(
  'change',
  [
    {'dropout': 0.4},
    {'weight_averaging': 0.9},
    {'normalize_gradients': True},
    {'learning_rate': 0.01},
    {'objective': tfp_rd.BetaElbo(beta=0.1)},
    {'seed': 4},
    {'architecture': '--v', 'num_pseudo_inputs': 3},
  ],
  ids=lambda change: next(iter(change)),
)
def test_every_field_of_a_run_reaches_its_training(change, data, tmp_path):
  plain = cell(data, validate_every=30)
  config = cell(data, validate_every=30, **change)
  run = execute(tmp_path, config)
  assert are_equal(weights(tfp_rd.restore(run)), fit(config))
  if 'architecture' not in change:
    assert not are_equal(fit(config), fit(plain))
  # What was learned last is farther from validation than its average.
  assert run.result['kept']['is_averaged'] == ('weight_averaging' in change)


def test_an_average_starts_with_the_weights_of_the_parent(data, tmp_path):
  parent = cell(data, validate_every=0)
  child = cell(
    data,
    num_steps=1,
    validate_every=1,
    weight_averaging=0.9,
    learning_rate=1e-9,
    objective=tfp_rd.BetaElbo(beta=0.9),
  )
  child = dataclasses.replace(child, warm_start='up', parent=parent.identity)
  first, second = (execute(tmp_path, config) for config in (parent, child))
  # An average that still held the weights of a fresh start would be better on
  # validation, which the parent has unlearned.
  for before, after in zip(
    weights(tfp_rd.restore(first)), weights(tfp_rd.restore(second)), strict=True
  ):
    np.testing.assert_allclose(before, after, atol=1e-6)


def test_a_folder_is_that_of_its_images(tmp_path):
  def fit_images(kind):
    model = tfp_rd.build('---', image_shape=SHAPE, latent_size=2, seed=0)
    images = pictures(kind, 8).astype('float32')
    tfp_rd.fit(model, images, num_steps=1, batch_size=4, run_dir=tmp_path)

  fit_images('off')
  fit_images('off')
  with pytest.raises(tfp_rd.UserError, match='another training'):
    fit_images('on')
