# SPDX-License-Identifier: Apache-2.0
"""Points are held against the entropy of their source, and the lie is seen."""

import fabrication
import numpy as np
import pytest

from tfp_rd import config as config_lib
from tfp_rd import dataset, source
from tfp_rd import point as point_lib
from tfp_rd.cli import report as report_command
from tfp_rd.cli import train as train_command
from tfp_rd.curve import collection, diagonal
from tfp_rd.curve import excess as excess_lib
from tfp_rd.estimate import Estimate
from tfp_rd.report import plot, report, style
from tfp_rd.run import directory as run_lib

DATA = config_lib.DataConfig(repr(source.Templates(side=4)))
SOURCE = source.parse(DATA.dataset)


def fabricate(root, *, excess, beta=1.0, seed=0, spoil=None, status=None):
  """Makes a finished run of D + R - H = `excess`, but for its noise."""
  config = config_lib.Config(
    data=DATA, objective=f'beta_elbo(beta={beta!r})', seed=seed
  )
  run = run_lib.create_run(root, config)
  rng = np.random.default_rng(seed)
  log_prob = SOURCE.log_prob(SOURCE.sample(400, seed=2).images)
  rate = rng.gamma(3.0, size=400)
  noise = rng.normal(size=400)
  noise = 0.2 * (noise - noise.mean()) / noise.std(ddof=1)  # Error 0.01.
  distortion = excess - log_prob - rate + noise
  record = point_lib.Point.from_examples(
    rate, distortion, num_samples=1
  ).to_dict()
  record['status'] |= status or {}
  splits = dict.fromkeys(('train', 'validation', 'test'), record)
  arrays = {
    'beta': np.array([beta]),
    'rate_nats': rate[None],
    'distortion_nats': distortion[None],
    'log_prob_nats': log_prob,
  }
  if spoil:
    spoil(arrays)
  return fabrication.finish(
    run,
    [{'beta': beta, **splits}],
    examples=arrays,
    image_shape=[4, 4, 1],
    entropy_nats=SOURCE.entropy().nats,
    entropy_stderr_nats=0.0,
    **splits,
  )


def draw(tmp_path):
  """Draws the report of `tmp_path / 'runs'`; returns status and page."""
  folder = tmp_path / 'report'
  flags = [f'--run_root={tmp_path / "runs"}', f'--report_dir={folder}']
  status = report_command.main(flags)
  return status, (folder / 'table.md').read_text()


def test_the_excess_is_paired_and_its_error_small():
  log_prob = np.array([-3.0, -5.0, -9.0, -4.0])
  noise = np.array([0.1, -0.1, 0.3, -0.3])
  (found,) = excess_lib.excesses(
    {
      'rate_nats': np.full([1, 4], 2.0),
      'distortion_nats': (-2.0 - log_prob + noise + 0.25)[None],
      'log_prob_nats': log_prob,
    }
  )
  assert found.nats == pytest.approx(0.25)
  assert found.stderr_nats == pytest.approx(noise.std(ddof=1) / 2)
  assert not excess_lib.is_infeasible(found)


@pytest.mark.parametrize(
  ('nats', 'stderr', 'wrong'),
  [
    (-0.039, 0.01, False),
    (-0.043, 0.01, True),
    (-0.0005, 0.0, False),  # An exact model in float32.
    (-0.0015, 0.0, True),
    (1.0, 0.01, False),
  ],
)
def test_four_standard_errors_are_left_to_chance(nats, stderr, wrong):
  assert excess_lib.is_infeasible(Estimate(nats, stderr, 100_000)) == wrong


@pytest.mark.parametrize(
  ('nats', 'num', 'wrong'),
  [(-0.1, 100, False), (-0.11, 100, True), (-10.0, 1, False), (-11.0, 1, True)],
)
def test_few_images_prove_little(nats, num, wrong):
  stderr = 0.001 if num > 1 else np.nan
  assert excess_lib.is_infeasible(Estimate(nats, stderr, num)) == wrong


def test_a_fair_model_that_misses_a_rare_image_is_not_accused():
  """Its gaps are alike but for one image in 500, which may not be drawn."""
  rare, num = 1 / 500, 600
  rng = np.random.default_rng(0)
  seen = rng.random([3000, num]) < rare
  gaps = np.where(seen, 30.0, np.log1p(-rare))
  gaps = gaps + 1e-6 * rng.normal(size=gaps.shape)
  by_stderr = gaps.mean(1) < -4 * gaps.std(1, ddof=1) / np.sqrt(num) - 1e-3
  assert by_stderr.mean() > 0.1  # Standard errors alone accuse it.
  fields = {
    'rate_nats': gaps,
    'distortion_nats': 0 * gaps,
    'log_prob_nats': 0 * gaps[0],
  }
  found = excess_lib.excesses(fields)
  assert not any(map(excess_lib.is_infeasible, found))


def test_a_fair_grid_is_drawn_with_the_true_diagonal(tmp_path, capsys):
  for beta, excess in ((0.5, 0.4), (1.0, 0.0), (2.0, 0.1)):
    fabricate(tmp_path / 'runs', beta=beta, excess=excess)
  status, page = draw(tmp_path)
  assert status == 0
  assert 'below' not in page
  assert f'is {SOURCE.entropy().nats:.4f} nats, exact' in page
  assert '0.400 ± 0.010' in page
  assert '| test D + R \N{MINUS SIGN} H (nats) |' in page
  capsys.readouterr()
  curves = collection.load_curves(tmp_path / 'runs')
  line = diagonal.diagonal_of(curves)
  assert line.is_true
  assert line.entropy_nats == SOURCE.entropy().nats
  # Every point is above the line by its excess.
  np.testing.assert_allclose(
    -curves[0].column('elbo_nats') - line.nats, [0.4, 0, 0.1], atol=1e-6
  )
  np.testing.assert_allclose(
    curves[0].column('excess_nats'), [0.4, 0, 0.1], atol=1e-9
  )
  ax = plot.rate_distortion_plane(curves)
  labels = [text.get_text() for text in ax.get_legend().get_texts()]
  assert 'no model is here' in labels
  assert f'D = H \N{MINUS SIGN} R, H = {line.entropy_nats:.2f}' in labels
  assert not crosses(ax)


