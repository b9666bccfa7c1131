# SPDX-License-Identifier: Apache-2.0
"""Runs are put together by their images, their version and their seeds."""

import csv
import re
import types

import fabrication
import numpy as np
import pytest

from tfp_rd import config as config_lib
from tfp_rd import point as point_lib
from tfp_rd import source
from tfp_rd.curve import collection, row
from tfp_rd.curve.curve import Curve
from tfp_rd.report import data_label, report, table
from tfp_rd.run import directory as run_lib
from tfp_rd.run import result_file


def fabricate(root, objective='beta_elbo(beta=1.0)', *, result=None, **fields):
  """Makes a finished run of one point."""
  config = config_lib.Config(objective=objective, **fields)
  point = point_lib.Point(4.0, 0.1, 10.0, 0.1, -14.0, 0.1, 40, 4).to_dict()
  entry = fabrication.entry(point, config.beta)
  run = run_lib.create_run(root, config)
  return fabrication.finish(run, [entry], **result or {})


def rows_of(path):
  with path.open(newline='') as f:
    return list(csv.DictReader(f))


def test_seeds_are_averaged_in_their_order_wherever_they_lie():
  columns = {'beta': [1.0] * 3}
  for name in ('rate_nats', 'distortion_nats', 'elbo_nats'):
    for prefix in ('', 'train_', 'validation_'):
      columns[prefix + name] = [0.1, 0.2, 0.3]
  by_seed = dict(enumerate(Curve.from_columns('---', '', columns).points))
  turned = dict(reversed(by_seed.items()))
  assert collection._average(by_seed) == collection._average(turned)


def of_file(folder):
  return config_lib.DataConfig(f'{folder}/mine.npz', sha256='0' * 64)


def test_a_file_at_two_places_is_one_data_set(tmp_path):
  for beta, folder in ((0.5, 'here'), (1.0, 'here'), (2.0, 'there')):
    fabricate(
      tmp_path / 'runs', f'beta_elbo(beta={beta})', data=of_file(folder)
    )
  # A copy of a run at another place is no other point.
  fabricate(tmp_path / 'runs' / 'copy', data=of_file('there'))
  done = report.write_report(tmp_path / 'runs', tmp_path / 'report')
  assert done.num_runs == 3
  rows = rows_of(tmp_path / 'report' / 'table.csv')
  assert [row['beta'] for row in rows] == ['0.5', '1.0', '2.0']
  for folder in ('here', 'there'):
    (curve,) = collection.load_curves(tmp_path / 'runs', data=of_file(folder))
    assert len(curve) == 3


@pytest.mark.parametrize('digits', [False, True])
def test_no_two_data_sets_share_a_folder(tmp_path, digits):
  # Alike in the digits that a name has, and but for capital letters.
  other = config_lib.DataConfig('x/mine.npz', sha256='0' * 63 + '1')
  capital = config_lib.DataConfig('x/MINE.npz', sha256='0' * 63 + '1')
  for data in (of_file('x'), other if digits else capital):
    fabricate(tmp_path / 'runs', data=data)
  done = report.write_report(tmp_path / 'runs', tmp_path / 'report')
  assert len(set(done.paths)) == len(done.paths)
  tables = [path for path in done.paths if path.name == 'table.csv']
  assert len({str(path).lower() for path in tables}) == 2


@pytest.mark.parametrize(
  'strings',
  [
    {'sha256': '/../../x'},
    {'dataset': '../../../x', 'sha256': ''},
    {'dataset': '..', 'binarize': '/../..'},
    {'dataset': '..'},
    {'dataset': '-x'},
    {'dataset': '/'},
    {'dataset': 'a\nb/\x00c d'},
    {'dataset': ''},
  ],
)
def test_no_string_leads_out_of_the_folder_of_a_report(tmp_path, strings):
  usual = {'dataset': 'x', 'binarize': '', 'fake_data': False, 'sha256': ''}
  label = data_label.label(types.SimpleNamespace(**usual | strings))
  assert label
  assert (tmp_path / label).resolve().parent == tmp_path.resolve()
  assert label.isprintable()
  assert label[0] not in '-.'


