# SPDX-License-Identifier: Apache-2.0
"""How far a table of runs is, for a person."""

import io
import sys

from command_line import finish

from tfp_rd.cli import (
  progress,
)
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


def test_a_half_written_row_is_no_error(tmp_path, capsys):
  cells = grid.Grid(architectures=('---',)).cells()
  a_run = directory.create_run(tmp_path, cells[1])
  (a_run.path / 'metrics.csv').write_text('step,rate_nats\n100,3.5\n20')
  with progress.Progress(cells, tmp_path) as shown:
    shown.look(at_work=True)
  assert capsys.readouterr().err == ''
