# SPDX-License-Identifier: Apache-2.0
"""Several processes on one table of runs."""

import os
import signal

import pytest
from command_line import finish, SMALL

from tfp_rd import config
from tfp_rd.cli import grid as grid_command
from tfp_rd.cli import (
  workers,
)
from tfp_rd.run import directory, grid, pending


def work(cells, root, number):
  del number

  def execute(a_run):
    with directory.lock(a_run):
      if a_run.is_done:  # The other was faster: these runs take no time.
        return
      owner = a_run.path / 'owner'
      with owner.open('a') as f:
        f.write(f'{os.getpid()}\n')
      finish(a_run)

  pending.train_pending(cells, root, execute=execute, poll_s=0.01)
  return 0


def work_or_die(cells, root, number):
  """The process that takes the first cell is killed in the middle of it."""
  del number

  def execute(a_run):
    with directory.lock(a_run):
      if a_run.config == cells[0] and not (root / 'died').exists():
        (root / 'died').write_text('')
        os.kill(os.getpid(), signal.SIGKILL)
      finish(a_run)

  pending.train_pending(cells, root, execute=execute, poll_s=0.01)
  return 0


def test_workers_share_a_grid_and_train_each_run_once(tmp_path):
  cells = grid.Grid().cells()
  dead = workers.run_all(
    work, (cells, tmp_path), num_workers=2, watch=lambda: None, poll_s=0.05
  )
  assert dead == 0
  assert pending.pending(cells, tmp_path) == []
  for a_run in directory.runs_below(tmp_path):
    assert len((a_run.path / 'owner').read_text().splitlines()) == 1


def test_a_killed_worker_is_told_and_its_run_taken_on(tmp_path, capsys):
  cells = grid.Grid().cells()
  dead = workers.run_all(
    work_or_die,
    (cells, tmp_path),
    num_workers=2,
    watch=lambda: None,
    poll_s=0.05,
  )
  assert dead == 1
  assert 'SIGKILL' in capsys.readouterr().err
  assert pending.pending(cells, tmp_path) == []


def test_a_grid_with_a_dead_worker_fails_and_is_drawn(
  call, trainer, tmp_path, monkeypatch
):
  def run_all(function, arguments, **_):
    assert function is grid_command._work
    train = pending.train_pending
    train(arguments[0], arguments[1].run_root, execute=finish)
    return 1

  monkeypatch.setattr(workers, 'run_all', run_all)
  status, _, err = call(*SMALL, '--workers=2')
  assert status == 1
  assert '1 of 2 workers' in err[-1]
  assert (tmp_path / 'report' / 'table.csv').exists()


def test_by_default_there_is_a_process_a_gpu_or_for_small_models_a_core(
  monkeypatch,
):
  monkeypatch.setattr(workers, '_num_cores', lambda: 64)
  monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
  assert workers.default_number(is_small=True) == 4
  assert workers.default_number(is_small=False) == 1
  monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '0,1')
  assert workers.default_number(is_small=True) == 2


def test_workers_begin_at_different_families_costly_ones_first(
  monkeypatch, tmp_path
):
  cells = grid.Grid().cells()
  firsts = []

  def train_here(cells, *_, **__):
    firsts.append(cells[0].model.architecture)
    assert len(cells) == 48
    return ''

  monkeypatch.setattr(grid_command, '_train_here', train_here)
  for number in range(3):
    grid_command._work(cells, config.Execution(), 3, number)
  assert firsts == ['++v', '+-+', '-+-']


def test_gpus_are_dealt_out_in_turn(monkeypatch):
  monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '4,GPU-ab')
  dealt = [e['CUDA_VISIBLE_DEVICES'] for e in workers.environments(3)]
  assert dealt == ['4', 'GPU-ab', '4']


@pytest.mark.parametrize(
  ('value', 'gpus'), [('', []), ('-1', []), ('0', ['0']), ('1,-1,2', ['1'])]
)
def test_gpus_are_read_as_cuda_reads_them(value, gpus):
  assert workers.visible_gpus({'CUDA_VISIBLE_DEVICES': value}) == gpus


def test_workers_share_the_cores_unless_the_user_decides(monkeypatch):
  monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
  monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
  monkeypatch.setenv('TF_NUM_INTRAOP_THREADS', '3')
  (added,) = workers.environments(1)
  assert int(added['OMP_NUM_THREADS']) == len(os.sched_getaffinity(0))
  assert 'TF_NUM_INTRAOP_THREADS' not in added
  (added, _) = workers.environments(10_000)[:2]
  assert added['OMP_NUM_THREADS'] == '1'
