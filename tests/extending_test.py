# SPDX-License-Identifier: Apache-2.0
"""The files of docs/extending.md work as they stand there, and nothing else."""

import ast
import csv
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = (ROOT / 'docs' / 'extending.md').read_text()
FILES = dict(
  re.findall(r'^`(tfp_rd/.*?)`:\n\n```python\n(.*?)```', PAGE, re.M | re.S)
)
LINES = re.findall(
  r'^Its line in `_CLASSES` of `(.*?)`:\n\n```python\n(.*?)```',
  PAGE,
  re.M | re.S,
)
CELL = (
  *('--fake_data', '--latent_size=2', '--max_steps=4', '--eval_samples=2'),
  *('--eval_examples=20', '--run_root=runs'),
)


@pytest.fixture(scope='module', name='call')
def extended(tmp_path_factory):
  """Copies the package, adds files and lines, and returns a caller of it."""
  folder = tmp_path_factory.mktemp('extended')
  ignored = shutil.ignore_patterns('__pycache__')
  shutil.copytree(ROOT / 'tfp_rd', folder / 'tfp_rd', ignore=ignored)
  for path, text in FILES.items():
    assert not (folder / path).exists()
    (folder / path).write_text(text)
  for path, line in LINES:
    text = (folder / path).read_text()
    assert text.count('_CLASSES = {\n') == 1
    new = text.replace('_CLASSES = {\n', f'_CLASSES = {{\n{line}')
    (folder / path).write_text(new)

  def run(*argv):
    done = subprocess.run(
      [sys.executable, '-m', 'tfp_rd.cli', *argv],
      cwd=folder,
      env={**os.environ, 'PYTHONPATH': str(folder)},
      capture_output=True,
      text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout

  run.folder = folder
  return run


def test_the_page_has_two_files_of_forty_lines_and_a_line_each():
  assert len(FILES) == len(LINES) == 2
  for text in FILES.values():
    assert len(text.splitlines()) <= 40
    assert max(map(len, text.splitlines())) <= 80
    assert ast.get_docstring(ast.parse(text))
  for _, line in LINES:
    assert len(line.splitlines()) == 1


def test_they_appear_in_evaluate_report_and_legend(call):
  for objective in ('beta_elbo', 'adversarial_rate(beta=0.5)'):
    call('train', *CELL, f'--objective={objective}')
  out = call('evaluate', 'runs', '--measures=log_likelihood(num_draws=8)')
  assert out.count('log_likelihood(num_draws=8)') == 2
  assert out.count('lower_bound') == 2
  out = call('evaluate', '--help')
  assert 'log_likelihood  Bounds log p(x) from below' in out
  call('report', '--run_root=runs', '--report_dir=report')
  report = call.folder / 'report'
  page = (report / 'measures.md').read_text()
  assert '## `log_likelihood(num_draws=8)`' in page
  assert '| log_likelihood (nats) |' in page
  with (report / 'measures.csv').open() as f:
    values = [float(row['value']) for row in csv.DictReader(f)]
  assert len(values) == 2
  assert all(-64 < value < 0 for value in values)
  table = (report / 'table.md').read_text()
  assert 'adversarial_rate' in table
  assert 'adversarial_rate' in (report / 'table.csv').read_text()
  assert legend(call.folder) == ['--- adversarial_rate', '---']


def legend(folder):
  """Returns the lines of the plane's legend that name families."""
  code = (
    'import tfp_rd\n'
    'from tfp_rd.report import plot\n'
    'ax = plot.rate_distortion_plane(tfp_rd.load_curves("runs"))\n'
    'labels = ax.get_legend_handles_labels()[1]\n'
    'print(*(label for label in labels if label.startswith("---")), sep="|")'
  )
  done = subprocess.run(
    [sys.executable, '-c', code],
    cwd=folder,
    env={**os.environ, 'PYTHONPATH': str(folder)},
    capture_output=True,
    text=True,
    check=True,
  )
  return sorted(done.stdout.strip().split('|'), key=len, reverse=True)
