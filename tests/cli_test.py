# SPDX-License-Identifier: Apache-2.0
"""Programs answer with an exit status, and a mistake with one sentence.

The trainer is replaced by one that writes results at once, except in the tests
that say otherwise.
"""

import dataclasses
import errno
import io
import os
import signal
import subprocess
import sys
import types

import fabrication
import numpy as np
import pytest
from absl import flags

import tfp_rd
from tfp_rd import config, dataset, objective, record_text
from tfp_rd.cli import __main__ as dispatcher
from tfp_rd.cli import (
  config_flags,
  objective_flags,
  point_table,
  program,
  progress,
  workers,
)
from tfp_rd.cli import grid as grid_program
from tfp_rd.cli import sample as sample_program
from tfp_rd.point import Point
from tfp_rd.run import directory, grid, pending, preset, sealed

POINT = Point.from_examples(
  np.array([1.0, 1.2]), np.array([2.0, 2.4]), num_samples=4
)


def finish(a_run):
  fabrication.finish(a_run, fabrication.entries_of(a_run, POINT.to_dict()))


def train_at_once(a_run, execution, *, on_progress, on_warning):
  del execution, on_warning
  with directory.lock(a_run):
    steps = a_run.config.training.num_steps
    on_progress(steps, steps, {'rate_nats': 1.0, 'distortion_nats': 2.0})
    finish(a_run)


# What the programs train without a flag.
DEFAULT = config.Config()


@pytest.fixture
def trainer(monkeypatch):
  """Replaces the experiment module; a test may replace `execute` again."""
  fake = types.ModuleType('tfp_rd.training.experiment')
  fake.execute = train_at_once
  monkeypatch.setitem(sys.modules, 'tfp_rd.training.experiment', fake)
  monkeypatch.setattr(tfp_rd, 'experiment', fake, raising=False)
  monkeypatch.setattr(program, 'tensorflow', lambda: None)
  # Other processes would not know of it.
  monkeypatch.setattr(workers, 'default_number', lambda **_: 1)
  return fake


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
  """Calls `tfp-rd`; returns status, lines of stdout, lines of stderr."""
  monkeypatch.chdir(tmp_path)

  def call_(*argv):
    status = dispatcher.main([str(a) for a in argv])
    out, err = capsys.readouterr()
    return status, out.splitlines(), err.splitlines()

  return call_


@pytest.fixture
def arrays(tmp_path):
  """Writes an .npz with one array replaced; returns its path."""

  def write(**changes):
    bits = np.random.RandomState(0).randint(2, size=(20, 4, 4))
    content = {'train': bits, 'test': bits, **changes}
    path = tmp_path / 'mine.npz'
    np.savez(path, **content)
    return path

  return write


def only_run(root='runs'):
  (found,) = directory.runs_below(root)
  return found


# Runs a program as `python -m` does and says at its end what it imported.
TELLS_OF_TENSORFLOW = """
import atexit, runpy, sys

@atexit.register
def tell():
  print('tensorflow:', 'tensorflow' in sys.modules, file=sys.stderr)

sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)
"""


# Programs and help.


def test_help_names_every_program_and_each_explains_itself(call):
  status, out, _ = call('--help')
  assert status == 0
  for name in ('train', 'grid', 'evaluate', 'report', 'sample'):
    assert any(name in line for line in out)
    status, lines, _ = call(name, '--help')
    assert status == 0
    assert lines[0].startswith(f'tfp-rd {name} ')
    assert max(map(len, lines)) <= 80


def test_without_a_name_the_dispatcher_shows_its_help(call):
  status, out, _ = call()
  assert status == 2
  assert out


def test_a_misspelt_program_is_met_with_the_right_one(call):
  status, _, err = call('trian')
  assert status == 2
  assert len(err) == 1
  assert "'train'" in err[0]


