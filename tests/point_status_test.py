# SPDX-License-Identifier: Apache-2.0
"""A point keeps its beta or has none, and its status, up to the figure."""

import csv
import json

import fabrication
import numpy as np
import pytest

from tfp_rd import config as config_lib
from tfp_rd import point as point_lib
from tfp_rd.curve import collection, diagonal, families, file
from tfp_rd.report import caption, plot, report, table
from tfp_rd.run import directory as run_lib

TARGET = 'target_rate(target_rate_nats=3.0)'
ESTIMATES = dict.fromkeys(('rate_nats', 'elbo_nats'), 'estimate')


def fabricate(
  root, objective='beta_elbo(beta=1.0)', *, rate=4.0, status=None, **fields
):
  """Makes a finished run of one point with D = 10 on every split."""
  more = {name: fields.pop(name) for name in ('found_beta',) if name in fields}
  architecture = fields.pop('architecture', '---')
  config = config_lib.Config(
    model=config_lib.ModelConfig(architecture=architecture),
    objective=objective,
    **fields,
  )
  noise = np.random.default_rng(0).normal(size=40)
  noise -= noise.mean()
  point = point_lib.Point.from_examples(
    rate + noise, 10.0 + 0 * noise, num_samples=4
  ).to_dict()
  point['status'] = {**point['status'], **(status or {})}
  entry = fabrication.entry(point, config.beta) | more
  run = run_lib.create_run(root, config)
  return fabrication.finish(run, [entry])


def rows_of(path):
  with path.open(newline='') as f:
    return list(csv.DictReader(f))


def drawn(ax, label):
  """Returns coordinates of the markers that the legend gives to a label."""
  lines = [line for line in ax.get_lines() if line.get_label() == label]
  return [line.get_xydata().tolist() for line in lines]


def test_a_point_without_a_beta_goes_by_its_objective(tmp_path):
  fabricate(tmp_path / 'runs', rate=5.0)
  fabricate(tmp_path / 'runs', TARGET, rate=3.0)
  report.write_report(tmp_path / 'runs', tmp_path / 'report')
  (curve,) = collection.load_curves(tmp_path / 'runs')
  assert [point.beta for point in curve.points] == [1.0, None]
  assert curve.points[1].label == TARGET
  np.testing.assert_array_equal(curve.column('beta'), [1.0, np.nan])
  page = (tmp_path / 'report' / 'table.md').read_text()
  assert f'chosen on validation: `---` of {TARGET}, with' in page
  assert f'\n| `---` | {TARGET} | * | b |' in page
  assert '- a: objective beta_elbo\n' in page
  assert page.count('| `---` | 1 |  | a |') == 1
  rows = rows_of(tmp_path / 'report' / 'table.csv')
  assert [row['beta'] for row in rows] == ['1.0', '']
  assert [row['objective'] for row in rows] == ['beta_elbo', TARGET]
  folder = tmp_path / 'report' / 'curves'
  paths = [folder / 'curve_---.json', *folder.glob('curve_---_target_rate_*')]
  found = [json.loads(path.read_text())['results']['beta'] for path in paths]
  assert found == [[1.0], [None]]
  read = [point for path in paths for point in file.read_curve(path).points]
  assert tuple(read) == curve.points


def test_a_point_without_a_beta_is_drawn(tmp_path):
  fabricate(tmp_path, TARGET, rate=3.0)
  ax = plot.rate_distortion_plane(collection.load_curves(tmp_path))
  ((point,),) = drawn(ax, '--- target_rate')
  np.testing.assert_allclose(point, [3.0, 10.0])


def test_a_beta_that_was_found_stands_beside_the_objective(tmp_path):
  fabricate(tmp_path, TARGET, found_beta=0.25)
  fabricate(tmp_path, rate=5.0)
  curves = collection.load_curves(tmp_path)
  assert curves[0].points[1].label == f'{TARGET}, found beta 0.25'
  assert curves[0].points[1].beta is None
  (header, first, second) = csv.reader(table.table_csv(curves).splitlines())
  place = header.index('found_beta')
  assert (first[place], second[place]) == ('', '0.25')


