# SPDX-License-Identifier: Apache-2.0
"""How flags of the grid become curves of one run."""

import pytest
from command_line import curves


def test_the_plane_trains_each_curve_in_one_run(call, trainer):
  (curve,) = curves(call)
  assert repr(curve.objective) == 'multi_rate(beta_min=0.05, weight_power=0.15)'
  assert curve.evaluation.eval_betas == ()
  assert curve.name.startswith('run_-+v_multi_rate_')


def test_betas_of_a_curve_are_where_it_is_drawn(call, trainer):
  (curve,) = curves(call, '--betas=0.5,2', '--beta_max=4')
  assert curve.evaluation.eval_betas == (0.5, 2.0)
  assert repr(curve.objective) == (
    'multi_rate(beta_min=0.05, beta_max=4.0, weight_power=0.15)'
  )


def test_a_curve_is_validated_by_runs_of_single_betas(call, trainer):
  found = curves(call, '--preset=quick', '--validate_betas=0.1,1')
  (curve,) = (c for c in found if c.objective.is_curve)
  assert curve.evaluation.eval_betas == (0.1, 0.3, 1.0, 3.0)
  separate = [c for c in found if c != curve]
  assert {c.beta for c in separate} == {0.1, 1.0}
  assert {c.training for c in separate} == {curve.training}
  # A later grid of separate runs finds them done.
  trainer.execute = pytest.fail
  curves(call, '--preset=separate', '--num_steps=400', '--betas=0.1,1')


def test_curves_of_one_run_can_be_refused(call, trainer):
  found = curves(call, '--one_run_curves=false')
  assert {c.beta for c in found} == {0.1, 0.3, 1.0, 3.0}
  assert {c.objective.name for c in found} == {'beta_elbo'}


def test_any_preset_can_be_curves(call, trainer):
  argv = ('--preset=full', '--fake_data', '--one_run_curves')
  (curve,) = curves(call, *argv)
  # The most groups, up to eight, that divide the paper's batch of 100.
  assert repr(curve.objective) == (
    'multi_rate(beta_min=0.05, num_groups=5, weight_power=0.15)'
  )
  assert curve.training.batch_size % 5 == 0
  assert curve.training.num_steps == 100_000


def test_what_suits_digits_is_not_taken_elsewhere(call, trainer):
  (curve,) = curves(call, '--fake_data')
  # The weight of the loss is the decoder's.
  assert repr(curve.objective) == 'multi_rate(beta_min=0.05, weight_power=0.15)'
  assert curve.training.num_steps == 3000
  assert curve.complete_model((8, 8, 1)).dropout == 0.3


def test_a_cap_does_not_lengthen_a_curve(call, trainer):
  (curve,) = curves(call, '--max_steps=2500')
  assert curve.training.num_steps == 1700


def test_a_preset_has_curves_and_runs_of_one_beta(call, trainer):
  found = curves(call, '--preset=mnist', '--fake_data', '--max_steps=20')
  separate, curve = sorted(found, key=lambda c: c.objective.is_curve)
  assert separate.objective.beta == 1.0
  assert curve.objective.num_groups == 4
  assert {c.training.num_steps for c in found} == {20}
  assert {c.evaluation.eval_examples for c in found} == {5000}


def test_flags_change_the_curves_of_such_a_preset_alone(call, trainer):
  argv = ('--preset=mnist', '--fake_data')
  found = curves(call, *argv, '--beta_min=0.1', '--batch_size=6')
  assert {repr(c.objective) for c in found} == {
    'multi_rate(beta_min=0.1, num_groups=3, weight_power=-0.5)',
    'beta_elbo(beta=1.0)',
  }


def test_such_a_preset_can_be_without_curves(call, trainer):
  argv = ('--preset=mnist', '--fake_data', '--one_run_curves=false')
  (alone,) = curves(call, *argv, '--betas=0.5')
  assert alone.objective.beta == 0.5


def test_betas_of_a_preset_that_are_not_on_the_curve_are_left_out(
  call, trainer
):
  (curve,) = curves(call, '--preset=quick', '--beta_min=0.5')
  assert curve.evaluation.eval_betas == (1.0, 3.0)


@pytest.mark.parametrize('order', [1, -1])
def test_two_curves_are_drawn_where_both_are(call, trainer, order):
  ranges = (0.5, 0.05)[::order]
  found = curves(
    call,
    '--preset=quick',
    *(f'--objective=multi_rate(beta_min={low})' for low in ranges),
  )
  assert {c.evaluation.eval_betas for c in found} == {(1.0, 3.0)}


def test_the_order_of_betas_is_no_other_run(call, trainer):
  curves(call, '--betas=1,3')
  (curve,) = curves(call, '--betas=3,1,1')
  assert curve.evaluation.eval_betas == (1.0, 3.0)


def test_naming_what_is_so_by_default_changes_nothing(call, trainer):
  curves(call)
  (curve,) = curves(call, '--dataset=digits', '--size=small')
  assert curve.training.num_steps == 1700


def test_images_that_are_evaluated_can_be_chosen_for_a_curve(call, trainer):
  (curve,) = curves(call, '--eval_examples=40')
  assert curve.evaluation.eval_examples == 40


def test_a_beta_that_is_validated_is_on_the_curve(call, trainer):
  found = curves(call, '--preset=quick', '--validate_betas=0.2')
  (curve,) = (c for c in found if c.objective.is_curve)
  assert curve.evaluation.eval_betas == (0.2, 0.3, 1.0, 3.0)