def test_help_and_report_bring_no_tensorflow(tmp_path):
  a_run = directory.create_run(tmp_path / 'runs', DEFAULT)
  finish(a_run)
  for module, *argv in (
    ('tfp_rd.cli.train', '--help'),
    ('tfp_rd.cli.grid', '--beta=3'),
    ('tfp_rd.cli.report',),
  ):
    command = [sys.executable, '-c', TELLS_OF_TENSORFLOW, module, *argv]
    done = subprocess.run(
      command, cwd=tmp_path, env=environment(), capture_output=True, text=True
    )
    assert done.returncode == (2 if module.endswith('grid') else 0)
    assert done.stderr.endswith('tensorflow: False\n')
  assert (tmp_path / 'report' / 'rd_plane.png').exists()


def test_importing_and_running_programs_leaves_absl_s_own_flags_alone(call):
  before = set(flags.FLAGS)
  call('train', '--help')
  assert set(flags.FLAGS) == before


# Flags are the fields of the records.


def defined():
  flag_values = flags.FlagValues()
  config_flags.define(flag_values)
  objective_flags.define(flag_values)
  return flag_values


def leaves(record):
  for field in dataclasses.fields(record):
    value = getattr(record, field.name)
    if field.name == 'objective':
      yield field.name, repr(value)
    elif dataclasses.is_dataclass(value):
      yield from leaves(value)
    else:
      yield field.name, value


@pytest.mark.parametrize('record', [config.Config(), config.Execution()])
def test_each_field_is_a_flag_with_its_default_and_a_help(record):
  flag_values = defined()
  flag_values.mark_as_parsed()
  for name, default in leaves(record):
    if name not in ('sha256', 'parent', 'warm_start'):
      if isinstance(default, (tuple, record_text.Options)):
        default = [*default]
      assert flag_values[name].default == default, name
      assert flag_values[name].help, name


def test_without_flags_a_record_is_read_as_it_is():
  flag_values = defined()
  flag_values(['train'])
  record = preset.PRESETS['full'].base
  assert config_flags.read(flag_values, record) == record


def test_flags_of_every_type_reach_the_record():
  flag_values = defined()
  flag_values(
    ['train', '--latent_size=3', '--fake_data', '--dropout=0.5', '--seed=7']
  )
  read = config_flags.read(flag_values, config.Config())
  assert read.model.latent_size == 3
  assert read.data.fake_data
  assert read.model.dropout == 0.5
  assert read.seed == 7


# train


def test_train_ends_with_the_run_s_directory(call, trainer):
  status, out, err = call('train')
  assert status == 0
  assert out[-1] == str(only_run().path)
  assert len(out) == 1 + 3 + 1
  assert '1.10 ± 0.10' in out[1]
  assert err == ['1/1  --- beta 1: test R 1.10  D 2.20  -ELBO 3.30 nats']


@pytest.mark.parametrize(
  'argv', [['--architecture=-+v'], ['--architecture', '-+v']]
)
def test_an_architecture_is_no_flag(call, trainer, argv):
  assert call('train', *argv)[0] == 0
  assert only_run().config.model.architecture == '-+v'


def test_beta_is_short_for_an_objective(call, trainer):
  assert call('train', '--beta=0.5')[0] == 0
  assert repr(only_run().config.objective) == 'beta_elbo(beta=0.5)'
  assert call('train', '--objective=beta_elbo( beta = .5 )')[0] == 0
  only_run()  # One run still: both are the same.


def test_what_the_programs_write_is_the_objective_s_own_repr():
  for text in (
    *preset.PRESETS['full'].objectives,
    *grid.beta_elbos([0.5, 1e-9], kl_annealing_steps=10),
  ):
    assert objective.parse(repr(text)) == text


def test_annealing_becomes_a_field_of_the_objective(call, trainer):
  call('train', '--kl_annealing_steps=10')
  assert repr(only_run().config.objective) == (
    'beta_elbo(beta=1.0, kl_annealing_steps=10)'
  )


