# SPDX-License-Identifier: Apache-2.0
"""A curve is evaluated densely as if all of its betas had been asked for."""

import dataclasses
import pathlib
import shutil

import numpy as np
import pytest
from small_curve import CELL, execute

from tfp_rd import config
from tfp_rd.run import directory, pending, preset, refinement
from tfp_rd.training import experiment
from tfp_rd.training import result as result_lib

SHIPPED = pathlib.Path(__file__).resolve().parents[1] / 'results'
BETAS = (0.05, 1.0, 10.0)
MAX_POINTS = 7


def cell(max_points=MAX_POINTS, betas=BETAS, samples=2):
  evaluation = config.EvaluationConfig(
    samples, 9, 7, eval_betas=betas, eval_max_points=max_points
  )
  return dataclasses.replace(CELL, evaluation=evaluation)


@pytest.fixture(autouse=True)
def each_jump_counts(monkeypatch):
  """Four steps reach no rates that differ by more than a tenth of a nat."""
  monkeypatch.setattr(refinement, '_LEAST_JUMP_NATS', 0.0)


@pytest.fixture(name='sparse', scope='module')
def trained_once(tmp_path_factory):
  root = tmp_path_factory.mktemp('runs')
  execute(root, cell(max_points=0))
  return root


@pytest.fixture(name='root')
def copy_of_the_trained(sparse, tmp_path, monkeypatch):
  shutil.copytree(sparse, tmp_path / 'runs')

  def train(*_, **__):
    pytest.fail('it was trained again')

  monkeypatch.setattr(experiment.loop, 'train_program', train)
  return tmp_path / 'runs'


def same(one, other):
  assert one.result['points'] == other.result['points']
  for name, values in one.examples.items():
    np.testing.assert_array_equal(other.examples[name], values)


def times_of(root):
  files = [path for path in root.rglob('*') if path.name != 'lock']
  return {path: path.stat().st_mtime_ns for path in files}


def test_points_are_those_of_a_run_that_was_asked_for_them(
  root, sparse, tmp_path
):
  assert list(directory.runs_below(root)[0].points('test')) == [*BETAS]
  assert pending.pending([cell()], root) == [cell()]
  again = execute(root, cell())
  betas = tuple(again.points('test'))
  assert len(betas) == MAX_POINTS
  assert set(BETAS) < set(betas)
  # The rule, played again on the rates of validation.
  rates = {b: p.rate_nats for b, p in again.points('validation').items()}
  played = {beta: rates[beta] for beta in BETAS}
  while beta := refinement.next_beta(played, max_points=MAX_POINTS):
    played[beta] = rates[beta]
  assert played == rates
  wanted = cell(betas=betas, max_points=0)
  shutil.copytree(sparse, tmp_path / 'whole')
  same(again, execute(tmp_path / 'whole', wanted))


def test_asked_at_once_or_later_is_the_same(root, tmp_path, monkeypatch):
  again = execute(root, cell())
  monkeypatch.undo()
  monkeypatch.setattr(refinement, '_LEAST_JUMP_NATS', 0.0)
  at_once = execute(tmp_path / 'at_once', cell())
  same(at_once, again)
  named = execute(tmp_path / 'named', again.result_config)
  same(named, again)


def test_the_command_typed_again_adds_nothing(root):
  execute(root, cell())
  before = times_of(root)
  assert pending.pending([cell(), cell(max_points=0), cell(5)], root) == []
  execute(root, cell())
  assert times_of(root) == before


def kill_at(monkeypatch, number):
  """Kills at a split of a point; each point has three."""
  measure, calls = result_lib._nats, []

  def kill(*args):
    calls.append(args)
    if len(calls) == number:
      raise KeyboardInterrupt
    return measure(*args)

  monkeypatch.setattr(result_lib, '_nats', kill)
  return calls


def test_a_kill_between_two_points_loses_one_point(root, tmp_path, monkeypatch):
  shutil.copytree(root, tmp_path / 'other')
  whole = execute(tmp_path / 'other', cell())
  calls = kill_at(monkeypatch, 8)
  with pytest.raises(KeyboardInterrupt):
    execute(root, cell())
  (run,) = directory.runs_below(root)
  assert set(BETAS) < set(run.points('test')) < set(whole.points('test'))
  assert len(run.points('test')) == len(BETAS) + 2
  assert [f.name for f in run.path.glob('examples*')] == ['examples.npz']
  again = execute(root, cell())
  same(again, whole)
  assert again.result['config'] == whole.result['config']
  assert len(calls) == 3 * (MAX_POINTS - len(BETAS)) + 2


def test_a_kill_after_the_training_keeps_the_given_betas(tmp_path, monkeypatch):
  calls = kill_at(monkeypatch, 3 * len(BETAS) + 1)
  with pytest.raises(KeyboardInterrupt):
    execute(tmp_path, cell())
  (run,) = directory.runs_below(tmp_path)
  assert tuple(run.points('test')) == BETAS
  assert pending.pending([cell(max_points=0)], tmp_path) == []
  assert pending.pending([cell()], tmp_path) == [cell()]
  assert len(execute(tmp_path, cell()).points('test')) == MAX_POINTS
  assert len(calls) == 3 * MAX_POINTS + 1


def test_more_draws_are_written_when_no_point_is_lost(root, monkeypatch):
  kill_at(monkeypatch, 3 * len(BETAS))
  with pytest.raises(KeyboardInterrupt):
    execute(root, cell(samples=3))
  (run,) = directory.runs_below(root)
  assert tuple(run.points('test')) == BETAS
  assert {p.num_samples for p in run.points('test').values()} == {2}


def test_more_draws_and_more_points_at_once(root):
  again = execute(root, cell(samples=3))
  assert {p.num_samples for p in again.points('test').values()} == {3}
  assert len(again.points('test')) == MAX_POINTS
  assert pending.pending([cell(samples=3), cell()], root) == []


def test_a_run_without_weights_is_content_with_its_points(root):
  (run,) = directory.runs_below(root)
  shutil.rmtree(run.path / 'checkpoint')
  assert pending.pending([cell()], root) == []
  execute(root, cell())
  assert tuple(run.points('test')) == BETAS
  # Betas that were named are another matter.
  other = cell(betas=(0.3,))
  assert pending.pending([other], root) == [other]


def test_a_run_of_one_beta_has_one_point(tmp_path):
  one = dataclasses.replace(cell(betas=()), objective='beta_elbo(beta=0.5)')
  assert list(execute(tmp_path, one).points('test')) == [0.5]
  assert pending.pending([one], tmp_path) == []


def test_the_shipped_plane_is_done():
  cells = preset.PRESETS['plane'].cells()
  assert {c.evaluation.eval_max_points for c in cells} == {40}
  assert pending.pending(cells, SHIPPED / 'reference_digits') == []


def test_separate_runs_of_a_preset_ask_for_no_more_points():
  for name in ('separate', 'full'):
    for cell_of_one in preset.PRESETS[name].cells():
      assert cell_of_one.evaluation == config.EvaluationConfig()
