# SPDX-License-Identifier: Apache-2.0
"""A run is what its files say, and each file is whole or absent."""

import os
import subprocess
import sys

import fabrication
import numpy as np
import pytest

from tfp_rd import config, errors
from tfp_rd.run import atomic_file, directory

POINT = {
  'rate_nats': 1.0,
  'rate_stderr_nats': 0.1,
  'distortion_nats': 2.0,
  'distortion_stderr_nats': 0.1,
  'elbo_nats': -3.0,
  'elbo_stderr_nats': 0.1,
  'num_examples': 4,
  'num_samples': 2,
  'status': {},
}
ENTRY = {'beta': 1.0, 'train': POINT, 'validation': POINT, 'test': POINT}


@pytest.fixture
def a_run(tmp_path):
  return directory.create_run(tmp_path, config.Config())


def test_a_run_is_found_again(a_run, tmp_path):
  assert directory.create_run(tmp_path, config.Config()) == a_run
  assert directory.load_run(a_run.path).config == config.Config()
  assert directory.runs_below(tmp_path) == [a_run]
  assert directory.runs_below(a_run.path) == [a_run]
  assert not a_run.is_done
  assert a_run.metrics == []


def test_a_result_is_checked_when_it_is_read(a_run):
  fabrication.finish(a_run, [ENTRY])
  assert a_run.points('test')[1.0].elbo_nats == -3.0
  broken = dict(ENTRY, test={'rate_nats': 1.0})
  for fields in (
    {'schema': 2},
    {'points': []},
    {'points': [broken]},
    {'points': [dict(ENTRY, beta='1')]},
    {'config': {'colour': 1}},
    {'examples_sha256': None},
  ):
    fabrication.finish(a_run, [ENTRY], **fields)
    with pytest.raises(errors.UserError, match='corrupt'):
      a_run.result  # noqa: B018


def test_the_result_of_another_run_is_refused(a_run, tmp_path):
  other = directory.create_run(tmp_path, config.Config(seed=1))
  fabrication.finish(other, [ENTRY])
  content = (other.path / 'result.json').read_bytes()
  (a_run.path / 'result.json').write_bytes(content)
  with pytest.raises(errors.UserError, match='of another run'):
    a_run.result  # noqa: B018


def test_a_point_without_a_beta_is_a_point(tmp_path):
  cell = config.Config(objective='target_rate(target_rate_nats=2.0)')
  a_run = directory.create_run(tmp_path, cell)
  fabrication.finish(a_run, [dict(ENTRY, beta=None)])
  assert list(a_run.points('test')) == [None]
  assert np.isnan(a_run.examples['beta']).all()


def test_a_directory_of_another_name_is_left_out_with_a_sentence(
  a_run, tmp_path
):
  a_run.path.rename(tmp_path / 'run_---_beta1_00000000')
  said = []
  assert directory.runs_below(tmp_path, on_refused=said.append) == []
  assert a_run.path.name in said[0]


def test_files_of_others_are_passed_over(a_run, tmp_path):
  (tmp_path / 'bert').mkdir()
  (tmp_path / 'bert' / 'config.json').write_text('{"model_type": "bert"}')
  said = []
  assert directory.runs_below(tmp_path, on_refused=said.append) == [a_run]
  assert said == []


def test_a_run_is_readable_by_whom_the_umask_lets(tmp_path):
  before = os.umask(0o007)
  try:
    a_run = directory.create_run(tmp_path, config.Config())
  finally:
    os.umask(before)
  mode = (a_run.path / 'config.json').stat().st_mode
  assert mode & 0o777 == 0o660


def test_no_result_yet_says_what_to_do(a_run):
  with pytest.raises(errors.UserError, match='again'):
    a_run.result  # noqa: B018


def test_what_is_no_run_is_refused(tmp_path):
  for path in (tmp_path, tmp_path / 'absent'):
    with pytest.raises(errors.UserError, match=r'config\.json'):
      directory.load_run(path)
  with pytest.raises(errors.UserError, match='not a directory'):
    directory.runs_below(tmp_path / 'absent')


def test_a_corrupt_configuration_is_named(a_run):
  (a_run.path / 'config.json').write_text('{')
  with pytest.raises(errors.UserError, match=str(a_run.path)):
    directory.load_run(a_run.path)


def test_a_file_is_whole_or_as_before(tmp_path, monkeypatch):
  path = tmp_path / 'file'
  atomic_file.write_atomically(path, 'old')

  def fail(_):
    raise OSError('disk full')

  monkeypatch.setattr(os, 'fsync', fail)
  with pytest.raises(OSError, match='disk full'):
    atomic_file.write_atomically(path, 'new')
  assert path.read_text() == 'old'
  assert os.listdir(tmp_path) == ['file']


def test_a_lock_is_held_until_its_process_dies(a_run):
  script = (
    'import sys, time\n'
    'from tfp_rd.run import directory as run\n'
    'with run.lock(run.load_run(sys.argv[1])):\n'
    '  print("held", flush=True)\n'
    '  time.sleep(60)\n'
  )
  process = subprocess.Popen(
    [sys.executable, '-c', script, str(a_run.path)], stdout=subprocess.PIPE
  )
  try:
    assert process.stdout.readline() == b'held\n'
    with (
      pytest.raises(errors.UserError, match='another process'),
      directory.lock(a_run),
    ):
      pass
  finally:
    process.kill()
    process.wait()
  with directory.lock(a_run):
    pass