def test_a_dry_run_has_an_identity_of_its_own(call, trainer):
  paths = {
    call('train', *argv)[1][-1]
    for argv in ([], ['--max_steps=2'], ['--fake_data'], ['--max_steps=9999'])
  }
  assert len(paths) == 3  # A cap that caps nothing is no other run.
  steps = {r.config.training.num_steps for r in directory.runs_below('runs')}
  assert steps == {2, 1500}


def test_how_a_number_is_reached_is_no_part_of_the_identity(call, trainer):
  assert call('train')[1][-1] == call('train', '--steps_per_call=7')[1][-1]


def test_a_finished_run_is_found_again(call, trainer):
  first = call('train')
  trainer.execute = None
  assert call('train')[:2] == first[:2]


def test_a_file_s_content_is_part_of_the_run(call, trainer, arrays):
  path = arrays()
  call('train', f'--dataset={path.name}')
  found = only_run().config.data
  assert found.dataset == str(path)
  assert found.sha256 == dataset.fingerprint(path)
  arrays(test=np.zeros((3, 4, 4)))
  call('train', f'--dataset={path.name}')
  assert len(directory.runs_below('runs')) == 2


# Bad input: one sentence, a status, nothing left behind.

BAD = [
  (['--architecture=+++v'], "'+++v'", 'three signs'),
  (['--architecture=v-+'], "'v-+'", 'in this order'),
  (['--dataset=digit'], "'digit'", "'digits'"),
  (['--dataset=missing.npz'], 'missing.npz', 'no file'),
  (['--dataset=text.npz'], 'text.npz', 'no .npz'),
  (['--beta=0'], 'beta is 0', 'positive'),
  (['--beta=-1'], 'beta is -1', 'positive'),
  (['--beta=nan'], 'beta is nan', 'finite'),
  (['--beta=inf'], 'beta is inf', 'finite'),
  (['--beta=half'], '--beta=half', 'float'),
  (['--beta=1', '--objective=beta_elbo(beta=1)'], '--beta', '--objective'),
  (['--kl_annealing_steps=-1'], 'kl_annealing_steps is -1', 'positive'),
  (['--objective=elbow(beta=1)'], 'elbow', 'beta_elbo'),
  (['--objective=beta_elbo(gamma=1)'], 'gamma', 'beta'),
  (['--objective=beta_elbo(beta=-1)'], 'beta', '-1'),
  (['--objective=__import__("os")'], '__import__', 'objective'),
  (['--latent_size=0'], 'latent_size is 0', 'positive'),
  (['--num_pseudo_inputs=-1'], 'num_pseudo_inputs is -1', 'positive'),
  (['--num_steps=0'], 'num_steps is 0', 'positive'),
  (['--max_steps=0'], 'max_steps is 0', 'positive'),
  (['--batch_size=-5'], 'batch_size is -5', 'positive'),
  (['--learning_rate=0'], 'learning_rate is 0', 'positive'),
  (['--learning_rate=nan'], 'learning_rate is nan', 'finite'),
  (['--checkpoint_every=0'], 'checkpoint_every is 0', 'positive'),
  (['--steps_per_call=0'], 'steps_per_call is 0', 'positive'),
  (['--eval_samples=0'], 'eval_samples is 0', 'positive'),
  (['--eval_examples=0'], 'eval_examples is 0', 'positive'),
  (['--dropout=1'], 'dropout is 1', '[0, 1)'),
  (['--weight_averaging=1'], 'weight_averaging is 1', '[0, 1)'),
  (['--validate_every=-1'], 'validate_every is -1', 'positive'),
  (['--size=large'], "'large'", "'paper'"),
  (['--binarize=half'], "'half'", "'threshold'"),
  (['--latent_input=never'], "'never'", "'everywhere'"),
  (['--jit_compile=maybe'], "'maybe'", "'auto'"),
  (['--num_steps=1e3'], 'num_steps=1e3', 'int'),
  (['--beat=1'], "'beat'", 'beta'),
  (['--architecture'], 'Missing value', '--architecture'),
  (['stray'], "'stray'", '--name=value'),
]


