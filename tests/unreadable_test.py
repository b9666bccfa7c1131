# SPDX-License-Identifier: Apache-2.0
"""A file that cannot be read now is left alone and costs its own run."""

import dataclasses
import hashlib
import pathlib

import fabrication
import numpy as np
import pytest

from tfp_rd import config, errors
from tfp_rd.curve import collection
from tfp_rd.point import Point
from tfp_rd.report import report
from tfp_rd.run import directory, pending, sealed

CELL = config.Config(objective='multi_rate()')
OTHER = dataclasses.replace(CELL, seed=1)


def make(root, cell=CELL, betas=(0.1, 1.0), num_samples=4):
  """Makes a finished run with known points at some betas."""
  evaluation = config.EvaluationConfig(
    eval_betas=betas, eval_samples=num_samples
  )
  run = directory.create_run(
    root, dataclasses.replace(cell, evaluation=evaluation)
  )
  nats = np.arange(5.0)
  point = Point.from_examples(1 + nats, 9 - nats, num_samples=num_samples)
  examples = {
    'beta': np.array(betas),
    'rate_nats': np.tile(1 + nats, [len(betas), 1]),
    'distortion_nats': np.tile(9 - nats, [len(betas), 1]),
  }
  entries = [fabrication.entry(point.to_dict(), beta) for beta in betas]
  return fabrication.finish(run, entries, examples=examples)


@pytest.fixture
def refused(monkeypatch):
  """Returns a function after which a file of that name cannot be read."""
  read_bytes = pathlib.Path.read_bytes

  def refuse(path):
    def read(self):
      if self == path:
        raise PermissionError(13, 'Permission denied', str(path))
      return read_bytes(self)

    monkeypatch.setattr(pathlib.Path, 'read_bytes', read)

  return refuse


@pytest.mark.parametrize('name', ['result.json', 'examples.npz', 'config.json'])
def test_a_refused_file_is_said_and_never_set_aside(name, refused, tmp_path):
  run, good = make(tmp_path / 'runs'), make(tmp_path / 'runs', OTHER)
  before = sorted(p.name for p in run.path.iterdir())
  refused(run.path / name)
  with pytest.raises(errors.UserError, match='cannot be read .Permission'):
    directory.load_run(run.path).examples  # noqa: B018
  assert pending.set_aside_corrupt([CELL], tmp_path / 'runs') == []
  assert sorted(p.name for p in run.path.iterdir()) == before
  done = report.write_report(tmp_path / 'runs', tmp_path / 'report')
  assert done.num_runs == 2 if name == 'examples.npz' else 1
  assert good.result


def test_a_file_that_was_sealed_as_something_else_is_a_sentence(tmp_path):
  run = make(tmp_path)
  (run.path / 'examples.npz').write_bytes(b'no arrays')
  digest = hashlib.sha256(b'no arrays').hexdigest()
  sealed.write_json(
    run.path / 'result.json', dict(run.result, examples_sha256=digest)
  )
  with pytest.raises(errors.UserError, match=r'examples.npz is corrupt'):
    run.examples  # noqa: B018


def test_a_run_that_this_process_cannot_go_on_with_ends_no_grid(tmp_path):
  tried = []

  def execute(run):
    tried.append(run.config.seed)
    if run.config.seed == 0:
      raise errors.HeldBackError('the weights cannot be read')
    make(tmp_path, dataclasses.replace(OTHER, evaluation=CELL.evaluation))

  wanted = config.EvaluationConfig(eval_betas=(0.1, 1.0), eval_samples=4)
  cells = [dataclasses.replace(c, evaluation=wanted) for c in (CELL, OTHER)]
  failed = pending.train_pending(cells, tmp_path, execute=execute)
  assert tried == [0, 1]
  assert [str(e) for e in failed.values()] == ['the weights cannot be read']


def test_of_copies_of_a_run_the_one_that_was_evaluated_most_counts(tmp_path):
  make(tmp_path / 'a')
  make(tmp_path / 'b', betas=(0.1, 1.0, 5.0))
  make(tmp_path / 'c', betas=(0.1,))
  (curve,) = collection.load_curves(tmp_path)
  assert [point.beta for point in curve.points] == [0.1, 1.0, 5.0]
  assert [point.seeds for point in curve.points] == [(0,)] * 3


def test_a_longer_training_is_no_other_point_of_the_fresh_one(tmp_path):
  make(tmp_path)
  make(
    tmp_path, dataclasses.replace(CELL, warm_start='longer', parent='12' * 4)
  )
  (curve,) = collection.load_curves(tmp_path)
  one_by_one = curve.of_one_setting()
  assert [[p.beta for p in part.points] for part in one_by_one] == [
    [0.1, 1.0]
  ] * 2


def test_a_price_of_several_seeds_is_their_mean(tmp_path):
  for seed, price in enumerate((0.2, 0.9, 4.0)):
    cell = config.Config(objective='target_rate()', seed=seed)
    run = directory.create_run(tmp_path, cell)
    point = Point.from_examples(
      np.arange(4.0), np.arange(4.0), num_samples=1
    ).to_dict()
    entry = fabrication.entry(point, None) | {'found_beta': price}
    fabrication.finish(run, [entry])
  (curve,) = collection.load_curves(tmp_path)
  (point,) = curve.points
  assert point.found_beta == pytest.approx(1.7)
  assert point.seeds == (0, 1, 2)
