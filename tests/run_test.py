# SPDX-License-Identifier: Apache-2.0
"""A run is what its files say, and each file is whole or absent."""

import json
import os
import subprocess
import sys

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
  path = a_run.path / 'result.json'
  path.write_text(json.dumps({'schema': 1, 'points': [ENTRY]}))
  assert a_run.points('test')[1.0].elbo_nats == -3.0
  broken = dict(ENTRY, test={'rate_nats': 1.0})
  for text in (
    '',
    '{"schema": 1',
    '[]',
    '{"schema": 2, "points": []}',
    json.dumps({'schema': 1, 'points': [broken]}),
  ):
    path.write_text(text)
    with pytest.raises(errors.UserError, match='corrupt'):
      a_run.result  # noqa: B018


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
    'from tfp_rd import run\n'
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
