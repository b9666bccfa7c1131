# SPDX-License-Identifier: Apache-2.0
"""A finished training goes on to more steps, optimiser included."""

import functools
import shutil

import numpy as np
import pytest

import tfp_rd
from tfp_rd.network import initial
from tfp_rd.run import directory
from tfp_rd.training import checkpoint, inputs, program

TRAINING = {
  'batch_size': 4,
  'learning_rate': 0.01,
  'validate_every': 0,
  'weight_averaging': 0.0,
}


def images(n=10):
  return np.random.RandomState(0).randint(2, size=[n, 4, 4, 1]).astype('f')


def build():
  return tfp_rd.build('---', image_shape=(4, 4, 1), latent_size=2, seed=1)


def fit(run_dir, num_steps, *, model=None, **changes):
  return tfp_rd.fit(
    build() if model is None else model,
    images(),
    training=tfp_rd.TrainingConfig(
      num_steps=num_steps, **TRAINING | changes.pop('training', {})
    ),
    execution=tfp_rd.Execution(
      steps_per_call=5, jit_compile=changes.pop('jit_compile', 'auto')
    ),
    run_dir=run_dir,
    seed=3,
    **changes,
  )


@pytest.fixture(name='finished', scope='module')
def trained_once(tmp_path_factory):
  folder = tmp_path_factory.mktemp('finished')
  fit(folder, 12)
  return folder


@pytest.fixture(name='run_dir')
def copy_of_the_finished(finished, tmp_path):
  """The folder of a finished training of 12 steps."""
  return shutil.copytree(finished, tmp_path / 'run')


@functools.cache
def by_hand(*lengths):
  """Trains to each length in turn, its learning rate that of the length.

  Returns:
    Digests of the weights at each length.
  """
  model, objective = build(), tfp_rd.BetaElbo()
  steps = program.Program(model, objective, batch_size=4)
  digests = []
  for num_steps in lengths:
    given = inputs.make_inputs(
      images(),
      seed=initial.fold_in(3, 1),
      objective=objective,
      learning_rate=0.01,
      num_steps=num_steps,
    )
    while (step := int(steps.step)) < num_steps:
      steps.run(given, min(50, num_steps - step))
    digests.append(checkpoint.weights_sha256(model))
  return digests


def test_more_steps_go_on_with_the_optimiser_and_a_schedule_of_their_own(
  run_dir,
):
  _, at_20, at_30 = by_hand(12, 20, 30)
  model = build()
  done = fit(run_dir, 20, model=model)
  assert done.steps == 20
  assert [row['step'] for row in done.metrics] == [5, 10, 12, 15, 20]
  assert checkpoint.weights_sha256(model) == at_20
  # It is no whole training of 20 steps.
  assert [checkpoint.weights_sha256(model)] != by_hand(20)
  assert fit(run_dir, 30, model=(model := build())).steps == 30
  assert checkpoint.weights_sha256(model) == at_30


class Killed(Exception):
  pass


@pytest.mark.parametrize('error', [KeyboardInterrupt, Killed])
def test_a_longer_training_that_is_cut_goes_on(error, run_dir):
  def stop(step, *_):
    if step == 15:
      raise error

  with pytest.raises(error):
    fit(run_dir, 30, on_progress=stop)
  last = {KeyboardInterrupt: 15, Killed: 12}[error]
  assert checkpoint.last_step(run_dir / 'checkpoint') == last
  model = build()
  fit(run_dir, 30, model=model)
  assert [checkpoint.weights_sha256(model)] == by_hand(12, 30)[1:]


def test_fewer_steps_and_half_done_ones_are_refused(tmp_path):
  def stop(step, *_):
    if step == 5:
      raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    fit(tmp_path, 12, on_progress=stop)
  with pytest.raises(tfp_rd.UserError, match=r'at step 5; finish .*=12 before'):
    fit(tmp_path, 20)
  fit(tmp_path, 12)
  with pytest.raises(tfp_rd.UserError, match='num_steps is 12 there and 8'):
    fit(tmp_path, 8)
  other = {'training': {'batch_size': 5}}
  with pytest.raises(tfp_rd.UserError, match=r'batch_size is 4.*num_steps is'):
    fit(tmp_path, 20, **other)


def test_the_very_model_goes_on_after_a_stop_and_to_more_steps(tmp_path):
  def stop(step, *_):
    if step == 5:
      raise KeyboardInterrupt

  model = build()
  with pytest.raises(KeyboardInterrupt):
    fit(tmp_path, 12, model=model, on_progress=stop)
  fit(tmp_path, 12, model=model)
  digests = [checkpoint.weights_sha256(model)]
  fit(tmp_path, 30, model=model)
  assert [*digests, checkpoint.weights_sha256(model)] == by_hand(12, 30)
  model.trainable_variables[0].assign_add(1.0 + model.trainable_variables[0])
  with pytest.raises(tfp_rd.UserError, match='other initial weights'):
    fit(tmp_path, 30, model=model)


