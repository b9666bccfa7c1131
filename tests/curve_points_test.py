# SPDX-License-Identifier: Apache-2.0
"""Each point of a curve run is that of its model at that beta, to the bit."""

import numpy as np
import pytest

import tfp_rd
from tfp_rd import config
from tfp_rd import dataset as dataset_lib
from tfp_rd.model import evaluation
from tfp_rd.network import initial
from tfp_rd.run import directory
from tfp_rd.training import experiment

BETAS = (0.1, 1.0, 5.0)
SPLITS = ('train', 'validation', 'test')
SEED, NUM_SAMPLES, NUM_EXAMPLES = 3, 5, 12


@pytest.fixture(name='done', scope='module')
def finished(tmp_path_factory):
  root = tmp_path_factory.mktemp('runs')
  random = np.random.RandomState(0)
  shares = zip(SPLITS, (0.2, 0.5, 0.8), strict=True)
  path = root / 'images.npz'
  np.savez(path, **{s: random.rand(30, 4, 4, 1) < p for s, p in shares})
  cell = config.Config(
    data=config.DataConfig(dataset=str(path)),
    model=config.ModelConfig(latent_size=2),
    objective=tfp_rd.MultiRate(num_groups=2),
    training=config.TrainingConfig(
      num_steps=20, batch_size=8, learning_rate=0.03, validate_every=10
    ),
    evaluation=config.EvaluationConfig(
      eval_samples=NUM_SAMPLES,
      eval_examples=NUM_EXAMPLES,
      eval_train_examples=NUM_EXAMPLES,
      eval_betas=BETAS,
    ),
    seed=SEED,
  )
  made = directory.create_run(root, cell)
  experiment.execute(made, config.Execution(steps_per_call=10))
  return made


def measure(done, beta, split):
  """Returns rate and distortion of each image of a split, at a beta."""
  images = dataset_lib.load(done.config.data)
  return evaluation.evaluate_examples(
    tfp_rd.restore(done, beta),
    images.evaluation_images(split, count=NUM_EXAMPLES),
    num_samples=NUM_SAMPLES,
    seed=initial.fold_in(SEED, 3 + SPLITS.index(split)),
  )


@pytest.mark.parametrize('split', SPLITS)
def test_each_point_is_that_of_the_model_at_its_beta(done, split):
  points = done.points(split)
  assert tuple(points) == BETAS
  for beta in BETAS:
    rate, distortion = measure(done, beta, split)
    expected = tfp_rd.Point.from_examples(
      rate, distortion, num_samples=NUM_SAMPLES
    )
    assert points[beta] == expected
    assert expected.num_examples == NUM_EXAMPLES
  assert len({point.rate_nats for point in points.values()}) == len(BETAS)


def test_the_images_of_the_file_are_those_of_the_points(done):
  examples = done.examples
  np.testing.assert_array_equal(examples['beta'], BETAS)
  for n, beta in enumerate(BETAS):
    rate, distortion = measure(done, beta, 'test')
    for name, values in (
      ('rate_nats', rate),
      ('distortion_nats', distortion),
    ):
      np.testing.assert_array_equal(
        examples[name][n], values.astype(np.float32)
      )
