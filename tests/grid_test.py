# SPDX-License-Identifier: Apache-2.0
"""A grid is its cells, and what is left of them is what has no result."""

import contextlib
import dataclasses
import subprocess
import sys

import fabrication
import pytest

from tfp_rd import architecture, config, errors, objective
from tfp_rd.run import directory, grid, pending, preset


@pytest.fixture
def small():
  return grid.Grid(
    architectures=('---', '-+v'), objectives=grid.beta_elbos((0.5, 2))
  )


def finish(a_run):
  point = {
    'rate_nats': 1.0,
    'rate_stderr_nats': 0.1,
    'distortion_nats': 2.0,
    'distortion_stderr_nats': 0.1,
    'elbo_nats': -3.0,
    'elbo_stderr_nats': 0.1,
    'num_examples': 3,
    'num_samples': 2,
  }
  fabrication.finish(a_run, fabrication.entries_of(a_run, point))


def test_cells_are_the_product_of_the_axes(small):
  cells = small.cells()
  assert len(set(cells)) == 4
  assert {c.model.architecture for c in cells} == {'---', '-+v'}
  assert {c.beta for c in cells} == {0.5, 2.0}


def test_cells_of_one_family_are_neighbours_within_a_seed(small):
  cells = grid.Grid(small.base, ('---', '-+v'), small.objectives, (0, 1))
  order = [(c.seed, c.model.architecture) for c in cells.cells()]
  assert order == sorted(order, key=lambda o: (o[0], o[1] != '---'))
  assert order[0] == order[1] != order[2]


def test_a_value_given_twice_is_one_run():
  twice = grid.Grid(architectures=('---', '---'), seeds=(1, 1))
  assert len(twice.cells()) == 4


def test_only_what_is_an_axis_differs_from_the_base(small):
  for cell in small.cells():
    assert cell.training == small.base.training
    assert cell.data == small.base.data


@pytest.mark.parametrize(
  ('name', 'num', 'num_steps', 'batch_size', 'dataset'),
  [
    ('quick', 12, {400}, 128, 'digits'),
    ('plane', 12, {1600, 1700}, 128, 'digits'),
    ('separate', 48, {3000}, 128, 'digits'),
    ('mnist', 24, {3000, 6000}, 128, 'binarized_mnist'),
    ('full', 180, {100_000}, 100, 'binarized_mnist'),
  ],
)
def test_presets_are_what_they_promise(
  name, num, num_steps, batch_size, dataset
):
  cells = preset.PRESETS[name].cells()
  assert len(cells) == num
  assert {c.model.architecture for c in cells} == set(
    map(str, architecture.PAPER)
  )
  assert {c.training.num_steps for c in cells} == num_steps
  assert {c.training.batch_size for c in cells} == {batch_size}
  assert {c.data.dataset for c in cells} == {dataset}


def test_on_mnist_each_family_has_a_curve_and_a_run_at_beta_1():
  cells = preset.PRESETS['mnist'].cells()
  for curve, separate in zip(cells[::2], cells[1::2], strict=True):
    assert curve.model == separate.model
    assert curve.objective.is_curve
    assert curve.objective.num_groups == 4
    assert separate.objective == objective.parse('beta_elbo(beta=1)')
    num_steps = 6000 if curve.model.architecture[1] == '-' else 3000
    assert curve.training.num_steps == separate.training.num_steps == num_steps


def test_the_full_preset_is_200_epochs_of_the_paper_s_optimiser():
  base = preset.PRESETS['full'].base
  assert base.training.num_steps * base.training.batch_size == 200 * 50_000
  assert base.training.normalize_gradients
  assert base.training.weight_averaging == 0
  assert base.model.size == 'paper'


def test_an_integer_and_a_float_beta_are_the_same_run():
  assert grid.beta_elbos([1]) == grid.beta_elbos([1.0])
  assert grid.beta_elbos([1]) == (config.Config.objective,)


def test_annealing_is_a_field_of_the_objective():
  (annealed,) = grid.beta_elbos([0.5], kl_annealing_steps=10)
  assert annealed == objective.parse(
    'beta_elbo(beta=0.5, kl_annealing_steps=10)'
  )


def test_pending_is_what_has_no_readable_result(small, tmp_path):
  cells = small.cells()
  assert pending.pending(cells, tmp_path) == list(cells)
  finish(directory.create_run(tmp_path, cells[1]))
  broken = directory.create_run(tmp_path, cells[2])
  (broken.path / 'result.json').write_text('{"schema": 1, "poi')
  assert pending.pending(cells, tmp_path) == [cells[0], cells[2], cells[3]]


def test_a_corrupt_result_is_kept_under_another_name(small, tmp_path):
  cells = small.cells()
  finish(directory.create_run(tmp_path, cells[0]))
  broken = directory.create_run(tmp_path, cells[1])
  (broken.path / 'result.json').write_text('torn')
  (moved,) = pending.set_aside_corrupt(cells, tmp_path)
  assert moved.read_text() == 'torn'
  assert moved.name == 'result.json.corrupt'
  assert not broken.is_done
  assert pending.set_aside_corrupt(cells, tmp_path) == []


def test_each_pending_cell_is_trained_once(small, tmp_path):
  cells = small.cells()
  finish(directory.create_run(tmp_path, cells[0]))
  trained = []

  def execute(a_run):
    trained.append(a_run.config)
    finish(a_run)

  assert pending.train_pending(cells, tmp_path, execute=execute) == {}
  assert trained == list(cells[1:])
  pending.train_pending(cells, tmp_path, execute=pytest.fail)