@pytest.mark.parametrize(('argv', 'got', 'expected'), BAD)
def test_a_mistake_is_one_sentence(
  call, trainer, tmp_path, argv, got, expected
):
  (tmp_path / 'text.npz').write_text('no arrays')
  status, out, err = call('train', *argv)
  assert status in (1, 2)
  assert out == []
  assert len(err) == 1
  assert got in err[0]
  assert expected in err[0]
  assert not (tmp_path / 'runs').exists()


@pytest.mark.parametrize(
  ('changes', 'words'),
  [
    ({'train': np.full((5, 4, 4), 300)}, '300'),
    ({'train': np.full((5, 4, 4), -1)}, '-1'),
    ({'train': np.full((5, 4, 4), 0.5)}, 'bits'),
    ({'train': np.full((5, 4, 4), np.nan)}, 'NaN'),
    ({'train': np.zeros((5, 16))}, 'shape'),
    ({'train': np.zeros((0, 4, 4))}, 'empty'),
    ({'test': np.zeros((5, 9, 9))}, '9x9'),
  ],
)
def test_bad_arrays_are_refused_before_a_run_is_made(
  call, trainer, arrays, tmp_path, changes, words
):
  status, out, err = call('train', f'--dataset={arrays(**changes)}')
  assert (status, out, len(err)) == (1, [], 1)
  assert words in err[0]
  assert not (tmp_path / 'runs').exists()


def test_a_directory_that_cannot_be_made_is_named(call, trainer, tmp_path):
  (tmp_path / 'file').write_text('')
  status, _, err = call('train', '--run_root=file/runs')
  assert (status, len(err)) == (1, 1)
  assert 'file' in err[0]


@pytest.mark.parametrize(
  ('error', 'words'),
  [
    (OSError(errno.ENOSPC, 'No space left on device', 'x'), 'disk is full'),
    (PermissionError(errno.EACCES, 'Permission denied', 'x'), 'permission'),
    (OSError(errno.EROFS, 'Read-only file system', 'x'), 'permission'),
    (RuntimeError('... No space left on device ...'), 'disk is full'),
    (OSError('the server is not there'), 'the server is not there'),
  ],
)
def test_what_the_system_refuses_is_one_sentence(call, trainer, error, words):
  def execute(*_, **__):
    raise error

  trainer.execute = execute
  status, _, err = call('train')
  assert (status, len(err)) == (1, 1)
  assert words in err[0]


def test_a_really_full_device_is_one_sentence(tmp_path):
  if not os.path.exists('/dev/full'):
    pytest.skip('no /dev/full here')
  a_run = directory.create_run(tmp_path / 'runs', DEFAULT)
  finish(a_run)
  with open('/dev/full', 'w') as full:
    done = subprocess.run(
      [sys.executable, '-m', 'tfp_rd.cli', 'train'],
      cwd=tmp_path,
      env=environment(),
      stdout=full,
      stderr=subprocess.PIPE,
      text=True,
    )
  assert done.returncode == 1
  assert len(done.stderr.splitlines()) == 1
  assert 'disk is full' in done.stderr


def test_a_second_process_on_the_same_run_is_told_so(call, trainer, tmp_path):
  with directory.lock(directory.create_run(tmp_path / 'runs', DEFAULT)):
    status, _, err = call('train')
  assert (status, len(err)) == (1, 1)
  assert 'another process' in err[0]


def test_a_directory_of_another_configuration_is_left_alone(
  call, trainer, tmp_path
):
  a_run = directory.create_run(tmp_path / 'runs', DEFAULT)
  other = sealed.to_text(config.Config(seed=3).to_dict())
  (a_run.path / 'config.json').write_text(other)
  status, _, err = call('train')
  assert (status, len(err)) == (1, 1)
  assert 'holds the configuration of' in err[0]
  assert (a_run.path / 'config.json').read_text() == other


