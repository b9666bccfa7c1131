# SPDX-License-Identifier: Apache-2.0
"""Commands answer with an exit status; flags are fields of the records."""

import dataclasses
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from absl import flags
from command_line import DEFAULT, environment, finish, only_run

from tfp_rd import config, dataset, objective, record_text
from tfp_rd.cli import (
  config_flags,
  objective_flags,
)
from tfp_rd.run import directory, grid, preset

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
  assert err == [
    '1 run of 1,500 steps in runs, by 1 worker; done: 0, with 0 of 1,500 '
    'steps.',
    '1/1  --- beta 1: test R 1.10  D 2.20  -ELBO 3.30 nats',
  ]


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
  again = call('train')
  assert again[:2] == first[:2]
  assert again[2] == ['the run is finished; nothing was to be done.']


def test_a_file_s_content_is_part_of_the_run(call, trainer, arrays):
  path = arrays()
  call('train', f'--dataset={path.name}')
  found = only_run().config.data
  assert found.dataset == str(path)
  assert found.sha256 == dataset.fingerprint(path)
  arrays(test=np.zeros((3, 4, 4)))
  call('train', f'--dataset={path.name}')
  assert len(directory.runs_below('runs')) == 2


def test_a_run_is_prepared_without_training_and_trained_later(call, trainer):
  command = ('train', '--architecture=--v', '--max_steps=2', '--fake_data')
  for _ in range(2):
    status, out, err = call(*command, '--prepare')
    assert (status, err) == (0, [])
    (path,) = map(pathlib.Path, out)
    assert [file.name for file in path.iterdir()] == ['config.json']
  status, out, _ = call(*command)
  assert status == 0
  assert out[-1] == str(path)
  assert (path / 'result.json').exists()
