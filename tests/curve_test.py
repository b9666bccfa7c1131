# SPDX-License-Identifier: Apache-2.0
"""Curves keep every number of the results, and say what they left out."""

import json
import math

import fabrication
import numpy as np
import pytest

from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd import point as point_lib
from tfp_rd.curve import collection, columns, file
from tfp_rd.curve.curve import Curve
from tfp_rd.run import directory as run_lib

SPLITS = ('train', 'validation', 'test')


def fabricate(root, architecture='---', beta=1.0, seed=0, **fields):
  """Makes a finished run with random numbers, and returns it."""
  steps = fields.pop('num_steps', 1500)
  config = config_lib.Config(
    model=config_lib.ModelConfig(architecture=architecture),
    training=config_lib.TrainingConfig(num_steps=steps),
    objective=f'beta_elbo(beta={beta!r})',
    seed=seed,
    **fields,
  )
  run = run_lib.create_run(root, config)
  rng = np.random.default_rng(int(config.identity, 16))
  points = {
    split: point_lib.Point.from_examples(
      rng.gamma(3, size=50), rng.gamma(5, size=50), num_samples=4
    ).to_dict()
    for split in SPLITS
  }
  write(run, {'beta': beta, **points})
  return run


def write(run, *entries, **fields):
  fabrication.finish(run, entries, **fields)


def test_each_number_of_each_result_is_on_its_curve(tmp_path):
  for architecture in ('++v', '---', '-+v'):
    for beta in (3.0, 0.1, 1.0):
      fabricate(tmp_path, architecture, beta)
  curves = {c.name: c for c in collection.load_curves(tmp_path)}
  for run in run_lib.runs_below(tmp_path):
    curve = curves[run.config.model.architecture]
    (own,) = (p for p in curve.points if p.beta == run.config.beta)
    for split, prefix in (
      ('test', ''),
      ('train', 'train_'),
      ('validation', 'validation_'),
    ):
      point = run.points(split)[run.config.beta].to_dict()
      for name in point.keys() - {'status', 'num_samples'}:
        assert columns.value(own, prefix + name) == point[name]


def test_curves_come_in_the_order_of_the_table_and_rise_with_beta(tmp_path):
  for architecture in ('++v', '+--', '---', '-+v', '--v', '--+'):
    for beta in (10.0, 0.1, 3.0):
      fabricate(tmp_path, architecture, beta)
  curves = collection.load_curves(tmp_path)
  names = [curve.name for curve in curves]
  assert names == ['---', '--+', '--v', '-+v', '+--', '++v']
  for curve in curves:
    assert [point.beta for point in curve.points] == [0.1, 3.0, 10.0]


def test_seeds_are_averaged_and_their_spread_is_shown(tmp_path):
  runs = [fabricate(tmp_path, seed=seed) for seed in range(3)]
  (curve,) = collection.load_curves(tmp_path)
  values = [run.points('test')[1.0].rate_nats for run in runs]
  np.testing.assert_allclose(curve.column('rate_nats'), [np.mean(values)])
  np.testing.assert_allclose(
    curve.column('seed_std_rate_nats'), [np.std(values, ddof=1)]
  )
  assert curve.points[0].seeds == (0, 1, 2)
  # All saw the same images: more seeds do not shrink the standard error.
  errors_of_seeds = [run.points('test')[1.0].rate_stderr_nats for run in runs]
  np.testing.assert_allclose(
    curve.column('rate_stderr_nats'), [np.mean(errors_of_seeds)]
  )


def test_one_seed_has_no_spread(tmp_path):
  fabricate(tmp_path)
  (curve,) = collection.load_curves(tmp_path)
  assert curve.points[0].test.elbo.seed_std_nats is None
  assert np.isnan(curve.column('seed_std_elbo_nats')).all()


def test_other_settings_are_other_points_and_not_other_seeds(tmp_path):
  fabricate(tmp_path, num_steps=400)
  fabricate(tmp_path, num_steps=1500)
  fabricate(tmp_path, warm_start='up', parent='0' * 8)
  (curve,) = collection.load_curves(tmp_path)
  assert [point.num_seeds for point in curve.points] == [1, 1, 1]
  found = [point.settings for point in curve.points]
  assert sorted((s['num_steps'], s['warm_start']) for s in found) == [
    *((400, ''), (1500, ''), (1500, 'up'))
  ]


