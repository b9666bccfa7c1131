# SPDX-License-Identifier: Apache-2.0
"""The command that trains a table of runs, and goes on where it was."""

import pytest
from command_line import curves, SMALL, train_at_once

from tfp_rd.cli import (
  command,
)
from tfp_rd.run import directory


def test_a_grid_trains_its_cells_and_draws_the_report(call, trainer, tmp_path):
  status, out, err = call(*SMALL)
  assert status == 0
  found = [r.config for r in directory.runs_below('runs')]
  assert {(c.model.architecture, c.beta) for c in found} == {
    (a, b) for a in ('---', '-+v') for b in (0.5, 2.0)
  }
  assert (tmp_path / 'report' / 'rd_plane.png').exists()
  assert 'report/table.md' in out
  assert err[0] == (
    '4 runs of 3,000 steps in runs, by 1 worker; done: 0, with 0 of 12,000 '
    'steps.'
  )
  assert [line[:3] for line in err[1:]] == ['1/4', '2/4', '3/4', '4/4']


def test_architectures_may_follow_without_an_equals_sign(call, trainer):
  argv = ('--architectures', '-+v,---', '--betas=1', '--report_dir=')
  assert call('grid', *argv)[0] == 0
  assert len(directory.runs_below('runs')) == 2


def test_a_grid_typed_again_trains_nothing(call, trainer):
  call(*SMALL)
  trainer.execute = None
  status, out, err = call(*SMALL)
  assert status == 0
  assert err == ['all of 4 runs are finished; nothing was to be done.']
  assert 'report/table.md' in out


def test_a_stopped_grid_goes_on_where_it_was(call, trainer):
  def execute(a_run, execution, **callbacks):
    if a_run.config.model.architecture == '-+v':
      raise KeyboardInterrupt
    train_at_once(a_run, execution, **callbacks)

  trainer.execute = execute
  assert call(*SMALL)[0] == command.INTERRUPTED
  trainer.execute = train_at_once
  status, _, err = call(*SMALL)
  assert status == 0
  assert 'done: 2, with 6,000 of 12,000' in err[0]
  assert [line[:3] for line in err[1:]] == ['3/4', '4/4']


def test_flags_override_a_preset_and_the_rest_of_it_stays(call, trainer):
  status, _, err = call(
    *('grid', '--preset=separate', '--architectures=---', '--latent_size=3'),
    *('--kl_annealing_steps=5', '--seeds=0,1', '--report_dir='),
  )
  assert status == 0, err
  found = [r.config for r in directory.runs_below('runs')]
  assert len(found) == 8
  assert {c.training.num_steps for c in found} == {3000}
  assert {c.model.latent_size for c in found} == {3}
  assert {c.beta for c in found} == {0.1, 0.3, 1.0, 3.0}
  assert {c.seed for c in found} == {0, 1}
  assert all(c.objective.kl_annealing_steps == 5 for c in found)


def test_warm_runs_name_their_parents(call, trainer):
  def execute(a_run, execution, **callbacks):
    (a_run.path / 'checkpoint').mkdir()
    (a_run.path / 'checkpoint' / 'kept.index').touch()
    train_at_once(a_run, execution, **callbacks)

  trainer.execute = execute
  # A beta that is given twice is one run.
  argv = ('--betas=0.1,0.3,1,1,3', '--warm_start=down')
  found = curves(call, '--preset=separate', *argv)
  assert len(found) == 4
  by_beta = {c.beta: c for c in found}
  assert [c.beta for c in found if not c.parent] == [3.0]
  for beta, parent in ((1.0, 3.0), (0.3, 1.0), (0.1, 0.3)):
    assert by_beta[beta].parent == by_beta[parent].identity


def test_a_corrupt_result_is_set_aside_and_its_run_done_again(call, trainer):
  call(*SMALL)
  broken = directory.runs_below('runs')[2]
  (broken.path / 'result.json').write_text('torn')
  status, _, err = call('report')
  assert status == 1
  assert any(broken.path.name in line for line in err)
  status, _, err = call(*SMALL)
  assert status == 0
  assert 'result.json.corrupt' in err[0]
  assert (broken.path / 'result.json.corrupt').read_text() == 'torn'
  assert call('report')[0] == 0


def test_a_diverged_cell_is_named_and_the_report_has_the_others(
  call, trainer, tmp_path
):
  def execute(a_run, execution, **callbacks):
    if a_run.config.beta == 2:
      raise FloatingPointError('the rate was no longer finite at step 3.')
    train_at_once(a_run, execution, **callbacks)

  trainer.execute = execute
  status, _, err = call(*SMALL)
  assert status == 1
  assert sum('step 3' in line for line in err) == 2
  assert 'beta2' in err[-1]
  assert (tmp_path / 'report' / 'table.csv').exists()


@pytest.mark.parametrize(
  ('argv', 'words'),
  [
    (['--betas=0.01,1'], 'not on the curve'),
    (['--validate_betas=20'], 'not on the curve'),
    (['--preset=separate', '--validate_betas=1'], 'one_run_curves'),
    (['--preset=separate', '--beta_min=0.1'], 'one_run_curves'),
    (
      ['--warm_start=up', '--objective=target_rate(target_rate_nats=1)'],
      'beta_elbo',
    ),
    (['--warm_start=up'], 'separate'),
    (
      [
        '--warm_start=up',
        '--objective=beta_elbo(beta=1)',
        '--objective=beta_elbo(beta=2, kl_annealing_steps=9)',
      ],
      'differ in beta alone',
    ),
    (['--kl_annealing_steps=5'], 'one_run_curves=false'),
    (['--beta_min=3', '--beta_max=1'], 'larger beta_max'),
    (['--validate_betas=0'], 'positive'),
    (['--one_run_curves', '--objective=beta_elbo(beta=1)'], 'objective'),
    (['--preset=plain'], 'plane'),
    (['--architectures=---,v--'], "'v--'"),
    (['--architectures='], '--architectures is empty'),
    (['--betas='], '--betas is empty'),
    (['--betas=1,zero'], 'zero'),
    (['--betas=1,0'], 'beta is 0'),
    (['--seeds=one'], "'one'"),
    (['--workers=-1'], 'workers'),
    (['--beta=1'], 'betas'),
    (['--betas=1', '--objective=beta_elbo(beta=1)'], '--objective'),
    (['--betas=1', '--betas=2'], '--betas is given twice'),
    (['--run_root='], '--run_root is empty'),
  ],
)
def test_a_mistake_in_a_grid_is_one_sentence(
  call, trainer, tmp_path, argv, words
):
  status, out, err = call('grid', *argv)
  assert status in (1, 2)
  assert (out, len(err)) == ([], 1)
  assert words in err[0]
  assert not (tmp_path / 'runs').exists()
