# SPDX-License-Identifier: Apache-2.0
"""How far a table of runs is, for a person."""

import dataclasses
import io
import os
import re
import sys
import time

from command_line import finish

from tfp_rd.cli import progress
from tfp_rd.run import directory, grid


class Terminal(io.StringIO):
  def isatty(self):
    return True


def test_a_terminal_sees_a_bar_with_the_run_at_work(monkeypatch, tmp_path):
  monkeypatch.setattr(sys, 'stderr', terminal := Terminal())
  cells = grid.Grid(architectures=('---',)).cells()
  finish(directory.create_run(tmp_path, cells[0]))
  a_run = directory.create_run(tmp_path, cells[1])
  with progress.Progress(cells, tmp_path) as shown:
    shown.step(a_run, 750, {'rate_nats': 12.34, 'distortion_nats': 5.67})
    finish(a_run)
    shown.look()
  text = terminal.getvalue()
  assert '1/4 runs' in text
  assert '2/4 runs' in text
  assert '--- beta 0.3, training R 12.3 D 5.7 nats' in text
  assert ' left' in text
  assert 'test R' not in text  # Lines are for files.


def test_what_is_evaluated_again_is_not_done(tmp_path, capsys):
  (cell, *_) = grid.Grid(architectures=('---',)).cells()
  finish(directory.create_run(tmp_path, cell))
  more = dataclasses.replace(
    cell, evaluation=dataclasses.replace(cell.evaluation, eval_samples=999)
  )
  for wanted, num in ((cell, 1), (more, 0)):
    with progress.Progress([wanted], tmp_path) as shown:
      shown.look()
    (line,) = capsys.readouterr().err.splitlines()
    assert f'done: {num}, with 1,500 of 1,500 steps' in line


def test_a_half_written_row_is_no_error(tmp_path, capsys):
  cells = grid.Grid(architectures=('---',)).cells()
  a_run = directory.create_run(tmp_path, cells[1])
  (a_run.path / 'metrics.csv').write_text('step,rate_nats\n100,3.5\n20')
  with progress.Progress(cells, tmp_path) as shown:
    shown.look(at_work=True)
  assert len(capsys.readouterr().err.splitlines()) == 1  # The first line.


def checkpoint(a_run, step):
  (a_run.path / 'checkpoint').mkdir(exist_ok=True)
  (a_run.path / 'checkpoint' / f'ckpt-{step}.index').touch()


def positions(text):
  """The percentages of a bar, in the order of time."""
  return [int(p) for p in re.findall(r'(\d+)%', text)]


def test_the_bar_begins_at_the_checkpoint_and_never_goes_back(
  monkeypatch, tmp_path
):
  monkeypatch.setattr(sys, 'stderr', terminal := Terminal())
  cells = grid.Grid(architectures=('---',)).cells()[:1]
  a_run = directory.create_run(tmp_path, cells[0])
  # What was written after the checkpoint is not gone on from.
  (a_run.path / 'metrics.csv').write_text('step,rate_nats\n1200,3.5\n')
  checkpoint(a_run, 300)
  checkpoint(a_run, 750)
  with progress.Progress(cells, tmp_path) as shown:
    shown.begin(a_run)
    for step in (775, 800, 750, 825):
      shown.step(a_run, step, {'rate_nats': 1.0, 'distortion_nats': 2.0})
      shown._bar.refresh()
    shown.step(a_run, 1500, {})
  text = terminal.getvalue()
  seen = positions(text)
  assert seen[0] == 50
  assert seen == sorted(seen)
  assert seen[-1] == 100
  assert '-0' not in text  # No negative time.
  assert '--- beta 0.1, compiling' in text
  assert '--- beta 0.1, evaluating' in text


def test_a_log_has_a_line_at_the_start_and_one_a_minute(tmp_path, capsys):
  cells = grid.Grid(architectures=('---',)).cells()
  finish(directory.create_run(tmp_path, cells[0]))
  a_run = directory.create_run(tmp_path, cells[1])
  checkpoint(a_run, 750)
  with progress.Progress(
    cells, tmp_path, num_workers=2, minute_s=0.05
  ) as shown:
    shown.begin(a_run)
    time.sleep(0.4)
    shown.step(a_run, 1050, {'rate_nats': 12.34, 'distortion_nats': 5.67})
    time.sleep(0.4)
    shown.step(a_run, 1500, {})
    time.sleep(0.4)
  first, *lines = capsys.readouterr().err.splitlines()
  assert first == (
    f'4 runs of 1,500 steps in {tmp_path}, by 2 workers; done: 1, with 2,250 '
    'of 6,000 steps.'
  )
  assert lines[0] == '1/4 runs, 37% of the steps; --- beta 0.3, compiling'
  training = '; --- beta 0.3, training R 12.3 D 5.7 nats'
  assert any(
    line == f'1/4 runs, 42% of the steps, 1 min left{training}'
    for line in lines
  )
  assert lines[-1].endswith('--- beta 0.3, evaluating')


def test_what_other_processes_do_is_read_from_their_files(tmp_path, capsys):
  cells = grid.Grid(architectures=('---',)).cells()
  old, new = (directory.create_run(tmp_path, cell) for cell in cells[:2])
  (old.path / 'metrics.csv').write_text('step,rate_nats\n2400,3.5\n')
  os.utime(old.path / 'metrics.csv', (0, 0))
  with (
    progress.Progress(cells, tmp_path, minute_s=0.05) as shown,
    directory.lock(new),
  ):
    shown.look(at_work=True)
    time.sleep(0.4)
    (new.path / 'metrics.csv').write_text(
      'step,rate_nats,distortion_nats\n600,3.5,4.5\n'
    )
    shown.look(at_work=True)
    time.sleep(0.4)
  _, *lines = capsys.readouterr().err.splitlines()
  assert lines[0] == '0/4 runs, 0% of the steps; --- beta 0.3, compiling'
  assert lines[-1].endswith('; --- beta 0.3, training R 3.5 D 4.5 nats')
  assert '10% of the steps' in lines[-1]