def test_the_very_model_does_not_begin_anew_without_its_checkpoints(tmp_path):
  model = build()
  fit(tmp_path, 12, model=model)
  shutil.rmtree(tmp_path / 'checkpoint')
  with pytest.raises(tfp_rd.UserError, match='other initial weights'):
    fit(tmp_path, 12, model=model)


def test_a_longer_training_says_what_its_own_checkpoint_is(run_dir):
  def stop(step, *_):
    if step == 15:
      raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    fit(run_dir, 30, on_progress=stop)
  with pytest.raises(tfp_rd.UserError, match='training with jit_compile='):
    fit(run_dir, 30, jit_compile='true')


def test_what_cannot_go_on_leaves_the_folder_as_it_was(run_dir):
  before = (run_dir / 'fit.json').read_bytes()
  with (run_dir / 'checkpoint' / 'ckpt-12.index').open('r+b') as f:
    f.truncate(9)
  with pytest.raises(tfp_rd.UserError, match='cannot be gone on with'):
    fit(run_dir, 20, on_warning=lambda sentence: None)
  assert (run_dir / 'fit.json').read_bytes() == before


def test_a_batch_beyond_the_images_is_refused():
  with pytest.raises(tfp_rd.UserError, match='batch_size is 129 and there are'):
    fit(None, 1, training={'batch_size': 129})


def test_no_checkpoint_but_the_last_is_gone_on_from(tmp_path):
  fit(tmp_path / 'one', 12)
  fit(tmp_path / 'two', 12, objective=tfp_rd.BetaElbo(beta=3.0))
  shutil.rmtree(tmp_path / 'one' / 'checkpoint')
  shutil.copytree(
    tmp_path / 'two' / 'checkpoint', tmp_path / 'one' / 'checkpoint'
  )
  with pytest.raises(tfp_rd.UserError, match='of another training'):
    fit(tmp_path / 'one', 20)


# Runs.

TRAIN = (
  *('train', '--fake_data', '--latent_size=2', '--batch_size=8'),
  *('--validate_every=4', '--eval_samples=1', '--eval_examples=9'),
  *('--eval_train_examples=9', '--steps_per_call=4'),
)


@pytest.fixture(name='steps')
def watched_steps(monkeypatch):
  taken, run = [], program.Program.run

  def watch(self, *args, **kwargs):
    first = int(self.step)
    means = run(self, *args, **kwargs)
    taken.extend(range(first, int(self.step)))
    return means

  monkeypatch.setattr(program.Program, 'run', watch)
  return taken


def test_a_run_with_more_steps_goes_on_as_a_child(call, steps):
  def train(num_steps):
    steps.clear()
    status, out, err = call(*TRAIN, f'--num_steps={num_steps}')
    assert status == 0, err
    return directory.load_run(out[-1]), err

  short, _ = train(8)
  longer, err = train(12)
  assert steps == [8, 9, 10, 11]
  assert err[0] == (
    f'{longer.path.name} goes on from {short.path.name}, its optimiser '
    'included: num_steps is 8 there and 12 here, and nothing else differs; '
    'name another --run_root to begin at step 0.'
  )
  assert 'with 8 of 12 steps' in err[1]
  assert longer.config.warm_start == 'longer'
  assert longer.config.parent == short.config.identity
  assert longer.metrics[:2] == short.metrics
  assert [row['step'] for row in longer.metrics] == [4, 8, 12]
  again, err = train(12)
  assert (again.path, err) == (
    longer.path,
    ['the run is finished; nothing was to be done.'],
  )
  assert train(8)[0].path == short.path
  # The longest is gone on from.
  longest, _ = train(14)
  assert steps == [12, 13]
  assert longest.config.parent == longer.config.identity
  assert tfp_rd.restore(longest).num_parameters > 0


def test_a_run_without_its_last_checkpoint_is_begun_anew(call, steps):
  _, out, _ = call(*TRAIN, '--num_steps=4')
  for path in (directory.load_run(out[-1]).path / 'checkpoint').glob('ckpt-*'):
    path.unlink()
  steps.clear()
  status, out, err = call(*TRAIN, '--num_steps=6')
  assert status == 0
  assert 'kept without its last checkpoint' in err[0]
  assert steps == [*range(6)]
  assert directory.load_run(out[-1]).config.warm_start == ''
  # What has been begun comes first.
  assert call(*TRAIN, '--num_steps=6')[1][-1] == out[-1]


def test_a_dry_run_goes_on_from_nothing_and_nothing_unasked_does(call, steps):
  call(*TRAIN, '--num_steps=4')
  for flags in (['--num_steps=9', '--max_steps=6'], ['--max_steps=7']):
    steps.clear()
    _, out, _ = call(*TRAIN, *flags)
    assert steps[0] == 0
    assert directory.load_run(out[-1]).config.parent == ''


def test_another_seed_is_no_shorter_run(call, steps):
  call(*TRAIN, '--num_steps=4')
  steps.clear()
  _, out, _ = call(*TRAIN, '--num_steps=6', '--seed=1')
  assert steps == [*range(6)]
  assert directory.load_run(out[-1]).config.parent == ''
