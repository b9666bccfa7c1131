# SPDX-License-Identifier: Apache-2.0
"""Seeds of a curve are evaluated at the betas of each other."""

import dataclasses
import shutil

import fabrication
import pytest
from command_line import POINT

import tfp_rd
from tfp_rd import config
from tfp_rd.report import table
from tfp_rd.run import directory, shared_betas

GIVEN = (0.1, 1.0)
GRID = (
  *('grid', '--architectures=---', '--betas=0.1,1', '--eval_max_points=0'),
  *('--fake_data', '--report_dir=', '--workers=1'),
)


def own_beta(run):
  """The beta at which the rate of a seed jumps."""
  return round(0.2 + run.config.seed / 10, 1)


def finish(run, betas):
  entries = [fabrication.entry(POINT.to_dict(), beta) for beta in sorted(betas)]
  fabrication.finish(run, entries)
  (run.path / 'checkpoint').mkdir(exist_ok=True)
  (run.path / 'checkpoint' / 'kept.index').touch()


@pytest.fixture(name='executed')
def evaluated_at_once(trainer):
  """Finishes a run at the betas that it is asked for and one of its own."""
  executed = []

  def execute(run, execution, **_):
    executed.append(run.config)
    finish(run, {*run.config.evaluation.eval_betas, own_beta(run)})

  trainer.execute = execute
  return executed


def betas_of(root='runs'):
  return [set(run.points('test')) for run in directory.runs_below(root)]


def test_a_grid_asks_each_seed_for_the_betas_of_the_others(call, executed):
  status, _, err = call(*GRID, '--seeds=0,1')
  assert status == 0, err
  assert betas_of() == [{*GIVEN, 0.2, 0.3}] * 2
  assert len(executed) == 4
  status, _, err = call(*GRID, '--seeds=0,1')
  assert status == 0, err
  assert len(executed) == 4
  assert 'nothing was to be done' in err[-1]


def test_a_stop_between_the_two_is_gone_on_with(call, executed):
  assert call(*GRID, '--seeds=0')[0] == 0
  assert call(*GRID, '--seeds=1')[0] == 0
  # The second seed was asked for the beta of the first, which is not there.
  assert betas_of() in (
    [{*GIVEN, 0.2}, {*GIVEN, 0.2, 0.3}],
    [{*GIVEN, 0.2, 0.3}, {*GIVEN, 0.2}],
  )
  assert call(*GRID, '--seeds=0,1')[0] == 0
  assert betas_of() == [{*GIVEN, 0.2, 0.3}] * 2
  assert len(executed) == 4


def cells_of(objective='multi_rate()'):
  return [
    config.Config(
      objective=objective,
      seed=seed,
      evaluation=config.EvaluationConfig(eval_betas=GIVEN),
    )
    for seed in (0, 1)
  ]


def made(root, cells):
  runs = [directory.create_run(root, cell) for cell in cells]
  for run in runs:
    finish(run, {*GIVEN, own_beta(run)})
  return runs


def test_a_seed_without_weights_gives_its_betas_and_gets_none(tmp_path):
  cells = cells_of()
  first, _ = made(tmp_path, cells)
  shutil.rmtree(first.path / 'checkpoint')
  asked = shared_betas.with_shared_betas(cells, tmp_path)
  assert asked[0] == cells[0]
  assert asked[1].evaluation.eval_betas == (*GIVEN[:1], 0.2, 0.3, GIVEN[1])


def test_other_curves_have_betas_of_their_own(tmp_path):
  one = cells_of()[0]
  other = dataclasses.replace(one, objective='multi_rate(num_groups=2)', seed=1)
  made(tmp_path, [one, other])
  cells = [one, other]
  assert shared_betas.with_shared_betas(cells, tmp_path) == cells


def test_betas_that_some_seeds_lack_are_left_out_and_counted(tmp_path):
  made(tmp_path, cells_of())
  (curve,) = tfp_rd.load_curves(tmp_path)
  assert tuple(point.beta for point in curve.points) == GIVEN
  assert {point.num_seeds for point in curve.points} == {2}
  assert curve.num_left_out == 2
  text = table.table_md([curve], label='fake', notes=())
  assert 'have their betas: 2 of `---`.' in text
