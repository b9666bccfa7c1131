# SPDX-License-Identifier: Apache-2.0
"""A damaged file gives the same numbers or a sentence, never other numbers."""

import dataclasses
import hashlib
import json
import shutil

import fabrication
import numpy as np
import pytest

from tfp_rd import config, errors
from tfp_rd.point import Point
from tfp_rd.report import report
from tfp_rd.run import directory, metrics, pending, sealed

CELL = config.Config(objective='beta_elbo(beta=0.5)')
RANDOM = np.random.default_rng(0)
RATE, DISTORTION = RANDOM.gamma(3, size=20), RANDOM.gamma(9, size=20)


def make(root, cell=CELL):
  run = directory.create_run(root, cell)
  point = Point.from_examples(RATE, DISTORTION, num_samples=4).to_dict()
  examples = {
    'beta': np.array([0.5]),
    'rate_nats': RATE[None].astype('f'),
    'distortion_nats': DISTORTION[None].astype('f'),
  }
  entry = fabrication.entry(point, 0.5)
  return fabrication.finish(run, [entry], examples=examples)


@pytest.fixture
def run(tmp_path):
  return make(tmp_path / 'runs')


def numbers(path):
  """All that is read of a run."""
  run = directory.load_run(path)
  result = {k: v for k, v in run.result.items() if k != 'image_shape'}
  examples = {k: v.tolist() for k, v in run.examples.items()}
  return json.dumps([run.config.to_dict(), result, examples])


def refusal(path, before):
  """What is said of a damaged run; empty if it reads as before."""
  try:
    assert numbers(path) == before
  except errors.UserError as e:
    return str(e)
  return ''


@pytest.mark.parametrize('name', ['config.json', 'result.json', 'examples.npz'])
def test_a_damaged_file_is_a_sentence_or_the_same(name, run, tmp_path):
  other = make(tmp_path / 'other', dataclasses.replace(CELL, seed=1))
  before, path = numbers(run.path), run.path / name
  changed = (other.path / name).read_bytes()
  if name == 'examples.npz':
    changed = changed[:-1] + b'x'
  num_sentences = 0
  for content in fabrication.damages(path.read_bytes(), changed):
    path.write_bytes(content)
    said = refusal(run.path, before)
    assert not said or run.path.name in said
    num_sentences += bool(said)
  assert num_sentences > fabrication.NUM_FLIPS / 2


def test_a_damaged_metrics_file_of_a_finished_run_is_a_sentence(run):
  path = run.path / 'metrics.csv'
  metrics.write_metrics(run.path, [{'step': 2, 'loss': 3.5}, {'step': 4}])
  content = path.read_bytes()
  result = dict(run.result, metrics_sha256=hashlib.sha256(content).hexdigest())
  sealed.write_json(run.path / 'result.json', result)
  before = run.metrics
  assert [row['step'] for row in before] == [2, 4]
  for damaged in fabrication.damages(content, b'step\n7\n'):
    path.write_bytes(damaged)
    if damaged == content:
      assert run.metrics == before
      continue
    with pytest.raises(errors.UserError, match='digest'):
      run.metrics  # noqa: B018


def test_the_digest_is_what_finds_it(run, monkeypatch):
  path = run.path / 'result.json'
  before, text = run.result, path.read_text()
  rate = json.loads(text)['points'][0]['test']['rate_nats']
  path.write_text(text.replace(repr(rate), repr(rate + 1)))
  with pytest.raises(errors.UserError, match='digest'):
    run.result  # noqa: B018
  # Without the comparison another number would be believed.
  seal = json.loads(text)['sha256']
  monkeypatch.setattr(sealed, 'digest', lambda content: seal)
  assert run.result['points'] != before['points']


@pytest.mark.parametrize('name', ['config.json', 'result.json', 'examples.npz'])
@pytest.mark.parametrize('content', [b'', b'{', b'\xff\x00', b'[' * 100_000])
def test_a_damaged_run_costs_its_own_row_and_no_report(
  name, content, run, tmp_path
):
  bad = make(tmp_path / 'runs', dataclasses.replace(CELL, seed=7))
  (bad.path / name).write_bytes(content)
  done = report.write_report(tmp_path / 'runs', tmp_path / 'report')
  assert done.num_runs == 1 or name == 'examples.npz'
  if name != 'examples.npz':
    assert len(done.corrupt) == 1
    assert bad.path.name in done.corrupt[0]
  cells = [CELL, dataclasses.replace(CELL, seed=7)]
  assert pending.pending(cells[:1], tmp_path / 'runs') == []
  assert pending.pending(cells, tmp_path / 'runs') == cells[1:]


def test_a_field_of_a_later_version_costs_its_own_run(run, tmp_path):
  later = make(tmp_path / 'runs', dataclasses.replace(CELL, seed=7))
  fields = sealed.read_json(later.path / 'config.json')
  fields['training']['colour'] = 'blue'
  sealed.write_json(later.path / 'config.json', fields)
  said = []
  found = directory.runs_below(tmp_path / 'runs', on_refused=said.append)
  assert found == [run]
  assert 'colour' in said[0]


def test_nothing_is_written_outside_of_the_report(run, tmp_path):
  # A stranger's configuration, sealed as ours are, with a path in a digest.
  copy = tmp_path / 'runs' / 'run_---_beta0.5_x'
  shutil.copytree(run.path, copy)
  fields = sealed.read_json(copy / 'config.json')
  fields['data'] = {'dataset': 'x.npz', 'sha256': '/../../x'}
  sealed.write_json(copy / 'config.json', fields)
  done = report.write_report(tmp_path / 'runs', tmp_path / 'report')
  assert len(done.corrupt) == 1
  assert all(tmp_path / 'report' in path.parents for path in done.paths)
  assert {p.name for p in tmp_path.iterdir()} == {'runs', 'report'}
