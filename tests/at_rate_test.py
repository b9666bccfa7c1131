# SPDX-License-Identifier: Apache-2.0
"""Two neighbours of a dense curve, mixed, are as good as the model between.

The twelve families of the plane are compared by `python -m benchmarks.at_rate`.
"""

import dataclasses
import hashlib
import shutil

import numpy as np
import pytest

from benchmarks import at_rate
from tfp_rd import config
from tfp_rd.run import directory, preset, sealed
from tfp_rd.training import experiment

EXECUTION = config.Execution(steps_per_call=50)


def trained(root, architecture, *, max_points, num_steps):
  """Returns a curve of the plane after some steps, evaluated cheaply."""
  cells = preset.PRESETS['plane'].cells()
  (cell,) = (c for c in cells if c.model.architecture == architecture)
  cell = dataclasses.replace(
    cell,
    training=dataclasses.replace(cell.training, num_steps=num_steps),
    evaluation=config.EvaluationConfig(
      *(4, 200, 200),
      eval_betas=(0.05, 0.55, 10.0),
      eval_max_points=max_points,
    ),
  )
  run = directory.create_run(root, cell)
  experiment.execute(run, EXECUTION)
  return run


def rows_of(run):
  rows = [*at_rate.compare(run, (1.0, 2.0, 4.0, 6.0))]
  assert len(rows) >= 3
  for row in rows:
    assert row['at_rate_rate_nats'] == pytest.approx(
      row['mixed_rate_nats'], abs=0.2
    )
  return rows


@pytest.fixture(name='run', scope='module')
def trained_once(tmp_path_factory):
  root = tmp_path_factory.mktemp('runs')
  return trained(root, '---', max_points=40, num_steps=200)


@pytest.mark.slow
def test_a_dense_curve_s_mixtures_are_as_good_as_the_models_between(run):
  rows = rows_of(run)
  assert all(row['is_alike'] for row in rows), rows


@pytest.mark.slow
def test_a_sparse_curve_s_mixtures_are_not(run, tmp_path):
  # The control: three points, between which the curve is not straight.
  sparse = directory.create_run(tmp_path, run.config)
  keep = [0, list(run.points('test')).index(0.55), -1]
  result = dict(run.result)
  result['points'] = [result['points'][n] for n in keep]
  _copy(run, sparse, result, keep)
  gaps = [row['gap_nats'] for row in rows_of(sparse)]
  assert max(gaps) > 0.5


def _copy(run, sparse, result, keep):
  """Writes a run that has some of the points of another one."""
  shutil.copytree(run.path / 'checkpoint', sparse.path / 'checkpoint')
  arrays = dict(run.examples)
  for name in ('beta', 'rate_nats', 'distortion_nats'):
    arrays[name] = arrays[name][keep]
  np.savez(sparse.path / 'examples.npz', **arrays)
  content = (sparse.path / 'examples.npz').read_bytes()
  result['examples_sha256'] = hashlib.sha256(content).hexdigest()
  sealed.write_json(sparse.path / 'result.json', result)


@pytest.mark.slow
def test_the_same_of_a_strong_decoder(tmp_path):
  run = trained(tmp_path, '-+-', max_points=40, num_steps=400)
  rows = rows_of(run)
  assert sum(row['is_alike'] for row in rows) >= 0.95 * len(rows), rows


def test_the_same_of_images_of_4x4(tmp_path):
  cell = config.Config(
    data=config.DataConfig('templates(num_templates=4, side=4)'),
    model=config.ModelConfig(latent_size=2),
    objective='multi_rate(beta_min=0.05, num_groups=2)',
    training=config.TrainingConfig(
      num_steps=300, learning_rate=0.005, batch_size=32, validate_every=100
    ),
    evaluation=config.EvaluationConfig(
      *(4, 200, 200), eval_betas=(0.05, 0.55, 10.0), eval_max_points=12
    ),
  )
  run = directory.create_run(tmp_path, cell)
  experiment.execute(run, EXECUTION)
  (row,) = at_rate.compare(run, [1.0])
  assert row['is_alike'], row
