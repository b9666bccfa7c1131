# SPDX-License-Identifier: Apache-2.0
"""Damaged weights are the same weights or a sentence, never other weights."""

import pathlib
import shutil

import fabrication
import numpy as np
import pytest
import tensorflow as tf

import tfp_rd
from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd.run import directory
from tfp_rd.training import (
  ancestry,
  checkpoint,
  experiment,
  folder,
  loop,
  program,
)

FILES = ['data-00000-of-00001', 'index']


def execute(root, **kwargs):
  """Trains a run of two steps on random bits."""
  config = config_lib.Config(
    data=config_lib.DataConfig(fake_data=True),
    model=config_lib.ModelConfig(latent_size=2),
    training=config_lib.TrainingConfig(
      num_steps=2, batch_size=4, validate_every=2
    ),
    evaluation=config_lib.EvaluationConfig(
      eval_samples=1, eval_examples=4, eval_train_examples=4
    ),
    **kwargs,
  )
  run = directory.create_run(root, config)
  experiment.execute(run, config_lib.Execution())
  return run


@pytest.fixture(scope='module', name='runs')
def two_runs(tmp_path_factory):
  root = tmp_path_factory.mktemp('runs')
  return execute(root), execute(root, seed=1)


@pytest.mark.parametrize('name', FILES)
def test_damaged_kept_weights(name, runs):
  run, other = runs
  model = ancestry.restore(run)
  before = checkpoint.weights_sha256(model)
  path = run.path / 'checkpoint' / f'kept.{name}'
  content = path.read_bytes()
  with_other = (other.path / 'checkpoint' / f'kept.{name}').read_bytes()
  num_sentences = 0
  for damaged in fabrication.damages(content, with_other):
    path.write_bytes(damaged)
    said = ''
    for v in model.variables:
      v.assign(tf.ones_like(v))
    try:
      ancestry.read_kept(run, model)
    except errors.UserError as e:
      said = str(e)
    assert run.path.name in said or checkpoint.weights_sha256(model) == before
    num_sentences += bool(said)
  path.write_bytes(content)
  assert num_sentences > fabrication.NUM_FLIPS / 2


def test_kept_weights_of_another_run_are_refused(runs, tmp_path):
  run, other = (
    directory.load_run(shutil.copytree(run.path, tmp_path / run.path.name))
    for run in runs
  )
  for name in FILES:
    file = f'checkpoint/kept.{name}'
    shutil.copy(other.path / file, run.path / file)
  with pytest.raises(errors.HeldBackError, match='other weights'):
    ancestry.restore(run)


def state(*, owner='11' * 32):
  model = tfp_rd.build('---', image_shape=(4, 4, 1), latent_size=1, seed=1)
  steps = program.Program(model, tfp_rd.BetaElbo(), batch_size=4)
  return loop.State(steps, owner=owner)


def checkpoints(path, of, said):
  return checkpoint.Checkpoints(
    path,
    of.named_variables(),
    same={
      'training/owner': lambda path: errors.HeldBackError(
        f'{path} is of another training'
      )
    },
    on_warning=said,
  )


def values(of):
  return {n: v.numpy() for n, v in of.named_variables().items()}


def are_equal(one, other):
  return all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize('name', FILES)
def test_a_damaged_checkpoint(name, tmp_path):
  saved, read, said = state(), state(), []
  saved.program.step.assign(4)
  for v in saved.program.model.variables:
    v.assign_add(tf.ones_like(v))
  checkpoints(tmp_path, saved, said.append).save(4)
  path = tmp_path / f'ckpt-4.{name}'
  content, fresh = path.read_bytes(), values(read)
  there = checkpoints(tmp_path, read, said.append)
  num_sentences = 0
  for damaged in fabrication.damages(content, content[:-1] + b'x'):
    path.write_bytes(damaged)
    said.clear()
    try:
      step = there.restore()
      assert step == (None if said else 4)
    except errors.UserError as e:
      said.append(str(e))
    num_sentences += bool(said)
    assert are_equal(values(read), fresh if said else values(saved))
    if not said:
      for variable_name, variable in read.named_variables().items():
        variable.assign(fresh[variable_name])
  assert num_sentences > fabrication.NUM_FLIPS / 2


def test_damaged_metrics_of_a_training_that_goes_on(tmp_path):
  rows = [{'step': 2, 'loss': 3.5}, {'step': 4, 'loss': 1.25}]
  written = state()
  written.program.step.assign(4)
  files = folder.Folder(tmp_path, written, print, num_steps=4)
  files.write(rows)
  files.save(rows)
  path, num_sentences = tmp_path / 'metrics.csv', 0
  for damaged in fabrication.damages(path.read_bytes(), b'step,loss\n2,9\n'):
    path.write_bytes(damaged)
    said = []
    read = folder.Folder(tmp_path, written, said.append, num_steps=4).restore()
    assert read == ([] if said else rows)
    num_sentences += bool(said)
  assert num_sentences > fabrication.NUM_FLIPS / 2


def test_what_is_saved_after_damage_stays(tmp_path):
  of = state()
  there = checkpoints(tmp_path, of, lambda sentence: None)
  for step in (8, 12):
    there.save(step)
    (tmp_path / f'ckpt-{step}.index').write_bytes(b'cut')
  assert there.restore() is None
  there.save(4)
  assert there.restore() == 4
  there.save(6)
  there.save(8)
  steps = {int(p.stem.removeprefix('ckpt-')) for p in tmp_path.iterdir()}
  assert steps == {6, 8}


def test_what_may_not_be_read_is_not_taken_for_damaged(tmp_path, monkeypatch):
  there = checkpoints(tmp_path, state(), print)
  there.save(4)
  there.save(8)

  def refuse(path, *args, **kwargs):
    raise PermissionError(13, 'Permission denied', str(path))

  monkeypatch.setattr(pathlib.Path, 'open', refuse)
  with pytest.raises(errors.HeldBackError, match='ckpt-8.*Permission denied'):
    there.restore()


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
  checkpoints(tmp_path, state(), print).save(4)
  another = state(owner='22' * 32)
  before = values(another)
  with pytest.raises(errors.HeldBackError, match='of another training'):
    checkpoints(tmp_path, another, print).restore()
  assert are_equal(values(another), before)


def test_a_run_takes_no_checkpoint_of_another_run(runs, tmp_path):
  run, other = (
    directory.load_run(shutil.copytree(run.path, tmp_path / run.path.name))
    for run in runs
  )
  (run.path / 'result.json').unlink()
  shutil.rmtree(run.path / 'checkpoint')
  shutil.copytree(other.path / 'checkpoint', run.path / 'checkpoint')
  with pytest.raises(errors.HeldBackError, match='of another training'):
    experiment.execute(run, config_lib.Execution())
