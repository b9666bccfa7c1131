# SPDX-License-Identifier: Apache-2.0
"""Quiet TensorFlow before any test imports it; fixtures of the command line."""

import os

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
if os.environ.get('TFP_RD_ACCELERATOR') == 'GPU':
  # TensorFlow takes the memory of every GPU that it sees.
  gpus = os.environ.get('CUDA_VISIBLE_DEVICES', '').split(',')
  worker = int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0').removeprefix('gw'))
  os.environ['CUDA_VISIBLE_DEVICES'] = (
    gpus[worker % len(gpus)] if gpus != [''] else f'{worker}'
  )
  os.environ.setdefault('TF_FORCE_GPU_ALLOW_GROWTH', 'true')

# isort: split
import collections
import os
import sys
import types

import numpy as np
import pytest
from command_line import train_at_once
from long_cases import LONG

import tfp_rd.training
from tfp_rd.cli import __main__ as dispatcher
from tfp_rd.cli import (
  command,
  workers,
)


def pytest_collection_modifyitems(config, items):
  """Marks the long cases as slow; a file that lacks one of them is an error."""
  by_file = collections.defaultdict(dict)
  for item in items:
    by_file[item.path.name][item.name] = item
  for file, found in by_file.items():
    for name in LONG.get(file, ()):
      if name in found:
        found[name].add_marker(pytest.mark.slow)
      elif not any('::' in arg for arg in config.args):
        raise pytest.UsageError(f'{file} has no {name} of long_cases.py.')


def pytest_terminal_summary(terminalreporter):
  """Prints the speeds that tests have measured."""
  for report in terminalreporter.getreports('passed'):
    for name, value in report.user_properties:
      if name == 'steps_per_s':
        terminalreporter.write_line(f'{report.nodeid}: {value} steps a second')


@pytest.fixture
def trainer(monkeypatch):
  """Replaces the experiment module; a test may replace `execute` again."""
  fake = types.ModuleType('tfp_rd.training.experiment')
  fake.execute = train_at_once
  monkeypatch.setitem(sys.modules, 'tfp_rd.training.experiment', fake)
  monkeypatch.setattr(tfp_rd.training, 'experiment', fake, raising=False)
  monkeypatch.setattr(command, 'tensorflow', lambda: None)
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
