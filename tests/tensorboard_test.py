# SPDX-License-Identifier: Apache-2.0
"""What TensorBoard's own reader finds of a run, whole, cut and of a curve."""

import builtins
import dataclasses
import pathlib

import numpy as np
import pytest
import small_fit
from small_curve import CELL
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.hparams import plugin_data_pb2

import tfp_rd
from tfp_rd import config
from tfp_rd.network import initial
from tfp_rd.run import directory, interruption
from tfp_rd.training import ancestry, experiment, loop, run_parts, tensorboard

EXECUTION = config.Execution(steps_per_call=2, tensorboard=True)
SEPARATE = dataclasses.replace(
  CELL,
  objective='beta_elbo(beta=0.5)',
  training=dataclasses.replace(CELL.training, num_steps=8),
)


def read(folder):
  found = event_accumulator.EventAccumulator(
    str(folder), size_guidance={event_accumulator.TENSORS: 0}
  )
  found.Reload()
  return found


def steps(folder, tag):
  """Returns the steps of a tag, in the order in which they are drawn."""
  return [event.step for event in read(folder).Tensors(tag)]


def values(folder, tag):
  import tensorflow as tf

  events = read(folder).Tensors(tag)
  return [float(tf.make_ndarray(event.tensor_proto)) for event in events]


def settings(folder):
  """Returns what HParams lists of a folder."""
  metadata = (
    read(folder)
    .SummaryMetadata('_hparams_/session_start_info')
    .plugin_data.content
  )
  data = plugin_data_pb2.HParamsPluginData.FromString(metadata)
  return {
    name: getattr(value, value.WhichOneof('kind'))
    for name, value in data.session_start_info.hparams.items()
  }


def train(root, cell, **callbacks):
  run = directory.create_run(root, cell)
  experiment.execute(run, EXECUTION, **callbacks)
  return run


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
  return train(tmp_path_factory.mktemp('whole'), SEPARATE)


def test_rows_of_metrics_are_scalars_on_axes_that_splits_share(whole):
  folder = whole.path / tensorboard.FOLDER
  rows = whole.metrics
  assert steps(folder / 'train', 'R (nats)') == [2, 4, 6, 8]
  np.testing.assert_allclose(
    values(folder / 'train', '-ELBO (nats)'),
    [-row['elbo_nats'] for row in rows],
    rtol=1e-6,
  )
  validation = folder / 'validation'
  assert steps(validation, 'score') == [2, 4, 6, 8]
  for title, names in {
    'R (nats)': ['validation_rate_nats'],
    'D (nats)': ['validation_distortion_nats'],
    '-ELBO (nats)': ['validation_rate_nats', 'validation_distortion_nats'],
  }.items():
    np.testing.assert_allclose(
      values(validation, title),
      [sum(row[name] for name in names) for row in rows],
      rtol=1e-6,
    )
  (point,) = whole.points('test').values()
  (rate,) = values(folder / 'test', 'R (nats)')
  (total,) = values(folder / 'test', '-ELBO (nats)')
  assert rate == pytest.approx(point.rate_nats, rel=1e-6)
  assert total == pytest.approx(-point.elbo_nats, rel=1e-6)


def test_validation_is_of_the_weights_that_were_scored(whole):
  model = ancestry.restore(whole)
  (row,) = (
    row for row in whole.metrics if row['step'] == whole.result['kept']['step']
  )
  data = run_parts.load_data(whole.config.data, '')
  images = data.evaluation_images(
    'validation', count=whole.config.training.validation_examples
  )
  seed = loop.validation_seed(initial.fold_in(whole.config.seed, 1))
  point = tfp_rd.evaluate(model, images, num_samples=4, seed=seed)
  for name in ('rate_nats', 'distortion_nats'):
    expected = pytest.approx(getattr(point, name), rel=1e-5)
    assert row[f'validation_{name}'] == expected


def test_pictures_are_drawn_at_validations(whole):
  folder = whole.path / tensorboard.FOLDER / 'pictures'
  for name in ('reconstructions', 'generations'):
    assert steps(folder, name) == [2, 4, 6, 8]
  size = sum(file.stat().st_size for file in folder.glob('*'))
  assert size < 200_000


def test_summaries_change_no_number(whole, tmp_path):
  run = directory.create_run(tmp_path, SEPARATE)
  experiment.execute(run, config.Execution(steps_per_call=2))
  assert not (run.path / tensorboard.FOLDER).exists()
  names = ('weights_sha256', 'metrics_sha256', 'examples_sha256')
  for name in names:
    assert run.result[name] == whole.result[name]


class Cut:
  """Stops a training after a number of rows, as Ctrl-C does."""

  def __init__(self, num_rows):
    self._num_rows = num_rows

  def __call__(self, step, num_steps, metrics):
    self._num_rows -= 1
    if not self._num_rows:
      raise KeyboardInterrupt