def crosses(ax):
  marker = style.CROSS['marker']
  return [line for line in ax.get_lines() if line.get_marker() == marker]


def test_a_point_below_the_truth_is_crossed_out_and_fails(tmp_path, capsys):
  fabricate(tmp_path / 'runs', beta=0.5, excess=0.4)
  lie = fabricate(tmp_path / 'runs', beta=1.0, excess=-0.1)
  # Unpaired, the lie is less than one standard error.
  assert lie.points('test')[1.0].elbo_stderr_nats > 0.1
  status, page = draw(tmp_path)
  assert status == 1
  said = capsys.readouterr().err
  assert f'{lie.path.name} at beta 1 has D + R - H = -0.100 ± 0.010' in said
  assert page.count('below the truth') == 1
  curves = collection.load_curves(tmp_path / 'runs')
  for draw_panel in (plot.rate_distortion_plane, plot.elbo_against_rate):
    (cross,) = crosses(draw_panel(curves))
    assert cross.get_xdata() == lie.points('test')[1.0].rate_nats
  assert (tmp_path / 'report' / 'rd_plane.png').stat().st_size > 10_000
  found = report.write_report(tmp_path / 'runs', tmp_path / 'report')
  assert len(found.infeasible) == 1
  assert not found.below_diagonal


def test_an_estimate_below_the_truth_is_not_crossed_out(tmp_path):
  status = {'elbo_nats': 'estimate'}
  fabricate(tmp_path / 'runs', beta=1.0, excess=-0.1, status=status)
  exit_status, page = draw(tmp_path)
  assert exit_status == 0
  assert 'below the truth' not in page
  curves = collection.load_curves(tmp_path / 'runs')
  # The entropy, and its line, depend on no model.
  assert diagonal.diagonal_of(curves).entropy_nats == SOURCE.entropy().nats
  assert not crosses(plot.rate_distortion_plane(curves))


def test_a_lie_is_not_hidden_by_other_seeds(tmp_path):
  for seed in range(3):
    fabricate(tmp_path / 'runs', seed=seed, excess=-0.1 if seed == 1 else 0.5)
  (curve,) = collection.load_curves(tmp_path / 'runs')
  (point,) = curve.points
  assert point.excess.nats == pytest.approx(0.3)
  assert point.is_infeasible


@pytest.mark.parametrize(
  'spoil',
  [
    lambda arrays: arrays.pop('log_prob_nats'),
    lambda arrays: arrays.update(log_prob_nats=arrays['log_prob_nats'][:7]),
    lambda arrays: arrays.update(rate_nats=arrays['rate_nats'][:, :7]),
    lambda arrays: arrays.update(
      rate_nats=np.tile(arrays['rate_nats'], [2, 1])
    ),
  ],
  ids=['no truth', 'other truth', 'other images', 'other points'],
)
def test_a_run_that_cannot_be_tested_is_left_out(tmp_path, spoil):
  good = fabricate(tmp_path / 'runs', excess=0.1)
  bad = fabricate(tmp_path / 'runs', excess=0.1, beta=2.0, spoil=spoil)
  found = collection.collect(tmp_path / 'runs')
  (sentence,) = found.corrupt
  assert bad.path.name in sentence
  assert good.path.name not in sentence
  assert found.num_runs == 1


def test_a_run_on_a_source_keeps_the_truth_of_each_test_image(tmp_path):
  dry = ['--max_steps=2', '--eval_samples=2', '--eval_examples=50']
  flags = ['--dataset=factors(side=4)', f'--run_root={tmp_path}', *dry]
  assert train_command.main(flags) == 0
  (run,) = run_lib.runs_below(tmp_path)
  text = 'factors(num_shapes=8, noise=0.05, side=4, seed=0)'
  assert run.config.data.dataset == text
  given = source.parse(text)
  assert run.result['entropy_nats'] == given.entropy().nats
  # Of the very images that were evaluated, in their order.
  data = dataset.load(run.config.data)
  seen = data.evaluation_images('test', count=50)
  np.testing.assert_array_equal(
    run.examples['log_prob_nats'], np.float32(given.log_prob(seen))
  )
  assert run.examples['rate_nats'].shape == (1, 50)
  (curve,) = collection.load_curves(tmp_path)
  # Two steps are far from the truth, and on its good side.
  assert curve.points[0].excess.nats > 1


def test_fake_images_have_no_truth(tmp_path):
  dry = ['--max_steps=2', '--eval_samples=2', '--fake_data']
  assert (
    train_command.main(['--dataset=ising', f'--run_root={tmp_path}', *dry]) == 0
  )
  (run,) = run_lib.runs_below(tmp_path)
  assert 'entropy_nats' not in run.result
  assert 'log_prob_nats' not in run.examples
  status = report_command.main(
    [f'--run_root={tmp_path}', f'--report_dir={tmp_path / "report"}']
  )
  assert status == 0