def test_runs_of_several_versions_are_told_apart(tmp_path):
  for seed, version in enumerate(('0.1.0', '0.2.0')):
    result = {'versions': {'tfp_rd': version, 'numpy': '2'}}
    fabricate(tmp_path, seed=seed, result=result)
  (curve,) = collection.load_curves(tmp_path)
  assert [p.settings['tfp_rd'] for p in curve.points] == ['0.1.0', '0.2.0']
  page = table.table_md([curve], label='', notes=())
  assert '- a: tfp_rd 0.1.0\n- b: tfp_rd 0.2.0' in page


def test_runs_of_one_version_have_no_column_for_it(tmp_path):
  for seed in range(2):
    result = {'versions': {'tfp_rd': '0.1.0'}}
    fabricate(tmp_path, seed=seed, result=result)
  (curve,) = collection.load_curves(tmp_path)
  assert curve.settings == ('size', 'num_steps')
  assert curve.points[0].num_seeds == 2


def test_a_damaged_configuration_costs_one_run(tmp_path):
  fabricate(tmp_path)
  bad = fabricate(tmp_path, seed=1)
  (bad.path / 'config.json').write_bytes(b'\xff\xfe{')
  found = collection.collect(tmp_path)
  assert found.num_runs == 1
  (sentence,) = found.corrupt
  assert bad.path.name in sentence


def test_images_are_of_the_evaluation_that_a_point_was_read_from(tmp_path):
  run = run_lib.create_run(
    tmp_path, config_lib.Config(objective='multi_rate()')
  )
  fields = point_lib.Point(4.0, 0.1, 10.0, 0.1, -14.0, 0.1, 2, 4).to_dict()

  def finish(betas):
    rows = np.outer(betas, [1.0, 1.0])
    arrays = {'beta': betas, 'rate_nats': rows, 'distortion_nats': rows}
    entries = [fabrication.entry(fields, beta) for beta in betas]
    fabrication.finish(run, entries, examples=arrays)

  finish([0.1, 1.0])
  (before,) = collection.load_curves(tmp_path)
  finish([0.05, 0.1, 1.0])  # Another process adds a point below the others.
  (now,) = collection.load_curves(tmp_path)
  assert [point.images.nats() for point in before.points] == [None, None]
  for point in now.points:
    np.testing.assert_array_equal(point.images.nats(), point.beta)


def test_a_reader_that_meets_a_new_result_reads_again(tmp_path, monkeypatch):
  run = run_lib.create_run(
    tmp_path, config_lib.Config(objective='multi_rate()')
  )
  fields = point_lib.Point(4.0, 0.1, 10.0, 0.1, -14.0, 0.1, 2, 4).to_dict()

  def finish(betas):
    rows = np.outer(betas, [1.0, 2.0])
    arrays = {'beta': betas, 'rate_nats': rows, 'distortion_nats': rows}
    fabrication.finish(
      run,
      [fabrication.entry(fields, beta) for beta in betas],
      examples={**arrays, 'log_prob_nats': np.array([-1.0, -2.0])},
      entropy_nats=1.5,
      entropy_stderr_nats=0.0,
    )

  finish([0.1, 1.0])
  old, read = run.result, result_file.read_result
  finish([0.05, 0.1, 1.0])
  answers = []
  monkeypatch.setattr(
    result_file,
    'read_result',
    lambda *args: answers.pop() if answers else read(*args),
  )
  answers.append(old)
  assert run.examples['rate_nats'].shape == (3, 2)
  answers.append(old)
  assert [point.beta for point in row.read_points(run)] == [0.05, 0.1, 1.0]
  assert not answers


def test_every_source_has_a_folder_of_its_own():
  texts = ['ising(coupling=0.4)', 'ising(coupling=-0.4)', 'ising(side=4)']
  labels = {
    data_label.label(config_lib.DataConfig(repr(source.parse(text))))
    for text in texts
  }
  assert len(labels) == 3
  for label in labels:
    assert re.fullmatch(r'ising[\w.-]+', label)
