# SPDX-License-Identifier: Apache-2.0
"""The results on binarised MNIST in the repository are what they say."""

import dataclasses
import pathlib

import pytest

from tfp_rd.run import directory, evaluated, pictures, preset

ROOT = pathlib.Path(__file__).resolve().parents[1] / 'results'
MNIST = ROOT / 'binarized_mnist'
RUNS = directory.runs_below(MNIST)
FILES = {
  *('config.json', 'result.json', 'examples.npz', 'metrics.csv'),
  'pictures.npz',
}
# What no model of this set has reached; a lower number is a mistake.
LEAST_NATS = 75.0
# Separate runs at beta 1, as short ones reached them before, and four errors.
MOST_NATS = {'---': 91.7 + 2.0, '-+v': 83.0 + 2.0}


@pytest.fixture(params=RUNS, ids=lambda run: run.path.name)
def run(request):
  return request.param


def test_there_are_some():
  assert RUNS


def test_they_are_runs_of_the_preset(run):
  grid = preset.PRESETS['mnist']
  annealed = dataclasses.replace(
    grid,
    architectures=('-+v', '-++', '++v'),
    objectives=('beta_elbo(beta=1.0, kl_annealing_steps=1500)',),
  )
  names = {
    dataclasses.replace(
      cell,
      training=dataclasses.replace(cell.training, precision='bfloat16'),
    ).name
    for cell in (*grid.cells(), *annealed.cells())
  }
  assert run.path.name in names


def test_they_have_all_files_but_weights_and_fit_into_ten_megabytes(run):
  assert {file.name for file in run.path.iterdir()} == FILES
  size = sum(file.stat().st_size for file in MNIST.rglob('*') if file.is_file())
  assert size <= 10e6


def test_every_file_can_be_read(run):
  assert run.metrics
  assert run.examples['rate_nats'].shape[1] == 5000
  given = evaluated.given_betas(run.config)
  assert set(pictures.read(run)) == set(given)


def test_their_numbers_can_be_believed(run):
  points = run.points('test')
  assert 1 <= len(points) <= 16
  for point in points.values():
    assert -point.elbo_nats > LEAST_NATS
    assert point.num_examples == 5000
    assert point.elbo_stderr_nats < 0.7
  if not run.config.objective.is_curve:
    most = MOST_NATS.get(run.config.model.architecture, 95.0)
    assert -points[1.0].elbo_nats < most


def test_all_are_paired(run):
  digests = {each.result['test_images_sha256'] for each in RUNS}
  assert len(digests) == 1
