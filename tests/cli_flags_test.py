# SPDX-License-Identifier: Apache-2.0
"""What was passed over, or found too late, is refused or said at once."""

import subprocess
import sys

import pytest
from command_line import environment, finish

from tfp_rd import config
from tfp_rd.cli import command, evaluate
from tfp_rd.run import directory


@pytest.mark.parametrize(
  'argv',
  [('grid', '--preset=separate', '--architectures=---'), ('toy',)],
  ids=['grid', 'toy'],
)
def test_a_report_that_cannot_be_written_is_refused_before_training(
  argv, call, trainer, monkeypatch, tmp_path
):
  def never(*_, **__):
    raise AssertionError('it was trained')

  trainer.execute = never
  monkeypatch.setattr(command, 'tensorflow', never if argv == ('toy',) else int)
  (tmp_path / 'afile').write_text('')
  for folder in ('afile', 'afile/report'):
    status, out, err = call(*argv, f'--report_dir={folder}')
    assert (status, out, len(err)) == (1, [], 1)
    assert f'--report_dir={folder} cannot be written' in err[0]
    assert 'name a folder' in err[0]


@pytest.mark.parametrize(
  ('argv', 'words'),
  [
    (['--weights='], '--weights is empty; name at least one'),
    (['--weights=1,a'], "weight 'a' is not a number"),
    (['--learning_rate=-1'], '--learning_rate is -1; it must be positive'),
  ],
)
def test_a_mistake_in_the_toy_is_found_at_once(
  argv, words, call, monkeypatch, tmp_path
):
  monkeypatch.setattr(command, 'tensorflow', pytest.fail)
  status, out, err = call('toy', *argv)
  assert (status, out, len(err)) == (1, [], 1)
  assert words in err[0]
  assert not (tmp_path / 'report').exists()


def test_a_batch_beyond_the_images_is_refused_unless_it_is_the_default(
  call, trainer, arrays, tmp_path
):
  file = f'--dataset={arrays()}'  # 18 images, and 2 that validate.
  assert call('train', file)[0] == 0
  status, out, err = call('train', file, '--batch_size=129', '--run_root=other')
  assert (status, out, len(err)) == (1, [], 1)
  assert '--batch_size is 129 and there are 18 training' in err[0]
  assert 'at most 18' in err[0]
  assert not (tmp_path / 'other').exists()
  assert call('train', file, '--batch_size=18')[0] == 0


@pytest.mark.parametrize(
  ('argv', 'is_said'),
  [
    (('--architecture=--v',), True),
    (('--architecture=--v', '--num_pseudo_inputs=18'), False),
    (('--architecture=---',), False),
  ],
)
def test_more_pseudo_inputs_than_images_are_said(
  argv, is_said, call, trainer, arrays
):
  status, _, err = call('train', f'--dataset={arrays()}', *argv)
  assert status == 0
  sentence = '--num_pseudo_inputs is 50 and there are 18 training images'
  assert any(line.startswith(sentence) for line in err) == is_said


def test_a_root_of_runs_is_a_file(call, trainer, tmp_path):
  (tmp_path / 'afile').write_text('')
  status, out, err = call('train', '--run_root=afile')
  assert (status, out, len(err)) == (1, [], 1)
  assert '--run_root=afile cannot be made' in err[0]


@pytest.mark.parametrize('name', ['train', 'grid', 'report'])
def test_an_empty_root_of_runs_is_refused(name, call, trainer):
  status, _, err = call(name, '--run_root=')
  assert (status, len(err)) == (1, 1)
  assert '--run_root is empty; name a folder' in err[0]


def test_a_flag_that_may_be_repeated_may_be_repeated(call, trainer):
  objectives = [f'--objective=beta_elbo(beta={b})' for b in (1, 2)]
  argv = ('--architectures=---', '--report_dir=', *objectives)
  assert call('grid', *argv)[0] == 0
  assert len(directory.runs_below('runs')) == 2


def run(beta, root='runs'):
  cell = config.Config(objective=f'beta_elbo(beta={beta})')
  finish(directory.create_run(root, cell))
  return cell.name


def test_evaluate_refuses_a_beta_that_a_run_has_not(call, monkeypatch):
  monkeypatch.setattr(command, 'tensorflow', pytest.fail)
  path = f'runs/{run(1)}'
  status, out, err = call('evaluate', path, '--betas=100')
  assert (status, out, len(err)) == (1, [], 1)
  assert 'has no point at beta 100; it has 1' in err[0]


def test_evaluate_says_which_beta_no_run_has(monkeypatch, tmp_path):
  monkeypatch.chdir(tmp_path)
  runs = [directory.load_run(f'runs/{run(beta)}') for beta in (1, 2)]
  refused = []
  assert evaluate._with_betas(runs, (1.0, 2.0), refused) == runs
  assert not refused
  assert evaluate._with_betas(runs[:1], (1.0, 100.0), refused) == runs[:1]
  assert refused == ['No run has a point at beta 100.']


def test_sample_lists_the_runs_of_a_root(call, tmp_path):
  status, _, err = call('sample', '.')
  assert (status, len(err)) == (1, 1)
  assert 'no finished run in or below' in err[0]
  names = [run(beta) for beta in (1, 2)]
  status, _, err = call('sample', 'runs')
  assert (status, len(err)) == (1, 1)
  assert 'there are 2 finished runs below runs; name one of them: ' in err[0]
  assert all(f'runs/{name}' in err[0] for name in names)


def test_sample_takes_the_only_run_of_a_root(call, monkeypatch):
  name = run(1)
  directory.create_run('runs', config.Config(seed=1))  # Not finished.
  monkeypatch.setattr(command, 'tensorflow', lambda: None)
  status, _, err = call('sample', '.')
  assert status == 1  # It was found, and was kept without weights.
  assert name in err[-1]


MISTAKES = (
  ('train', '--objective=target_rate(rate=5)'),
  ('train', '--objective=elbow()'),
  ('train', '--architecture=+++v'),
  ('grid', '--seeds=a'),
  ('grid', '--architectures=---,foo'),
  ('grid', '--warm_start=up'),
  ('grid', '--betas=1000'),
  ('grid', '--objective=beta_elbo(beta=-1)'),
  ('grid', '--num_steps=1e3'),
  ('evaluate', 'runs', '--measures=share'),
)


def test_mistakes_are_found_before_tensorflow_is_imported(tmp_path):
  program = (
    'import sys\n'
    'from tfp_rd.cli.__main__ import main\n'
    f'for argv in {MISTAKES!r}:\n'
    '  assert main(argv) in (1, 2), argv\n'
    "  assert 'tensorflow' not in sys.modules, argv\n"
  )
  done = subprocess.run(
    [sys.executable, '-c', program],
    cwd=tmp_path,
    env=environment(),
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  assert len(done.stderr.splitlines()) == len(MISTAKES)


def test_python_m_is_the_command():
  done = subprocess.run(
    [sys.executable, '-m', 'tfp_rd', '--version'],
    env=environment(),
    capture_output=True,
    text=True,
  )
  assert (done.returncode, done.stdout[:7]) == (0, 'tfp-rd ')
