# SPDX-License-Identifier: Apache-2.0
"""Curves of one run are judged by the runs that are their judges."""

import dataclasses
import functools

import fabrication
import numpy as np
import pytest

from tfp_rd import config as config_lib
from tfp_rd import point as point_lib
from tfp_rd.curve import families
from tfp_rd.curve import judges as judges_lib
from tfp_rd.report import plot, report
from tfp_rd.run import directory as run_lib
from tfp_rd.run import grid, preset, sealed

BETAS = (0.3, 1.0, 3.0)
CURVE = 'multi_rate(beta_min=0.05)'


def fabricate(root, objective, *, shift=0.0, on_validation=None, **fields):
  """Makes a finished run whose D is that of one law plus `shift`.

  On validation D is higher by a nat, and its shift may be another one.
  """
  config = config_lib.Config(objective=objective, **fields)
  is_curve = config.objective.is_curve
  run = run_lib.create_run(root, config)
  betas = BETAS if is_curve else (config.beta or 1.0,)
  # The same images for all: hard ones are hard for every model.
  num_images = min(40, config.evaluation.eval_examples or 40)
  images = np.random.default_rng(0).normal(0, 1, 40)[:num_images]
  rate = np.stack([6 / beta + 0 * images for beta in betas])
  distortion = np.stack([20 * b**0.5 + images + shift for b in betas])
  points = []
  for beta, r, d in zip(betas, rate, distortion, strict=True):
    other = 1.0 + (0.0 if on_validation is None else on_validation - shift)
    test, validation = (
      point_lib.Point.from_examples(r, d + more, num_samples=1).to_dict()
      for more in (0.0, other)
    )
    splits = {'train': test, 'validation': validation, 'test': test}
    points.append({'beta': beta, **splits})
  arrays = {'beta': betas, 'rate_nats': rate, 'distortion_nats': distortion}
  return fabrication.finish(
    run,
    points,
    examples=arrays,
    test_images_sha256=f'of {num_images} images',
  )


def separate(root, **fields):
  return [
    fabricate(root, f'beta_elbo(beta={beta!r})', **fields) for beta in BETAS
  ]


def test_the_gap_is_that_of_the_same_images(tmp_path):
  runs = [fabricate(tmp_path, CURVE, shift=0.25), *separate(tmp_path)]
  (family,) = judges_lib.compare_runs(runs)
  assert family.name == '---'
  assert set(family.gaps) == set(BETAS)
  for gap in family.gaps.values():
    assert gap.nats == pytest.approx(0.25)
    # Paired: images differ by a nat, models by none of it.
    assert gap.stderr_nats == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
  'other',
  [
    {'objective': 'beta_elbo(beta=1.0, kl_annealing_steps=9)'},
    {'objective': 'target_rate(target_rate_nats=1.0)'},
    {
      'objective': 'beta_elbo(beta=1.0)',
      'warm_start': 'up',
      'parent': '1a2b3c4d',
    },
    {
      'objective': 'beta_elbo(beta=1.0)',
      'model': config_lib.ModelConfig(latent_size=3),
    },
  ],
)
def test_other_runs_are_no_judges(tmp_path, other):
  runs = [
    fabricate(tmp_path, CURVE),
    *separate(tmp_path),
    fabricate(tmp_path, other.pop('objective'), shift=9.0, **other),
  ]
  (family,) = judges_lib.compare_runs(runs)
  assert family.gaps[1.0].nats == pytest.approx(0)


def test_seeds_of_judges_are_averaged_and_other_steps_allowed(tmp_path):
  training = config_lib.TrainingConfig(num_steps=7)
  runs = [
    fabricate(tmp_path, CURVE, training=training),
    *separate(tmp_path),
    *separate(tmp_path, seed=1, shift=0.5),
  ]
  (family,) = judges_lib.compare_runs(runs)
  assert family.num_seeds == 2
  assert family.elbo_gap.nats == pytest.approx(-0.25)


