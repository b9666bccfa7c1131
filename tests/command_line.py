# SPDX-License-Identifier: Apache-2.0
"""A trainer that writes results at once, and what tests of commands share."""

import os

import fabrication
import numpy as np

import tfp_rd.cli
from tfp_rd import config
from tfp_rd.point import Point
from tfp_rd.run import directory

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


def only_run(root='runs'):
  (found,) = directory.runs_below(root)
  return found


SMALL = (
  *('grid', '--preset=separate'),
  *('--architectures=---,-+v', '--betas=0.5,2'),
)


def curves(call, *argv):
  status, _, err = call('grid', '--architectures=-+v', '--report_dir=', *argv)
  assert status == 0, err
  return [r.config for r in directory.runs_below('runs')]


def environment():
  root = os.path.dirname(os.path.dirname(tfp_rd.cli.__file__))
  path = [os.path.dirname(root), os.environ.get('PYTHONPATH', '')]
  return {**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, path))}