def test_a_diverged_training_is_one_sentence(call, trainer):
  class NonFiniteError(FloatingPointError):
    pass

  def execute(*_, **__):
    raise NonFiniteError('the distortion was no longer finite at step 3.')

  trainer.execute = execute
  status, _, err = call('train')
  assert (status, len(err)) == (1, 1)
  assert 'step 3' in err[0]


def test_a_defect_keeps_its_traceback(call, trainer):
  def execute(*_, **__):
    return 1 / 0

  trainer.execute = execute
  with pytest.raises(ZeroDivisionError):
    call('train')


@pytest.mark.parametrize('name', ['train', 'grid'])
def test_ctrl_c_says_that_the_same_command_goes_on(call, trainer, name):
  def execute(*_, **__):
    raise KeyboardInterrupt

  trainer.execute = execute
  status, _, err = call(name)
  assert status == program.INTERRUPTED
  assert len(err) == 1
  assert 'the same command goes on' in err[0]


# grid

SMALL = (
  *('grid', '--preset=separate'),
  *('--architectures=---,-+v', '--betas=0.5,2'),
)


def test_a_grid_trains_its_cells_and_draws_the_report(call, trainer, tmp_path):
  status, out, err = call(*SMALL)
  assert status == 0
  found = [r.config for r in directory.runs_below('runs')]
  assert {(c.model.architecture, c.beta) for c in found} == {
    (a, b) for a in ('---', '-+v') for b in (0.5, 2.0)
  }
  assert (tmp_path / 'report' / 'rd_plane.png').exists()
  assert 'report/table.md' in out
  assert [line[:3] for line in err] == ['1/4', '2/4', '3/4', '4/4']


def test_architectures_may_follow_without_an_equals_sign(call, trainer):
  argv = ('--architectures', '-+v,---', '--betas=1', '--report_dir=')
  assert call('grid', *argv)[0] == 0
  assert len(directory.runs_below('runs')) == 2


def test_a_grid_typed_again_trains_nothing(call, trainer):
  call(*SMALL)
  trainer.execute = None
  assert call(*SMALL)[0] == 0


def test_a_stopped_grid_goes_on_where_it_was(call, trainer):
  def execute(a_run, execution, **callbacks):
    if a_run.config.model.architecture == '-+v':
      raise KeyboardInterrupt
    train_at_once(a_run, execution, **callbacks)

  trainer.execute = execute
  assert call(*SMALL)[0] == program.INTERRUPTED
  trainer.execute = train_at_once
  status, _, err = call(*SMALL)
  assert status == 0
  assert [line[:3] for line in err] == ['3/4', '4/4']


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


def curves(call, *argv):
  status, _, err = call('grid', '--architectures=-+v', '--report_dir=', *argv)
  assert status == 0, err
  return [r.config for r in directory.runs_below('runs')]


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


# report, evaluate, sample


@pytest.mark.parametrize(
  ('argv', 'words'),
  [
    (['report', '--run_root=nowhere'], 'nowhere'),
    (['report', '--run_root=.'], 'no finished run'),
    (['report', '--report_dir='], '--report_dir is empty'),
    (['evaluate'], 'RUN_OR_ROOT'),
    (['evaluate', 'nowhere'], 'nowhere'),
    (['evaluate', '.'], 'no run'),
    (['evaluate', '.', '--num_samples=0'], 'num_samples is 0'),
    (['evaluate', '.', '--split=tset'], 'test'),
    (['sample'], 'RUN'),
    (['sample', 'nowhere'], 'nowhere'),
    (['sample', '.', 'stray'], 'RUN'),
    (['sample', '.', '--num_images=0'], 'num_images'),
  ],
)
def test_a_mistake_in_another_program_is_one_sentence(
  call, trainer, argv, words
):
  status, out, err = call(*argv)
  assert status in (1, 2)
  assert (out, len(err)) == ([], 1)
  assert words in err[0]


