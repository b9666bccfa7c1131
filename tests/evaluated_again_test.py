# SPDX-License-Identifier: Apache-2.0
"""A finished run is evaluated again as if it had been asked from the start."""

import dataclasses
import os
import shutil

import numpy as np
import pytest
from small_curve import CELL, execute

import tfp_rd
from tfp_rd import config, errors
from tfp_rd.run import atomic_file, directory, pending
from tfp_rd.training import ancestry, experiment


def cell(samples=2, examples=9, train_examples=7, betas=(0.1, 1.0)):
  evaluation = config.EvaluationConfig(
    samples, examples, train_examples, eval_betas=betas
  )
  return dataclasses.replace(CELL, evaluation=evaluation)


@pytest.fixture(name='trained', scope='module')
def trained_once(tmp_path_factory):
  root = tmp_path_factory.mktemp('runs')
  execute(root, cell())
  return root


@pytest.fixture(name='root')
def copy_of_the_trained(trained, tmp_path, monkeypatch):
  shutil.copytree(trained, tmp_path / 'runs')

  def train(*_, **__):
    pytest.fail('it was trained again')

  monkeypatch.setattr(experiment.loop, 'train_program', train)
  return tmp_path / 'runs'


@pytest.mark.parametrize(
  'wanted',
  [
    cell(betas=(0.1, 1.0, 5.0)),
    cell(betas=(5.0,)),
    cell(samples=3),
    cell(examples=11),
    cell(train_examples=None),
    cell(samples=3, betas=(0.1, 0.3, 1.0)),
  ],
  ids=['more betas', 'another beta', 'draws', 'test', 'train', 'both'],
)
def test_points_are_those_of_a_run_that_had_them_from_the_start(
  wanted, root, tmp_path, monkeypatch
):
  assert pending.pending([wanted], root) == [wanted]
  again = execute(root, wanted)
  assert pending.pending([wanted, cell()], root) == []
  monkeypatch.undo()
  whole = execute(tmp_path / 'whole', again.result_config)
  assert again.result['points'] == whole.result['points']
  for name, values in whole.examples.items():
    np.testing.assert_array_equal(again.examples[name], values)
  assert set(wanted.evaluation.eval_betas) <= set(again.points('test'))


def test_fewer_than_there_are_change_nothing(root):
  before = {p: p.stat().st_mtime_ns for p in root.rglob('*.json')}
  fewer = cell(samples=1, examples=3, betas=(1.0,))
  assert pending.pending([fewer], root) == []
  execute(root, fewer)
  assert before == {p: p.stat().st_mtime_ns for p in root.rglob('*.json')}


@pytest.mark.parametrize('place', [1, 2, 3, 4, 5])
def test_a_kill_at_any_place_leaves_a_readable_run(place, root, monkeypatch):
  run = directory.create_run(root, cell())
  before = run.points('test'), run.examples['rate_nats']
  calls = []

  def kill(*args):
    calls.append(args)
    if len(calls) == place:
      raise KeyboardInterrupt
    return replace(*args)

  replace = os.replace
  monkeypatch.setattr(atomic_file.os, 'replace', kill)
  with pytest.raises(KeyboardInterrupt):
    execute(root, cell(betas=(5.0,)))
  monkeypatch.setattr(atomic_file.os, 'replace', replace)
  if place == 5:  # The new result is there, and its arrays by their digest.
    assert list(run.points('test')) == [0.1, 1.0, 5.0]
    assert run.examples['rate_nats'].shape == (3, 9)
  else:
    assert run.points('test') == before[0]
    np.testing.assert_array_equal(run.examples['rate_nats'], before[1])
  again = execute(root, cell(betas=(5.0,)))
  assert list(again.points('test')) == [0.1, 1.0, 5.0]
  assert again.examples['rate_nats'].shape == (3, 9)
  # What a kill after the result left there is as good, by its digest.
  assert len(list(again.path.glob('examples*.npz'))) == 1 + (place == 5)


def test_a_run_without_weights_says_what_to_do(root):
  (run,) = directory.runs_below(root)
  shutil.rmtree(run.path / 'checkpoint')
  with pytest.raises(errors.HeldBackError, match='remove its result.json'):
    execute(root, cell(betas=(5.0,)))
  execute(root, cell())  # What is there is enough.


def test_weights_that_are_not_the_result_s_are_refused(root):
  (run,) = directory.runs_below(root)
  result = dict(run.result)
  assert result['weights_sha256'] == str(run.examples['weights_sha256'])
  result['weights_sha256'] = '0' * 64
  directory.sealed.write_json(run.path / 'result.json', result)
  with pytest.raises(errors.HeldBackError, match='other weights'):
    execute(root, cell(betas=(5.0,)))


def test_weights_of_another_seed_are_not_restored(root, tmp_path, monkeypatch):
  (run,) = directory.runs_below(root)
  monkeypatch.undo()
  other = execute(tmp_path / 'other', dataclasses.replace(cell(), seed=1))
  for kept in (other.path / 'checkpoint').glob('kept.*'):
    shutil.copy(kept, run.path / 'checkpoint')
  for restore in (
    lambda: tfp_rd.restore(run),
    lambda: tfp_rd.restore(run, 1.0),
    lambda: next(ancestry.restore_models(run, [1.0])),
  ):
    with pytest.raises(errors.HeldBackError, match='remove its result') as e:
      restore()
    assert run.path.name in str(e.value)