def test_the_longest_curve_of_the_lowest_seed_is_judged(tmp_path):
  long = dataclasses.replace(config_lib.TrainingConfig(), num_steps=9000)
  runs = [
    fabricate(tmp_path, CURVE, shift=1.0),
    fabricate(tmp_path, CURVE, shift=2.0, training=long),
    fabricate(tmp_path, CURVE, shift=3.0, training=long, seed=1),
    *separate(tmp_path),
  ]
  (family,) = judges_lib.compare_runs(runs[::-1])
  assert family.elbo_gap.nats == pytest.approx(2.0)


def test_the_setting_that_is_best_on_validation_judges(tmp_path):
  dropouts = [config_lib.ModelConfig(dropout=p) for p in (0.2, 0.4, 0.6)]
  # The best on test is not the best on validation, and does not judge.
  shifts = zip((0.5, -0.5, 0.25), (0.1, 0.3, -0.2), strict=True)
  for model, (shift, other) in zip(dropouts, shifts, strict=True):
    separate(tmp_path, model=model, shift=shift, on_validation=other)
  fabricate(tmp_path, CURVE)
  (family,) = judges_lib.compare_runs(run_lib.runs_below(tmp_path))
  assert family.num_seeds == 1
  assert family.elbo_gap.nats == pytest.approx(-0.25)


def test_the_setting_with_the_most_betas_judges(tmp_path):
  fabricate(tmp_path, CURVE)
  separate(tmp_path, shift=0.5)
  better = config_lib.ModelConfig(dropout=0.4)
  fabricate(tmp_path, 'beta_elbo(beta=1.0)', model=better, shift=-0.5)
  (family,) = judges_lib.compare_runs(run_lib.runs_below(tmp_path))
  # One reference for the whole curve.
  assert {round(gap.nats, 6) for gap in family.gaps.values()} == {-0.5}


def test_a_result_that_does_not_name_its_images_is_no_judge(tmp_path):
  runs = [fabricate(tmp_path, CURVE), *separate(tmp_path)]
  for run in runs:
    old = {k: v for k, v in run.result.items() if k != 'test_images_sha256'}
    sealed.write_json(run.path / 'result.json', old)
  assert judges_lib.compare_runs(run_lib.runs_below(tmp_path)) == ()


def test_a_copy_is_no_other_seed(tmp_path):
  fabricate(tmp_path, CURVE)
  separate(tmp_path / 'one')
  separate(tmp_path / 'copy')
  (family,) = judges_lib.compare_runs(run_lib.runs_below(tmp_path))
  assert family.num_seeds == 1


def test_a_copy_of_the_images_elsewhere_judges_too(tmp_path):
  here, there = (
    config_lib.DataConfig(f'{folder}/mine.npz', sha256='0' * 64)
    for folder in ('here', 'there')
  )
  runs = [
    fabricate(tmp_path, CURVE, data=here),
    *separate(tmp_path, data=there),
  ]
  (family,) = judges_lib.compare_runs(runs)
  assert set(family.gaps) == set(BETAS)


def test_runs_of_other_images_are_no_judges(tmp_path):
  runs = [fabricate(tmp_path, CURVE), *separate(tmp_path)]
  changed = dict(runs[1].result, test_images_sha256='another')
  sealed.write_json(runs[1].path / 'result.json', changed)
  (family,) = judges_lib.compare_runs(run_lib.runs_below(tmp_path))
  assert set(family.gaps) == set(BETAS) - {runs[1].config.beta}


