# SPDX-License-Identifier: Apache-2.0
"""A warm run begins where its neighbour ended, and waits for it."""

import dataclasses

import numpy as np
import pytest

from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd.run import atomic_file, grid, pending
from tfp_rd.run import directory as run_lib
from tfp_rd.training import ancestry, experiment

BASE = config_lib.Config(
  data=config_lib.DataConfig(fake_data=True),
  model=config_lib.ModelConfig(latent_size=2),
  training=config_lib.TrainingConfig(
    num_steps=2, batch_size=8, validate_every=0, weight_averaging=0.0
  ),
  evaluation=config_lib.EvaluationConfig(eval_samples=1, eval_examples=8),
)


def chain(direction):
  return grid.Grid(
    BASE,
    architectures=('---',),
    objectives=grid.beta_elbos((1, 0.1, 3)),
    warm_start=direction,
  ).cells()


@pytest.mark.parametrize(
  ('direction', 'betas'), [('up', [0.1, 1, 3]), ('down', [3, 1, 0.1])]
)
def test_each_beta_names_the_one_before_it(direction, betas):
  cells = chain(direction)
  assert [cell.beta for cell in cells] == betas
  # The first is the very run of a grid without warm starts.
  assert cells[0] in chain('')
  for parent, child in zip(cells, cells[1:], strict=False):
    assert child.parent == parent.identity
    assert child.warm_start == direction


def test_both_directions_are_other_runs():
  identities = [c.identity for d in ('up', 'down', '') for c in chain(d)]
  assert len(set(identities)) == 3 + 2 + 2


def finish(run, *, weights=True):
  if weights:
    (run.path / 'checkpoint').mkdir()
    (run.path / 'checkpoint' / 'kept.index').touch()
  atomic_file.write_atomically(run.path / 'result.json', '{}')


def test_a_parent_without_weights_is_told_and_others_go_on(tmp_path):
  up, down = chain('up'), chain('down')
  finish(run_lib.create_run(tmp_path, up[0]), weights=False)
  given_up = pending.train_pending(
    [*up[1:], *down], tmp_path, execute=finish, poll_s=0.0
  )
  assert list(given_up) == [*up[1:]]
  assert all('has no weights' in str(given_up[cell]) for cell in up[1:])
  assert not any('diverged' in str(e) for e in given_up.values())
  assert all(run_lib.create_run(tmp_path, cell).is_done for cell in down)


def test_a_chain_without_its_beginning_is_refused(tmp_path):
  with pytest.raises(errors.UserError, match='train it first'):
    pending.train_pending(chain('up')[1:], tmp_path, execute=finish)


def test_a_child_waits_for_its_parent(tmp_path):
  cells = chain('up')
  done = []

  def execute(run):
    done.append(run.config)
    finish(run)

  pending.train_pending(cells[::-1], tmp_path, execute=execute, poll_s=0.0)
  assert done == list(cells)


def test_a_child_of_a_diverged_run_is_told_and_not_tried(tmp_path):
  cells = chain('up')

  def execute(run):
    raise FloatingPointError(run.path.name)

  diverged = pending.train_pending(cells, tmp_path, execute=execute, poll_s=0.0)
  assert list(diverged) == list(cells)
  # Each names what went wrong at the beginning of the chain.
  assert all(cells[0].name in str(diverged[cell]) for cell in cells)


def test_a_warm_run_begins_with_the_weights_that_were_kept(tmp_path):
  parent_config, child_config, _ = chain('up')
  execution = config_lib.Execution(run_root=str(tmp_path))
  parent = run_lib.create_run(tmp_path, parent_config)
  experiment.execute(parent, execution)
  # A rate of nearly nothing leaves the weights where they began.
  still = dataclasses.replace(
    child_config,
    training=dataclasses.replace(BASE.training, learning_rate=1e-12),
  )
  child = run_lib.create_run(tmp_path, still)
  experiment.execute(child, execution)
  for before, after in zip(
    ancestry.restore(parent).variables,
    ancestry.restore(child).variables,
    strict=True,
  ):
    np.testing.assert_allclose(before, after, atol=1e-9)


def test_an_orphan_is_refused(tmp_path):
  orphan = run_lib.create_run(tmp_path, chain('up')[1])
  with pytest.raises(errors.UserError, match='train it there first'):
    experiment.execute(orphan, config_lib.Execution(run_root=str(tmp_path)))


def test_a_direction_without_a_parent_is_refused():
  with pytest.raises(errors.UserError, match='both or neither'):
    dataclasses.replace(BASE, warm_start='up')
