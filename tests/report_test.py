# SPDX-License-Identifier: Apache-2.0
"""A report tells what the results say, all of it and nothing else."""

import csv
import re
import subprocess
import sys

import fabrication
import numpy as np
import pytest

from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd import point as point_lib
from tfp_rd.curve import collection, file
from tfp_rd.curve.point import PointValue
from tfp_rd.estimate import Estimate
from tfp_rd.report import cell, report
from tfp_rd.run import directory as run_lib

FILES = ('rd_plane.png', 'rd_plane.svg', 'table.csv', 'table.md')


def fabricate(root, architecture='---', beta=1.0, seed=0, shift=0.0, **fields):
  """Makes a finished run; `shift` moves its distortion on test."""
  config = config_lib.Config(
    model=config_lib.ModelConfig(architecture=architecture),
    objective=f'beta_elbo(beta={beta!r})',
    seed=seed,
    **fields,
  )
  run = run_lib.create_run(root, config)
  rng = np.random.default_rng(int(config.identity, 16))
  splits = {
    split: point_lib.Point.from_examples(
      rng.gamma(8 / beta, size=80),
      rng.normal(20 + (shift if split == 'test' else 0), 1, size=80),
      num_samples=16,
    ).to_dict()
    for split in ('train', 'validation', 'test')
  }
  return fabrication.finish(run, [{'beta': beta, **splits}], **splits)


@pytest.fixture
def root(tmp_path):
  for architecture in ('---', '-+v', '++v'):
    for beta in (0.3, 1.0):
      fabricate(tmp_path / 'runs', architecture, beta)
  return tmp_path / 'runs'


def rows_of(path):
  with path.open(newline='') as f:
    return list(csv.DictReader(f))


def test_all_files_are_written_and_named(root, tmp_path):
  done = report.write_report(root, tmp_path / 'report')
  curves = [f'curves/curve_{name}.json' for name in ('---', '-+v', '++v')]
  assert done.paths == tuple(tmp_path / 'report' / f for f in (*FILES, *curves))
  found = {p for p in (tmp_path / 'report').rglob('*') if p.is_file()}
  assert found == set(done.paths)
  assert (done.num_runs, done.corrupt) == (6, ())


def test_the_table_has_the_numbers_of_the_results(root, tmp_path):
  report.write_report(root, tmp_path / 'report')
  rows = rows_of(tmp_path / 'report' / 'table.csv')
  by_cell = {(row['architecture'], float(row['beta'])): row for row in rows}
  runs = run_lib.runs_below(root)
  assert len(runs) == len(rows)
  for run in runs:
    row = by_cell[run.config.model.architecture, run.config.beta]
    assert int(row['num_steps']) == run.config.training.num_steps
    for split in ('train', 'test'):
      point = run.points(split)[run.config.beta].to_dict()
      for name in point.keys() - {'status', 'num_samples'}:
        assert float(row[f'{split}_{name}']) == point[name]


def test_the_page_has_the_numbers_of_the_table(root, tmp_path):
  report.write_report(root, tmp_path / 'report')
  page = (tmp_path / 'report' / 'table.md').read_text()
  _, _, page = page.partition('## All points')
  body = [line for line in page.splitlines() if line.startswith('| `')]
  rows = rows_of(tmp_path / 'report' / 'table.csv')
  rows.sort(key=lambda row: float(row['test_rate_nats']))
  for line, row in zip(body, rows, strict=True):
    assert line.startswith(f'| `{row["architecture"]}` |')
    assert ('| * |' in line) == (row['is_on_frontier'] == 'True')
    numbers = [float(n) for n in re.findall(r'-?\d+\.\d\d', line)]
    expected = [
      abs(float(row[f'{split}_{value}{error}_nats']))
      for split in ('test', 'train')
      for value in ('rate', 'distortion', 'elbo')
      for error in ('', '_stderr')
    ]
    np.testing.assert_allclose(numbers, expected, atol=0.00501)


def test_every_number_of_the_page_names_its_unit(root, tmp_path):
  report.write_report(root, tmp_path / 'report')
  page = (tmp_path / 'report' / 'table.md').read_text()
  lines = page.splitlines()
  headers = [lines[n - 1] for n, line in enumerate(lines) if '---:' in line]
  assert len(headers) == 3
  without = {'family', 'next family', 'beta', 'its beta', 'points', 'frontier'}
  for header in headers:
    columns = [column.strip() for column in header.strip('|').split('|')]
    rest = [name for name in columns if name not in without]
    assert all(column.endswith('(nats)') for column in rest)
    assert len(rest) >= 3
  # What is the same everywhere is said once.
  assert 'All: objective beta_elbo, size small, num_steps 1500.' in page


def test_the_curves_are_those_of_the_runs(root, tmp_path):
  done = report.write_report(root, tmp_path / 'report')
  files = [p for p in done.paths if p.parent.name == 'curves']
  read = tuple(map(file.read_curve, files))
  assert read == collection.load_curves(root)