def cut_and_go_on(root):
  with pytest.raises(interruption.Stopped):
    train(root, SEPARATE, on_progress=Cut(2))
  # A process that is killed has written rows and pictures after its
  # checkpoint; here the folder has what the whole run has.
  return train(root, SEPARATE)


def test_after_a_resume_steps_rise(tmp_path):
  run = cut_and_go_on(tmp_path)
  folder = run.path / tensorboard.FOLDER
  assert steps(folder / 'train', 'R (nats)') == [2, 4, 6, 8]
  assert steps(folder / 'validation', 'score') == [2, 4, 6, 8]
  assert steps(folder / 'pictures', 'generations') == [2, 4, 6, 8]
  assert len([*(folder / 'train').glob('*')]) == 1


def test_rows_after_the_checkpoint_of_a_kill_are_not_drawn_twice(
  whole, tmp_path
):
  # The folder of a process that was killed at the end, whose checkpoint is of
  # step 4.
  with pytest.raises(interruption.Stopped):
    train(tmp_path, SEPARATE, on_progress=Cut(2))
  run = directory.create_run(tmp_path, SEPARATE)
  for file in (whole.path / tensorboard.FOLDER).rglob('*tfevents*'):
    place = file.relative_to(whole.path)
    (run.path / place).parent.mkdir(parents=True, exist_ok=True)
    (run.path / place).write_bytes(file.read_bytes())
  train(tmp_path, SEPARATE)
  folder = run.path / tensorboard.FOLDER
  for name, tag in (
    ('train', 'R (nats)'),
    ('validation', 'score'),
    ('test', 'R (nats)'),
  ):
    found = steps(folder / name, tag)
    assert found == sorted(set(found))
  assert steps(folder / 'pictures', 'generations').count(8) == 1


def test_without_writing_anew_the_line_goes_back(tmp_path, monkeypatch):
  monkeypatch.setattr(tensorboard.shutil, 'rmtree', lambda *_, **__: None)
  run = cut_and_go_on(tmp_path)
  found = steps(run.path / tensorboard.FOLDER / 'train', 'R (nats)')
  assert found != sorted(set(found))


def test_hparams_have_a_row_a_run(whole):
  found = settings(whole.path / tensorboard.FOLDER / 'hparams')
  assert found['architecture'] == '---'
  assert found['beta'] == 0.5
  assert found['num_steps'] == 8
  folder = whole.path / tensorboard.FOLDER / 'hparams'
  (point,) = whole.points('test').values()
  assert values(folder, 'test D (nats)') == [
    pytest.approx(point.distortion_nats, rel=1e-6)
  ]


def test_hparams_have_a_row_a_beta_of_a_curve(tmp_path):
  run = train(tmp_path, CELL)
  folder = run.path / tensorboard.FOLDER / 'hparams'
  places = {settings(place)['beta']: place for place in folder.glob('beta_*')}
  points = run.points('test')
  assert {*places} == {*points}
  for beta, place in places.items():
    (rate,) = values(place, 'test R (nats)')
    assert rate == pytest.approx(points[beta].rate_nats, rel=1e-6)


def test_a_kill_before_the_end_is_made_good(tmp_path, monkeypatch):
  monkeypatch.setattr(tensorboard, 'finish', lambda run: None)
  run = train(tmp_path, SEPARATE)
  folder = run.path / tensorboard.FOLDER
  assert not (folder / 'hparams').exists()
  (folder / 'pictures' / 'notes.txt').write_text('mine')
  monkeypatch.undo()
  train(tmp_path, SEPARATE)
  assert settings(folder / 'hparams')['beta'] == 0.5


def test_fit_writes_its_rows(tmp_path):
  tfp_rd.fit(
    small_fit.build(),
    small_fit.bits(),
    run_dir=tmp_path,
    execution=tfp_rd.Execution(tensorboard=True, steps_per_call=1),
    validation=small_fit.bits(4),
    training=tfp_rd.TrainingConfig(num_steps=2, batch_size=4, validate_every=1),
  )
  folder = pathlib.Path(tmp_path) / tensorboard.FOLDER
  assert steps(folder / 'train', 'D (nats)') == [1, 2]


def test_without_tensorboard_there_is_a_sentence(call, monkeypatch):
  importing = builtins.__import__

  def refuse(name, *args, **kwargs):
    if name.partition('.')[0] == 'tensorboard':
      raise ImportError(name)
    return importing(name, *args, **kwargs)

  monkeypatch.setattr(builtins, '__import__', refuse)
  status, _, err = call(
    'train', '--fake_data', '--max_steps=2', '--tensorboard'
  )
  assert (status, len(err)) == (1, 1)
  assert 'pip install tensorboard' in err[0]
  assert not pathlib.Path('runs').exists()