@pytest.mark.parametrize('name', ['quick', 'plane'])
def test_what_the_grid_trains_to_validate_a_preset_does(
  tmp_path, name, monkeypatch
):
  # A thousand would take seconds, and are not looked at here.
  few = functools.partial(families.compare_families, num_resamples=2)
  monkeypatch.setattr(families, 'compare_families', few)
  plane = preset.PRESETS[name]
  judges = dataclasses.replace(plane, objectives=grid.beta_elbos(BETAS))
  for cell in [*plane.cells(), *judges.cells()]:
    fields = {
      field: getattr(cell, field)
      for field in ('data', 'model', 'training', 'evaluation')
    }
    fabricate(tmp_path, cell.objective, **fields)
  found = judges_lib.compare_runs(run_lib.runs_below(tmp_path))
  assert {f.name for f in found} == set(plane.architectures)
  assert all(set(f.gaps) == set(BETAS) for f in found)


def test_without_judges_there_is_nothing_to_say(tmp_path):
  assert judges_lib.compare_runs([fabricate(tmp_path, CURVE)]) == ()
  assert judges_lib.compare_runs(separate(tmp_path)) == ()


def test_a_report_has_the_gaps_and_draws_both(tmp_path):
  root = tmp_path / 'runs'
  fabricate(root, CURVE, shift=0.25)
  separate(root)
  done = report.write_report(root, tmp_path / 'report')
  names = [path.name for path in done.paths]
  assert {'one_run_gaps.png', 'one_run_gaps.md'} <= set(names)
  page = (tmp_path / 'report' / 'one_run_gaps.md').read_text()
  assert '+0.25 ± 0.00' in page
  table = (tmp_path / 'report' / 'table.csv').read_text()
  assert table.count(CURVE.partition('(')[0]) == len(BETAS)


def test_lines_join_what_one_run_trained_and_rings_stand_apart(tmp_path):
  from tfp_rd.curve import collection

  fabricate(tmp_path, CURVE)
  separate(tmp_path, shift=1.0)
  (found,) = collection.load_curves(tmp_path)
  assert sum(point.is_one_run for point in found.points) == len(BETAS)
  ax = plot.rate_distortion_plane([found])
  drawn = [
    (
      line.get_linestyle(),
      line.get_marker(),
      line.get_fillstyle(),
      len(line.get_xdata()),
    )
    for line in ax.lines
    if len(line.get_xdata()) == len(BETAS)
  ]
  # The curve and the convex hull; others are markers alone.
  assert [style for style, *_ in drawn] == ['-', 'None', 'None', '--']
  rings = [line for line in ax.lines if line.get_markerfacecolor() == 'none']
  assert len(rings) == 1
  np.testing.assert_allclose(
    np.sort(rings[0].get_ydata()),
    sorted(p.test.distortion.nats for p in found.points if not p.is_one_run),
  )


@pytest.mark.parametrize('beside_a_curve', [False, True])
def test_triangles_tell_where_a_run_came_from(tmp_path, beside_a_curve):
  from tfp_rd.curve import collection

  if beside_a_curve:
    fabricate(tmp_path, CURVE)
  for warm_start, shift in (('up', 1.0), ('down', 2.0)):
    fabricate(
      tmp_path,
      'beta_elbo(beta=1.0)',
      warm_start=warm_start,
      parent='1a2b3c4d',
      shift=shift,
      model=config_lib.ModelConfig(architecture='+--'),
    )
  if beside_a_curve:
    fabricate(tmp_path, CURVE, model=config_lib.ModelConfig(architecture='+--'))
  found = [c for c in collection.load_curves(tmp_path) if c.name == '+--']
  ax = plot.rate_distortion_plane(found)
  triangles = {
    line.get_marker(): line
    for line in ax.lines
    if line.get_marker() in ('^', 'v')
  }
  up, down = triangles['^'], triangles['v']
  assert up.get_ydata()[0] == pytest.approx(down.get_ydata()[0] - 1)
  others = [line.get_zorder() for line in ax.lines if line not in (up, down)]
  assert up.get_zorder() == down.get_zorder() > max(others, default=0)
  # Beside a curve they are hollow; alone their filling is the encoder's.
  assert (up.get_markerfacecolor() == 'none') == beside_a_curve