def test_seeds_share_a_row_that_tells_their_spread(tmp_path):
  for seed in range(3):
    fabricate(tmp_path / 'runs', seed=seed)
  report.write_report(tmp_path / 'runs', tmp_path / 'report')
  (row,) = rows_of(tmp_path / 'report' / 'table.csv')
  assert row['num_seeds'] == '3'
  spread = float(row['test_seed_std_rate_nats'])
  assert f'[{spread:.2f}]' in (tmp_path / 'report' / 'table.md').read_text()


def test_settings_that_differ_have_a_column_and_a_letter(root, tmp_path):
  training = config_lib.TrainingConfig(num_steps=400, learning_rate=0.01)
  fabricate(root, training=training)
  report.write_report(root, tmp_path / 'report')
  rows = rows_of(tmp_path / 'report' / 'table.csv')
  cells = {(row['num_steps'], row['learning_rate']) for row in rows}
  assert cells == {('400', '0.01'), ('1500', '0.003')}
  page = (tmp_path / 'report' / 'table.md').read_text()
  assert '- a: num_steps 1500, learning_rate 0.003' in page
  assert '- b: num_steps 400, learning_rate 0.01' in page
  _, _, points = page.partition('## All points')
  assert points.count('| b |') == 1
  assert points.count('| a |') == 6


def test_a_corrupt_result_is_named_and_left_out(root, tmp_path):
  bad = fabricate(root, '+++')
  (bad.path / 'result.json').write_text('{')
  done = report.write_report(root, tmp_path / 'report')
  assert done.num_runs == 6
  assert len(done.corrupt) == 1
  assert str(bad.path) in done.corrupt[0]
  page = (tmp_path / 'report' / 'table.md').read_text()
  assert bad.path.name in page
  assert '`+++`' not in page


def test_a_point_too_good_to_be_believed_is_listed(root, tmp_path):
  assert report.write_report(root, tmp_path / 'report').below_diagonal == ()
  fabricate(root, '--v', beta=1.0, shift=-15.0)
  fabricate(root, '-++', beta=3.0, shift=50.0)
  done = report.write_report(root, tmp_path / 'report')
  assert any(s.startswith('--v at beta 1 ') for s in done.below_diagonal)
  page = (tmp_path / 'report' / 'table.md').read_text()
  assert all(f'- {s}\n' in page for s in done.below_diagonal)


def test_each_of_several_data_sets_has_a_folder_of_its_own(root, tmp_path):
  fake = config_lib.DataConfig(fake_data=True)
  fabricate(root, '+++', data=fake)
  mine = config_lib.DataConfig(dataset='a/-mine.npz', sha256='01234567' * 8)
  fabricate(root, '+++', data=mine)
  done = report.write_report(root, tmp_path / 'report')
  folders = {p.parent.relative_to(tmp_path / 'report') for p in done.paths}
  tops = {folder.parts[0] for folder in folders}
  assert tops == {'digits', 'digits_fake', 'mine_01234567'}
  names = {row['architecture'] for row in rows_of(
    tmp_path / 'report' / 'digits' / 'table.csv'
  )}  # fmt: skip
  assert names == {'---', '-+v', '++v'}


def test_a_report_written_twice_has_the_same_bytes(root, tmp_path):
  first, second = (
    report.write_report(root, tmp_path / name).paths for name in 'ab'
  )
  for one, other in zip(first, second, strict=True):
    assert one.read_bytes() == other.read_bytes()


def test_no_run_is_refused_by_a_sentence(tmp_path):
  with pytest.raises(errors.UserError, match='no finished run below'):
    report.write_report(tmp_path, tmp_path / 'report')
  assert not (tmp_path / 'report').exists()


def test_no_run_but_corrupt_ones_is_refused_by_naming_them(tmp_path):
  bad = fabricate(tmp_path)
  (bad.path / 'result.json').write_text('')
  with pytest.raises(errors.UserError, match=r'result\.json is corrupt'):
    report.write_report(tmp_path, tmp_path / 'report')


def test_no_folder_is_refused_by_a_sentence(tmp_path):
  with pytest.raises(errors.UserError, match='is not a directory'):
    report.write_report(tmp_path / 'nowhere', tmp_path / 'report')


def test_a_report_needs_no_tensorflow(root, tmp_path):
  program = (
    'import sys; from tfp_rd.report import report;'
    'report.write_report(sys.argv[1], sys.argv[2]);'
    "assert not {'tensorflow', 'tensorflow_probability', 'tf_keras', 'keras',"
    "'matplotlib.pyplot'} & set(sys.modules)"
  )
  command = [sys.executable, '-c', program, root, tmp_path / 'report']
  subprocess.run(command, check=True)


def test_a_rate_just_below_0_is_printed_as_0():
  assert cell.number(PointValue(-0.001, 0.002)) == '0.00 ± 0.00'
  assert cell.number(PointValue(0.001), sign=-1) == '0.00'
  assert cell.estimate(Estimate(-0.004, 0.01), '+') == '+0.00 ± 0.01'