def test_a_run_held_by_another_is_looked_at_again_at_the_end(small, tmp_path):
  cells = small.cells()
  other = contextlib.ExitStack()
  other.enter_context(directory.lock(directory.create_run(tmp_path, cells[0])))
  trained = []

  def execute(a_run):
    with directory.lock(a_run):
      trained.append(a_run.config)
      finish(a_run)

  def on_wait(held):
    assert list(held) == [cells[0]]
    assert trained == list(cells[1:])
    other.close()  # The other process has died without a result.

  pending.train_pending(
    cells, tmp_path, execute=execute, on_wait=on_wait, poll_s=0
  )
  assert trained == [*cells[1:], cells[0]]


def test_a_run_that_another_finishes_is_not_trained_again(small, tmp_path):
  cells = small.cells()[:1]
  held = directory.create_run(tmp_path, cells[0])
  other = contextlib.ExitStack()
  other.enter_context(directory.lock(held))

  def execute(a_run):
    with directory.lock(a_run):
      pytest.fail('it was trained a second time')

  def on_wait(_):
    finish(held)
    other.close()

  pending.train_pending(
    cells, tmp_path, execute=execute, on_wait=on_wait, poll_s=0
  )


def test_a_refusal_ends_the_grid(small, tmp_path):
  def execute(_):
    raise errors.UserError('no such data set')

  with pytest.raises(errors.UserError, match='no such data set'):
    pending.train_pending(small.cells(), tmp_path, execute=execute)


@pytest.mark.parametrize('error', [ZeroDivisionError, OverflowError])
def test_a_defect_is_no_divergence(small, tmp_path, error):
  def execute(_):
    raise error('a defect')

  with pytest.raises(error):
    pending.train_pending(small.cells(), tmp_path, execute=execute)


def test_what_this_machine_cannot_go_on_with_is_held_back(small, tmp_path):
  cells = small.cells()

  def execute(a_run):
    if a_run.config == cells[1]:
      raise errors.HeldBackError('begun with jit_compile=True')
    finish(a_run)

  failed = pending.train_pending(cells, tmp_path, execute=execute)
  assert list(failed) == [cells[1]]
  assert pending.pending(cells, tmp_path) == [cells[1]]


def test_a_damaged_configuration_costs_its_own_cell(small, tmp_path):
  cells = small.cells()
  bad = directory.create_run(tmp_path, cells[0])
  (bad.path / 'config.json').write_bytes(b'\xff')
  failed = pending.train_pending(cells, tmp_path, execute=finish)
  assert list(failed) == [cells[0]]
  assert pending.pending(cells, tmp_path) == [cells[0]]


def test_a_diverged_run_is_told_and_the_others_go_on(small, tmp_path):
  cells = small.cells()

  def execute(a_run):
    if a_run.config == cells[1]:
      raise FloatingPointError('distortion is not finite')
    finish(a_run)

  diverged = pending.train_pending(cells, tmp_path, execute=execute)
  assert list(diverged) == [cells[1]]
  assert pending.pending(cells, tmp_path) == [cells[1]]


def test_a_grid_needs_no_tensorflow():
  code = 'import sys, tfp_rd.run.grid; assert "tensorflow" not in sys.modules'
  subprocess.run([sys.executable, '-c', code], check=True)


def test_curves_of_strong_decoders_are_trained_in_their_own_way():
  plane = preset.PRESETS['plane']
  for cell in plane.cells():
    changes = plane.curve_changes[cell.model.architecture[1]]
    assert cell.training.num_steps == changes.num_steps
    assert cell.model.dropout == changes.dropout
    assert cell.evaluation.eval_train_examples == 300
    assert cell.objective.weight_power == changes.weight_power


def test_an_objective_without_fields_gets_the_weight_of_its_decoder():
  plane = dataclasses.replace(
    preset.PRESETS['plane'], objectives=('multi_rate()',)
  )
  powers = {c.model.architecture[1]: c.objective for c in plane.cells()}
  assert powers['-'].weight_power == -0.5
  assert powers['+'].weight_power == 0.15


def test_a_misspelt_change_of_curves_is_refused():
  with pytest.raises(TypeError, match='num_stepz'):
    grid.Changes(num_stepz=3)


def test_runs_of_one_beta_have_changes_of_their_own():
  separate = grid.Grid(
    objectives=('multi_rate()', 'beta_elbo(beta=1)'),
    separate_changes={'-': grid.Changes(num_steps=7)},
    curve_changes={'-': grid.Changes(num_steps=5)},
    architectures=('---', '-+-'),
  )
  usual = config.TrainingConfig().num_steps
  steps = [cell.training.num_steps for cell in separate.cells()]
  assert steps == [5, 7, usual, usual]


def test_changes_of_decoder_and_marginal_come_before_those_of_the_decoder():
  cells = grid.Grid(
    objectives=('multi_rate()',),
    curve_changes={
      '+': grid.Changes(num_steps=5),
      '+v': grid.Changes(num_steps=7),
      '-v': grid.Changes(num_steps=9),
    },
    architectures=('-+-', '-+v', '++v', '--v', '---'),
  ).cells()
  steps = [cell.training.num_steps for cell in cells]
  assert steps == [5, 7, 7, 9, config.TrainingConfig().num_steps]
  with pytest.raises(errors.UserError, match="has 'v'; its keys are signs"):
    grid.Grid(curve_changes={'v': grid.Changes(num_steps=5)})