@pytest.mark.parametrize('output', ['x', 'x.txt', 'nowhere/x.png'])
def test_sample_refuses_a_file_that_it_cannot_write(call, trainer, output):
  path = directory.create_run('runs', DEFAULT).path
  status, _, err = call('sample', path, f'--output={output}')
  assert (status, len(err)) == (1, 1)


def test_a_page_holds_every_image_once():
  images = np.random.RandomState(0).rand(2, 3, 4, 5, 1)
  page = sample_program._page(images)
  kept = page[~np.isnan(page)]
  np.testing.assert_array_equal(np.sort(kept), np.sort(images.ravel()))
  np.testing.assert_array_equal(page[:4, :5], images[0, 0, ..., 0])
  np.testing.assert_array_equal(page[-4:, -5:], images[1, 2, ..., 0])


def test_a_table_is_aligned():
  rows = [(('a',), POINT), (('longer',), POINT)]
  header, *lines = point_table.text(('run',), rows).splitlines()
  assert len({len(line) for line in (header, *lines)}) == 1
  assert '2.20 ± 0.20' in lines[0]


def test_a_real_run_is_trained_measured_and_shown(call, tmp_path):
  dry = ('--fake_data', '--max_steps=2', '--eval_samples=1')
  status, out, err = call('train', *dry, '--eval_examples=20')
  assert status == 0, err
  path = out[-1]
  assert only_run().result['test']['num_examples'] == 20
  status, out, err = call('evaluate', path, '--num_samples=2')
  assert (status, err) == (0, [])
  assert [line.split()[2] for line in out[1:]] == list(point_table.SPLITS)
  assert all(line.split()[-2:] == ['20', '2'] for line in out[1:])
  status, out, err = call('sample', path, '--output=s.png', '--num_images=3')
  assert (status, out, err) == (0, ['s.png'], [])
  assert (tmp_path / 's.png').read_bytes()[:4] == b'\x89PNG'


# Progress


class Terminal(io.StringIO):
  def isatty(self):
    return True


def test_a_terminal_sees_a_bar_with_the_run_at_work(monkeypatch, tmp_path):
  monkeypatch.setattr(sys, 'stderr', terminal := Terminal())
  cells = grid.Grid(architectures=('---',)).cells()
  finish(directory.create_run(tmp_path, cells[0]))
  a_run = directory.create_run(tmp_path, cells[1])
  with progress.Progress(cells, tmp_path) as shown:
    shown.step(a_run, 750, {'rate_nats': 12.34, 'distortion_nats': 5.67})
    finish(a_run)
    shown.look()
  text = terminal.getvalue()
  assert '1/4 runs' in text
  assert '2/4 runs' in text
  assert '--- beta 0.3, R 12.3 D 5.7 nats' in text
  assert ' left' in text
  assert 'test R' not in text  # Lines are for files.


def test_a_half_written_row_is_no_error(tmp_path, capsys):
  cells = grid.Grid(architectures=('---',)).cells()
  a_run = directory.create_run(tmp_path, cells[1])
  (a_run.path / 'metrics.csv').write_text('step,rate_nats\n100,3.5\n20')
  with progress.Progress(cells, tmp_path) as shown:
    shown.look(at_work=True)
  assert capsys.readouterr().err == ''


# Workers: real processes, which import this file.


def work(cells, root, number):
  del number

  def execute(a_run):
    with directory.lock(a_run):
      if a_run.is_done:  # The other was faster: these runs take no time.
        return
      owner = a_run.path / 'owner'
      with owner.open('a') as f:
        f.write(f'{os.getpid()}\n')
      finish(a_run)

  pending.train_pending(cells, root, execute=execute, poll_s=0.01)
  return 0


