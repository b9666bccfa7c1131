# SPDX-License-Identifier: Apache-2.0
"""A mistake at the command line is one sentence and leaves nothing behind."""

import dataclasses
import errno
import os
import subprocess
import sys

import numpy as np
import pytest
from command_line import DEFAULT, environment, finish

from tfp_rd import config, errors
from tfp_rd.cli import command, training
from tfp_rd.run import directory, sealed

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
  (['--beta=half'], '--beta=half', 'a number, such as 0.5'),
  (['--beta=1', '--objective=beta_elbo(beta=1)'], '--beta', '--objective'),
  (['--kl_annealing_steps=-1'], 'kl_annealing_steps is -1', 'positive'),
  (['--objective=elbow(beta=1)'], 'elbow', 'beta_elbo'),
  (['--objective=beta_elbo(gamma=1)'], 'gamma', 'beta'),
  (['--objective=beta_elbo(0.5)'], 'without its name', 'beta_elbo(beta=0.5)'),
  (['--objective=multi_rate(low)'], 'multi_rate(low)', 'cannot be read'),
  (['--objective=beta_elbo(beta=-1)'], 'beta', '-1'),
  (['--objective=__import__("os")'], '__import__', 'objective'),
  (['--latent_size=0'], 'latent_size is 0', 'positive'),
  (['--num_pseudo_inputs=-1'], 'num_pseudo_inputs is -1', 'positive'),
  (['--num_steps=0'], 'num_steps is 0', 'positive'),
  (['--max_steps=0'], 'max_steps is 0', 'positive'),
  (['--batch_size=-5'], 'batch_size is -5', 'positive'),
  (['--learning_rate=0'], 'learning_rate is 0', 'positive'),
  (['--learning_rate=nan'], 'learning_rate is nan', 'finite'),
  (['--checkpoint_seconds=-1'], 'checkpoint_seconds is -1', 'not negative'),
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
  (['--num_steps=1e3'], 'num_steps=1e3', 'a whole number, such as 1000'),
  (['--beat=1'], "'beat'", 'beta'),
  (['--architecture'], 'Missing value', '--architecture'),
  (['--beta=1', '--beta=2'], '--beta is given twice, as 1.0 and 2', 'once'),
  (['--tensorboard=maybe'], '--tensorboard=maybe', 'true or false'),
  (['--run_root='], '--run_root is empty', 'name a folder'),
  (['--dataset=MNIST'], "'MNIST'", "did you mean 'mnist'"),
  (['--dataset=Digits'], "'Digits'", "did you mean 'digits'"),
  (['--dataset=x.csv'], 'x.csv is a table of text', 'numpy.savez'),
  (['--dataset=x.npy'], 'x.npy is a single array', 'numpy.savez'),
  (['--dataset=templates(noise=0.1'], "no ')' at its end", 'add it'),
  (['--batch_size=100000000'], '--batch_size is 100000000', 'at most 1300'),
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


def test_numbers_of_each_run_to_be_made_are_looked_at(tmp_path):
  execution = config.Execution(run_root=str(tmp_path))
  small = config.Config(data=config.DataConfig(fake_data=True))
  large = dataclasses.replace(
    small, training=config.TrainingConfig(batch_size=10**6)
  )
  directory.create_run(tmp_path, small)
  training.check_images([small], execution)
  with pytest.raises(errors.UserError, match='--batch_size is 1000000'):
    training.check_images([small, large], execution)


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
  assert (status, len(err)) == (1, 2)
  assert words in err[1]


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
  _, sentence = done.stderr.splitlines()  # Nothing was to be done.
  assert 'disk is full' in sentence


def test_a_second_process_on_the_same_run_is_told_so(call, trainer, tmp_path):
  with directory.lock(directory.create_run(tmp_path / 'runs', DEFAULT)):
    status, _, err = call('train')
  assert (status, len(err)) == (1, 2)
  assert 'another process' in err[1]


def test_a_directory_of_another_configuration_is_left_alone(
  call, trainer, tmp_path
):
  a_run = directory.create_run(tmp_path / 'runs', DEFAULT)
  other = sealed.to_text(config.Config(seed=3).to_dict())
  (a_run.path / 'config.json').write_text(other)
  status, _, err = call('train')
  assert (status, len(err)) == (1, 2)
  assert 'holds the configuration of' in err[1]
  assert (a_run.path / 'config.json').read_text() == other


def test_a_diverged_training_is_one_sentence(call, trainer):
  class NonFiniteError(FloatingPointError):
    pass

  def execute(*_, **__):
    raise NonFiniteError('the distortion was no longer finite at step 3.')

  trainer.execute = execute
  status, _, err = call('train')
  assert (status, len(err)) == (1, 2)
  assert 'step 3' in err[1]


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
  assert status == command.INTERRUPTED
  assert len(err) == 2  # What is to be trained, and this.
  assert 'the same command goes on' in err[1]