def test_a_copy_of_a_run_counts_once(tmp_path):
  for folder in ('a', 'b'):
    fabricate(tmp_path / folder)
  assert collection.collect(tmp_path).num_runs == 1


def test_a_run_with_several_betas_is_a_curve_by_itself(tmp_path):
  run = fabricate(tmp_path)
  entry = run.result['points'][0]
  write(run, *({**entry, 'beta': beta} for beta in (2.0, 0.5)))
  (curve,) = collection.load_curves(tmp_path)
  assert [point.beta for point in curve.points] == [0.5, 2.0]


def test_bits_per_pixel_are_those_of_the_rate_and_of_the_total(tmp_path):
  fabricate(tmp_path)
  (curve,) = collection.load_curves(tmp_path)
  np.testing.assert_allclose(
    curve.column('bpp') * 64 * math.log(2), curve.column('rate_nats')
  )
  np.testing.assert_allclose(
    curve.column('total_bpp') * 64 * math.log(2), -curve.column('elbo_nats')
  )


def test_without_the_image_shape_there_are_no_bits_per_pixel(tmp_path):
  run = fabricate(tmp_path)
  write(run, *run.result['points'], image_shape=None)
  (curve,) = collection.load_curves(tmp_path)
  assert curve.points[0].test.bpp is None


def test_a_curve_file_reads_back_equal(tmp_path):
  for seed in range(2):
    fabricate(tmp_path, '-+v', seed=seed)
  fabricate(tmp_path, '-+v', beta=0.3)
  (curve,) = collection.load_curves(tmp_path)
  path = tmp_path / 'curve_-+v.json'
  file.write_curve(curve, path)
  assert file.read_curve(path) == curve
  fields = json.loads(path.read_text())
  assert list(fields) == ['name', 'description', 'results', 'sha256']
  assert fields['results']['rate_nats'] == list(curve.column('rate_nats'))


def test_a_file_holds_points_of_one_training_alone(tmp_path):
  for beta in (0.3, 1.0):
    fabricate(tmp_path / 'runs', '-+v', beta=beta)
  fabricate(tmp_path / 'runs', '-+v', num_steps=7)
  curves = collection.load_curves(tmp_path / 'runs')
  first, second = file.write_curves(curves, tmp_path)
  assert first.name == 'curve_-+v.json'
  assert second.name.startswith('curve_-+v_beta_elbo_')
  found = [file.read_curve(path) for path in (first, second)]
  steps = [{p.settings['num_steps'] for p in each.points} for each in found]
  assert steps == [{1500}, {7}]
  points = [point for each in found for point in each.points]
  assert sorted(points, key=str) == sorted(curves[0].points, key=str)
  assert 'num_steps 7' in found[1].description


def test_whether_a_line_joins_the_points_survives_a_file(tmp_path):
  columns = {'beta': (1.0, 2.0), 'rate_nats': (2.0, 1.0)}
  for is_one_run in (True, False):
    columns['is_one_run'] = (is_one_run,) * 2
    curve = Curve.from_columns('mine', '', columns)
    file.write_curve(curve, tmp_path / 'curve.json')
    assert file.read_curve(tmp_path / 'curve.json') == curve
    assert bool(curve.one_run_lines()) == is_one_run


def test_of_several_seeds_a_line_has_the_betas_of_all():
  columns = {
    'beta': (1.0, 2.0, 3.0),
    'rate_nats': (3.0, 2.0, 1.0),
    'is_one_run': (True,) * 3,
    'seeds': ((0, 1), (1,), (0, 1)),
  }
  (line,) = Curve.from_columns('mine', '', columns).one_run_lines()
  assert [point.beta for point in line] == [1.0, 3.0]