def work_or_die(cells, root, number):
  """The process that takes the first cell is killed in the middle of it."""
  del number

  def execute(a_run):
    with directory.lock(a_run):
      if a_run.config == cells[0] and not (root / 'died').exists():
        (root / 'died').write_text('')
        os.kill(os.getpid(), signal.SIGKILL)
      finish(a_run)

  pending.train_pending(cells, root, execute=execute, poll_s=0.01)
  return 0


def test_workers_share_a_grid_and_train_each_run_once(tmp_path):
  cells = grid.Grid().cells()
  dead = workers.run_all(
    work, (cells, tmp_path), num_workers=2, watch=lambda: None, poll_s=0.05
  )
  assert dead == 0
  assert pending.pending(cells, tmp_path) == []
  for a_run in directory.runs_below(tmp_path):
    assert len((a_run.path / 'owner').read_text().splitlines()) == 1


def test_a_killed_worker_is_told_and_its_run_taken_on(tmp_path, capsys):
  cells = grid.Grid().cells()
  dead = workers.run_all(
    work_or_die,
    (cells, tmp_path),
    num_workers=2,
    watch=lambda: None,
    poll_s=0.05,
  )
  assert dead == 1
  assert 'SIGKILL' in capsys.readouterr().err
  assert pending.pending(cells, tmp_path) == []


def test_a_grid_with_a_dead_worker_fails_and_is_drawn(
  call, trainer, tmp_path, monkeypatch
):
  def run_all(function, arguments, **_):
    assert function is grid_program._work
    train = pending.train_pending
    train(arguments[0], arguments[1].run_root, execute=finish)
    return 1

  monkeypatch.setattr(workers, 'run_all', run_all)
  status, _, err = call(*SMALL, '--workers=2')
  assert status == 1
  assert '1 of 2 workers' in err[-1]
  assert (tmp_path / 'report' / 'table.csv').exists()


def test_by_default_there_is_a_process_a_gpu_or_for_small_models_a_core(
  monkeypatch,
):
  monkeypatch.setattr(workers, '_num_cores', lambda: 64)
  monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
  assert workers.default_number(is_small=True) == 4
  assert workers.default_number(is_small=False) == 1
  monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '0,1')
  assert workers.default_number(is_small=True) == 2


def test_workers_begin_at_different_families_costly_ones_first(
  monkeypatch, tmp_path
):
  cells = grid.Grid().cells()
  firsts = []

  def train_here(cells, *_, **__):
    firsts.append(cells[0].model.architecture)
    assert len(cells) == 48
    return ''

  monkeypatch.setattr(grid_program, '_train_here', train_here)
  for number in range(3):
    grid_program._work(cells, config.Execution(), 3, number)
  assert firsts == ['++v', '+-+', '-+-']


def test_gpus_are_dealt_out_in_turn(monkeypatch):
  monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '4,GPU-ab')
  dealt = [e['CUDA_VISIBLE_DEVICES'] for e in workers.environments(3)]
  assert dealt == ['4', 'GPU-ab', '4']


@pytest.mark.parametrize(
  ('value', 'gpus'), [('', []), ('-1', []), ('0', ['0']), ('1,-1,2', ['1'])]
)
def test_gpus_are_read_as_cuda_reads_them(value, gpus):
  assert workers.visible_gpus({'CUDA_VISIBLE_DEVICES': value}) == gpus


def test_workers_share_the_cores_unless_the_user_decides(monkeypatch):
  monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
  monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
  monkeypatch.setenv('TF_NUM_INTRAOP_THREADS', '3')
  (added,) = workers.environments(1)
  assert int(added['OMP_NUM_THREADS']) == len(os.sched_getaffinity(0))
  assert 'TF_NUM_INTRAOP_THREADS' not in added
  (added, _) = workers.environments(10_000)[:2]
  assert added['OMP_NUM_THREADS'] == '1'


def environment():
  root = os.path.dirname(os.path.dirname(tfp_rd.cli.__file__))
  path = [os.path.dirname(root), os.environ.get('PYTHONPATH', '')]
  return {**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, path))}
