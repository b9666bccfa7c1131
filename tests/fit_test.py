# SPDX-License-Identifier: Apache-2.0
"""`fit` goes on with what it began, and with nothing else."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_rd
from tfp_rd.training import checkpoint

tfd = tfp.distributions

TRAINING = tfp_rd.TrainingConfig(
  num_steps=6, batch_size=4, validate_every=3, weight_averaging=0.0
)
CALLS = tfp_rd.Execution(checkpoint_seconds=0, steps_per_call=3)


def images(n=10, seed=0):
  return np.random.RandomState(seed).randint(2, size=[n, 4, 4, 1]).astype('f')


def build(seed=1):
  return tfp_rd.build('---', image_shape=(4, 4, 1), latent_size=2, seed=seed)


def fit(run_dir=None, *, model=None, x=None, **changes):
  fields = {
    'training': TRAINING,
    'execution': CALLS,
    'validation': images(6),
    **changes,
  }
  model = build() if model is None else model
  x = images() if x is None else x
  return tfp_rd.fit(model, x, run_dir=run_dir, **fields)


@pytest.fixture(name='finished', scope='module')
def trained_once(tmp_path_factory):
  """The folder of a finished training, and the digest of its weights."""
  folder, model = tmp_path_factory.mktemp('finished'), build()
  fit(folder, model=model)
  return folder, checkpoint.weights_sha256(model)


@pytest.fixture(name='run_dir')
def copy_of_the_finished(finished, tmp_path):
  return shutil.copytree(finished[0], tmp_path / 'run')


def change(**fields):
  return {
    'training': tfp_rd.TrainingConfig(
      **{**vars(TRAINING), **fields},
    )
  }


@pytest.mark.parametrize(
  ('changes', 'sentence'),
  [
    (
      {'model': build(2)},
      'other initial weights.*_random_seed.*resume=True',
    ),
    (change(normalize_gradients=True), 'normalize_gradients is False there'),
    (
      change(weight_averaging=0.9),
      'weight_averaging is 0.0 there and 0.9',
    ),
    (change(batch_size=5), 'batch_size is 4 there and 5 here'),
    ({'objective': tfp_rd.BetaElbo(beta=3.0)}, r'objective is .*beta=3.0'),
    ({'seed': 4}, r'seed is \[.* there and \[.* here'),
    ({'x': images(seed=5)}, r'images is float32 \[10.* of SHA-256 .* here'),
    ({'x': images(11)}, r'images is float32 \[10.* there and float32 \[11'),
    ({'validation': images(6, seed=5)}, r'validation is float32 \[6'),
    ({'validation': None}, 'validation is float32 .* and None here'),
    ({'parts': ('decoder',)}, "parts is '' there and 'decoder' here"),
    ({'dynamic': True}, 'dynamic is False there and True here'),
  ],
)
def test_a_folder_of_another_training_is_refused(changes, sentence, run_dir):
  before = sorted(p.read_bytes() for p in run_dir.rglob('*') if p.is_file())
  with pytest.raises(tfp_rd.UserError, match=sentence):
    fit(run_dir, **changes)
  after = sorted(p.read_bytes() for p in run_dir.rglob('*') if p.is_file())
  assert before == after


def test_other_initial_weights_may_go_on_where_it_is_asked(tmp_path):
  first, second = build(1), build(2)
  fit(tmp_path, model=first)
  done = fit(tmp_path, model=second, resume=True)
  assert done.steps == 6
  assert checkpoint.weights_sha256(first) == checkpoint.weights_sha256(second)
  with pytest.raises(tfp_rd.UserError, match='seed is .0, '):
    fit(tmp_path, model=build(2), resume=True, seed=5)


@pytest.mark.parametrize(
  'damage',
  [
    lambda text: '',
    lambda text: text[: len(text) // 2],
    lambda text: text.replace('"num_steps": 6', '"num_steps": 7'),
    lambda text: json.dumps({'objective': 'beta_elbo()'}),
    lambda text: '[' * 100_000,
  ],
)
def test_a_damaged_claim_is_a_sentence(damage, run_dir):
  path = run_dir / 'fit.json'
  path.write_text(damage(path.read_text()))
  with pytest.raises(tfp_rd.UserError, match='fit.json is corrupt'):
    fit(run_dir)


class Stop(Exception):
  pass


def cut(run_dir, *, at, **changes):
  """Trains up to a step, where the process ends."""

  def stop(step, *_):
    if step == at:
      raise Stop

  with pytest.raises(Stop):
    fit(run_dir, on_progress=stop, **changes)


@pytest.fixture(name='killed', scope='module')
def killed_once(tmp_path_factory):
  """A folder of step 6 whose last checkpoint was not written any more."""
  folder = tmp_path_factory.mktemp('killed')
  cut(folder, at=6)
  for path in (folder / 'checkpoint').glob('ckpt-6.*'):
    path.unlink()
  return folder


@pytest.mark.parametrize(
  'damage', [b'', b'step,loss\n3,1e', b'\xff\xfe\x00', b'a,b\n1,2,3\n', None]
)
def test_metrics_that_cannot_be_read_cost_a_warning_alone(
  damage, finished, killed, tmp_path
):
  run_dir = shutil.copytree(killed, tmp_path / 'run')
  metrics = run_dir / 'metrics.csv'
  rows = metrics.read_bytes()
  metrics.write_bytes(rows[:-40] if damage is None else damage)
  again, said = build(), []
  done = fit(run_dir, model=again, on_warning=said.append)
  assert done.steps == 6
  assert checkpoint.weights_sha256(again) == finished[1]
  if damage not in (b'', None):
    assert 'metrics' in said[0]


EIGHT_STEPS = {
  'training': dataclasses.replace(TRAINING, num_steps=8),
  'execution': tfp_rd.Execution(checkpoint_seconds=0, steps_per_call=1),
}


@pytest.fixture(name='whole', scope='module')
def trained_whole():
  return fit(**EIGHT_STEPS)


# Cut after a checkpoint, and between metrics and checkpoint.
@pytest.mark.parametrize(
  ('at', 'is_killed', 'first'), [(4, False, 4), (5, True, 4), (4, True, 3)]
)
def test_metrics_are_gone_on_with_and_never_with_other_numbers(
  at, is_killed, first, whole, tmp_path
):
  cut(tmp_path, at=at, **EIGHT_STEPS)
  if is_killed:
    for path in (tmp_path / 'checkpoint').glob(f'ckpt-{at}.*'):
      path.unlink()
  shutil.copytree(tmp_path, tmp_path / 'honest')
  said = []
  done = fit(tmp_path / 'honest', on_warning=said.append, **EIGHT_STEPS)
  assert not said
  assert done.metrics == whole.metrics
  path = tmp_path / 'metrics.csv'
  lines = path.read_text().splitlines()
  # The last digit of the last number in the row of step 2.
  place = len(lines[2].rstrip(',')) - 1
  assert lines[2][place].isdigit()
  digit = str((int(lines[2][place]) + 1) % 10)
  lines[2] = lines[2][:place] + digit + lines[2][place + 1 :]
  path.write_text('\n'.join(lines) + '\n')
  done = fit(tmp_path, on_warning=said.append, **EIGHT_STEPS)
  assert len(said) == 1
  assert 'not those that were written' in said[0]
  assert done.metrics == whole.metrics[first:]


def test_a_setting_is_given_once():
  for name, value in (
    ('num_steps', 6),
    ('batch_size', 4),
    ('learning_rate', 0.1),
  ):
    with pytest.raises(tfp_rd.UserError, match=f'{name} is given twice'):
      fit(**{name: value})


def test_keywords_are_settings():
  one, two = build(), build()
  fit(model=one)
  tfp_rd.fit(
    two,
    images(),
    num_steps=6,
    batch_size=4,
    learning_rate=TRAINING.learning_rate,
  )
  three = build()
  fit(model=three, validation=None)
  assert checkpoint.weights_sha256(two) == checkpoint.weights_sha256(three)


@pytest.mark.parametrize('without', ['validation', 'validate_every'])
def test_an_average_that_is_never_chosen_is_refused(without):
  fields = change(
    weight_averaging=0.9, validate_every=0 if without != 'validation' else 3
  )
  if without == 'validation':
    fields['validation'] = None
  with pytest.raises(tfp_rd.UserError, match='never be chosen'):
    fit(**fields)


@pytest.mark.parametrize('field', ['num_steps', 'batch_size', 'learning_rate'])
def test_a_setting_out_of_range_is_refused(field):
  with pytest.raises(tfp_rd.UserError, match=field):
    tfp_rd.fit(build(), images(), **{field: -1})


def test_after_a_divergence_the_model_has_the_weights_that_were_kept():
  model, seen = build(), {}

  def on_progress(step, *_):
    seen[step] = checkpoint.weights_sha256(model)
    if step == 3:
      variable = model.trainable_variables[0]
      variable.assign(tf.fill(variable.shape, np.nan))

  with pytest.raises(FloatingPointError, match='step 3'):
    fit(model=model, on_progress=on_progress)
  assert list(seen) == [3]
  assert checkpoint.weights_sha256(model) == seen[3]
  assert np.isfinite(tfp_rd.evaluate(model, images()).elbo_nats)