def test_another_number_in_a_curve_file_is_refused(tmp_path):
  fabricate(tmp_path)
  (curve,) = collection.load_curves(tmp_path)
  path = tmp_path / 'curve.json'
  file.write_curve(curve, path)
  fields = json.loads(path.read_text())
  rate = fields['results']['rate_nats'][0]
  path.write_text(path.read_text().replace(repr(rate), repr(rate + 1)))
  with pytest.raises(errors.UserError, match='digest'):
    file.read_curve(path)
  # A user's own file has no digest.
  del fields['sha256']
  path.write_text(json.dumps(fields))
  assert file.read_curve(path) == curve


@pytest.mark.parametrize(
  'text', ['', '[]', '{"results": {}}', '{"results": {"beta": [1], "x": []}}']
)
def test_what_is_no_curve_file_is_refused(tmp_path, text):
  path = tmp_path / 'curve.json'
  path.write_text(text)
  with pytest.raises(errors.UserError, match='curve.json is no curve file'):
    file.read_curve(path)


def broken(rate):
  good = point_lib.Point(1, 0.1, 2, 0.1, -3, 0.1, 9, 4).to_dict()
  return fabrication.entry({**good, 'rate_nats': rate}, 1.0)


def test_the_control_of_the_broken_results_is_sound(tmp_path):
  run = fabricate(tmp_path)
  write(run, broken(rate=1))
  assert not collection.collect(tmp_path).corrupt


@pytest.mark.parametrize(
  'content',
  [
    '',
    '{"schema": 1',
    '[]',
    {},
    *(broken(rate) for rate in (None, 'much', [1])),
  ],
)
def test_a_corrupt_result_is_named_and_left_out(tmp_path, content):
  fabricate(tmp_path, '-+v')
  bad = fabricate(tmp_path, '---')
  if isinstance(content, str):
    (bad.path / 'result.json').write_text(content)
  else:
    write(bad, content)
  found = collection.collect(tmp_path)
  assert found.num_runs == 1
  assert len(found.corrupt) == 1
  assert str(bad.path) in found.corrupt[0]
  with pytest.warns(UserWarning, match='corrupt'):
    assert [c.name for c in collection.load_curves(tmp_path)] == ['-+v']


def test_an_unfinished_run_is_passed_over(tmp_path):
  fabricate(tmp_path, '-+v')
  run_lib.create_run(tmp_path, config_lib.Config())
  found = collection.collect(tmp_path)
  assert (found.num_runs, found.corrupt) == (1, ())


def test_data_sets_are_never_mixed_silently(tmp_path):
  fake = config_lib.DataConfig(fake_data=True)
  fabricate(tmp_path)
  fabricate(tmp_path, data=fake)
  with pytest.raises(errors.UserError, match='several data sets'):
    collection.load_curves(tmp_path)
  assert len(collection.load_curves(tmp_path, data=fake)) == 1


def test_an_empty_folder_is_refused_by_a_sentence(tmp_path):
  with pytest.raises(errors.UserError, match='no finished run below'):
    collection.load_curves(tmp_path)


def test_an_unknown_column_is_refused_by_a_sentence(tmp_path):
  fabricate(tmp_path)
  (curve,) = collection.load_curves(tmp_path)
  with pytest.raises(errors.UserError, match="no column 'recall'"):
    curve.column('recall')


def test_a_curve_can_be_made_of_columns():
  columns = {
    'beta': (0.5, 1),
    'rate_nats': np.array([3.0, np.nan]),
    'widths': ('a', 'b'),
    'validation_elbo_nats': (-1, -2),
  }
  curve = Curve.from_columns('mine', 'made up', columns)
  assert curve.settings == ('widths',)
  assert [p.settings['widths'] for p in curve.points] == ['a', 'b']
  assert curve.points[0].test.rate.nats == 3.0
  assert curve.points[1].test.rate is None
  np.testing.assert_array_equal(curve.column('rate_nats'), [3.0, np.nan])
  np.testing.assert_array_equal(curve.column('validation_elbo_nats'), [-1, -2])


@pytest.mark.parametrize(
  'columns', [{'rate_nats': (1.0,)}, {'beta': (1.0,), 'rate_nats': (1.0, 2.0)}]
)
def test_columns_that_do_not_fit_are_refused(columns):
  with pytest.raises(errors.UserError, match='columns of lengths'):
    Curve.from_columns('mine', '', columns)