def test_points_without_a_beta_are_compared_with_none():
  nats = np.zeros([2, 5])
  one_run = {
    'beta': np.array([1.0, np.nan]),
    'rate_nats': nats,
    'distortion_nats': nats,
  }
  (found,) = families.compare_families({'---': one_run}, {'---': [one_run]})
  assert list(found.gaps) == [1.0]


@pytest.fixture
def with_estimate(tmp_path):
  """Two points, the better of which is an estimate."""
  fabricate(tmp_path, 'beta_elbo(beta=0.5)', rate=5.0)
  fabricate(tmp_path, rate=2.0, status=ESTIMATES)
  return collection.load_curves(tmp_path)


def test_an_estimate_is_never_the_best_point(with_estimate):
  best = diagonal.best_point(with_estimate)
  assert best.point.beta == 0.5
  assert diagonal.diagonal_of(with_estimate).nats == pytest.approx(15.0)
  assert diagonal.below_diagonal(with_estimate) == []


def test_a_bound_in_its_place_is_the_best_point(tmp_path):
  fabricate(tmp_path, 'beta_elbo(beta=0.5)', rate=5.0)
  fabricate(tmp_path, rate=2.0, status={'rate_nats': 'exact'})
  curves = collection.load_curves(tmp_path)
  assert diagonal.best_point(curves).point.beta == 1.0
  assert '2.00 ± ' in table.table_md(curves, label='', notes=())


def test_an_estimate_is_marked_in_tables(with_estimate):
  header, first, second = csv.reader(
    table.table_csv(with_estimate).splitlines()
  )
  statuses = [
    (
      row[header.index('test_rate_status')],
      row[header.index('test_elbo_status')],
    )
    for row in (first, second)
  ]
  assert statuses == [('upper_bound', 'lower_bound'), ('estimate', 'estimate')]
  assert 'test_distortion_status' not in header
  page = table.table_md(with_estimate, label='', notes=())
  _, _, page = page.partition('## All points')
  rows = [line for line in page.splitlines() if line.startswith('| `')]
  # R and -ELBO of test and train.
  assert sorted(row.count('(estimate)') for row in rows) == [0, 4]


def test_bounds_have_no_column_for_their_status(tmp_path):
  fabricate(tmp_path)
  curves = collection.load_curves(tmp_path)
  assert 'status' not in table.table_csv(curves)
  page = table.table_md(curves, label='', notes=())
  assert '(' not in page.split('| `')[-1]


def test_an_estimate_has_a_dashed_outline(with_estimate):
  ax = plot.rate_distortion_plane(with_estimate)
  outlines = [
    c
    for c in ax.collections
    if len(c.get_offsets()) and c.get_linestyle()[0][1]
  ]
  ((x, y),) = outlines[0].get_offsets()
  assert (x, y) == (pytest.approx(2.0), pytest.approx(10.0))
  ((bound,),) = drawn(ax, '---')
  np.testing.assert_allclose(bound, [5.0, 10.0])
  ((*stairs,),) = drawn(ax, 'Pareto staircase')
  assert min(x for x, _ in stairs) == pytest.approx(5.0)
  assert 'dashed outlines: estimates' in caption.explanation(with_estimate)


def test_without_estimates_they_are_not_explained(tmp_path):
  fabricate(tmp_path)
  found = caption.explanation(collection.load_curves(tmp_path))
  assert 'dashed' not in found


def test_a_report_of_estimates_alone_has_no_best_point(tmp_path):
  fabricate(tmp_path / 'runs', status=ESTIMATES)
  done = report.write_report(tmp_path / 'runs', tmp_path / 'report')
  assert done.below_diagonal == ()
  page = (tmp_path / 'report' / 'table.md').read_text()
  assert 'No point is a bound' in page


def test_the_status_survives_a_curve_file(with_estimate, tmp_path):
  (curve,) = with_estimate
  file.write_curve(curve, tmp_path / 'curve.json')
  assert file.read_curve(tmp_path / 'curve.json') == curve
  assert curve.points[1].test.rate.status == 'estimate'


def test_seeds_of_different_status_are_an_estimate(tmp_path):
  fabricate(tmp_path, seed=0)
  fabricate(tmp_path, seed=1, status=ESTIMATES)
  (curve,) = collection.load_curves(tmp_path)
  assert curve.points[0].num_seeds == 2
  assert curve.points[0].test.rate.status == 'estimate'
