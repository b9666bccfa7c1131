# SPDX-License-Identifier: Apache-2.0
"""Training goes on bit for bit, keeps the best, and survives what breaks."""

import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow as tf

import tfp_rd
from tfp_rd import config, dataset, errors
from tfp_rd.model import variables
from tfp_rd.network import initial
from tfp_rd.run import directory, sealed
from tfp_rd.training import experiment, folder, loop, program, scoring
from tfp_rd.training import selection as selection_lib
from tfp_rd.training.optimizer import Average


def images(n=10):
  return np.random.RandomState(0).randint(2, size=[n, 4, 4, 1]).astype('f')


def build(signs='---', **kwargs):
  return tfp_rd.build(signs, image_shape=(4, 4, 1), latent_size=2, **kwargs)


class Stop(Exception):
  """Ends training from within, as kill -9 would from without."""


TRAINING = config.TrainingConfig(
  num_steps=12, batch_size=4, validate_every=5, weight_averaging=0.9
)
# Rows, and checkpoints, at steps 4, 5, 8, 10 and 12.
CALLS = config.Execution(checkpoint_seconds=0, steps_per_call=4)


def fit(model, run_dir, *, stop_at=None, **kwargs):
  def on_progress(step, *_):
    if step == stop_at:
      raise Stop

  kwargs = {
    'images': images(),
    'training': TRAINING,
    'execution': CALLS,
    'validation': images(6),
    **kwargs,
  }
  return tfp_rd.fit(model, run_dir=run_dir, on_progress=on_progress, **kwargs)


@pytest.mark.parametrize(
  'signs', ['---', pytest.param('-++', marks=pytest.mark.slow)]
)
def test_a_run_that_was_cut_ends_bit_equal(signs, tmp_path):
  whole, cut, again = (build(signs, seed=1, dropout=0.2) for _ in range(3))
  done = fit(whole, tmp_path / 'whole')
  with pytest.raises(Stop):
    fit(cut, tmp_path / 'cut', stop_at=10)
  steps = []
  resumed = fit(again, tmp_path / 'cut')
  assert done.steps == resumed.steps == 12
  steps = [row['step'] for row in resumed.metrics]
  assert steps == [row['step'] for row in done.metrics]
  for one, two in zip(
    whole.trainable_variables, again.trainable_variables, strict=True
  ):
    np.testing.assert_array_equal(one, two)
  for one, two in zip(done.metrics, resumed.metrics, strict=True):
    assert one['elbo_nats'] == pytest.approx(two['elbo_nats'], rel=1e-12)


def test_another_seed_is_another_run(tmp_path):
  one, two = build(seed=1), build(seed=1)
  fit(one, None, seed=0)
  fit(two, None, seed=1)
  assert any(
    np.any(a.numpy() != b.numpy())
    for a, b in zip(
      one.trainable_variables, two.trainable_variables, strict=True
    )
  )


@pytest.fixture(name='cut_at_8', scope='module')
def cut_once(tmp_path_factory):
  folder = tmp_path_factory.mktemp('cut')
  with pytest.raises(Stop):
    fit(build(seed=1), folder, stop_at=8)
  return folder


@pytest.fixture(name='checkpoints')
def copy_of_the_cut(cut_at_8, tmp_path):
  """Returns files by their names, after a run that was cut at step 8."""
  shutil.copytree(cut_at_8, tmp_path, dirs_exist_ok=True)
  return lambda *names: [tmp_path / 'checkpoint' / name for name in names]


def owner_of(tmp_path):
  """Returns what checkpoints of a call of `fit` are known by."""
  settings = dict(sealed.read_json(tmp_path / 'fit.json'))
  for weights in ('initial_weights_sha256', 'last_weights_sha256'):
    del settings[weights]
  return sealed.digest(settings)


def restored(tmp_path, model=None):
  """Returns the step that is gone on from, and what was said."""
  compiled = program.Program(
    model or build(seed=1),
    tfp_rd.BetaElbo(),
    batch_size=4,
    weight_averaging=0.9,
  )
  before = [v.numpy() for v in compiled.variables]
  said = []
  state = loop.State(compiled, owner=owner_of(tmp_path))
  metrics = folder.Folder(tmp_path, state, said.append, num_steps=99).restore()
  if not metrics:  # Nothing read, nothing touched.
    for v, old in zip(compiled.variables, before, strict=True):
      np.testing.assert_array_equal(v, old)
  return int(compiled.step), said


DATA = 'ckpt-{}.data-00000-of-00001'


@pytest.mark.parametrize('name', [DATA.format(8), 'ckpt-8.index'])
@pytest.mark.parametrize('content', [b'', b'no checkpoint'])
def test_of_a_corrupt_checkpoint_the_one_before_is_used(
  name, content, checkpoints, tmp_path
):
  (path,) = checkpoints(name)
  assert path.exists()
  path.write_bytes(content)
  step, said = restored(tmp_path)
  assert step == 5
  assert len(said) == 1
  assert 'the one before it is used' in said[0]


def test_when_all_are_corrupt_training_begins_anew_and_says_so(
  checkpoints, tmp_path
):
  for path in checkpoints(DATA.format(8), DATA.format(5)):
    path.write_bytes(b'cut')
  step, said = restored(tmp_path)
  assert step == 0
  assert 'training begins at step 0' in said[-1]


def test_a_checkpoint_whose_index_was_never_written_is_none(
  checkpoints, tmp_path
):
  (path,) = checkpoints('ckpt-8.index')
  path.unlink()
  assert restored(tmp_path) == (5, [])


@pytest.mark.usefixtures('checkpoints')
def test_the_checkpoint_of_another_model_is_refused_and_left(tmp_path):
  with pytest.raises(errors.HeldBackError, match='another model'):
    restored(tmp_path, build('--v', seed=1))
  assert restored(tmp_path)[0] == 8


@pytest.mark.usefixtures('checkpoints')
def test_a_directory_of_another_training_is_refused(tmp_path):
  for change in ({'objective': tfp_rd.BetaElbo(beta=3.0)}, {'seed': 1}):
    with pytest.raises(tfp_rd.UserError, match='another training'):
      fit(build(seed=1), tmp_path, **change)


@pytest.mark.usefixtures('checkpoints')
def test_going_on_under_xla_what_was_begun_without_is_refused(tmp_path):
  model = build(seed=1)
  before = [v.numpy() for v in model.variables]
  with pytest.raises(errors.HeldBackError, match='jit_compile=False'):
    fit(
      model,
      tmp_path,
      execution=dataclasses.replace(CALLS, jit_compile='true'),
    )
  for v, old in zip(model.variables, before, strict=True):
    np.testing.assert_array_equal(v, old)


def test_the_kept_weights_are_the_best_on_validation():
  model = build()
  (v, *_) = model.trainable_variables
  kept = selection_lib.Selection(variables.named({'': model}), None)
  for step, score in enumerate([3.0, 1.0, 2.0]):
    v.assign(tf.fill(v.shape, float(step)))
    kept.offer(step, lambda score=score: scoring.Score(score, 0.0, 0.0))
  kept.take()
  assert int(kept.step) == 1
  assert (v.numpy() == 1.0).all()


def test_the_average_competes_with_the_weights():
  model = build()
  (v, *_) = model.trainable_variables
  named = variables.named({'': model})
  (name,) = (n for n, w in named.items() if w is v)
  average = Average({name: v}, decay=0.5)
  kept = selection_lib.Selection(named, average)
  average.values[name].assign(tf.fill(v.shape, 7.0))
  v.assign(tf.fill(v.shape, 1.0))
  kept.offer(5, lambda: scoring.Score(-float(tf.reduce_mean(v)), 0.0, 0.0))
  assert bool(kept.is_averaged)
  assert (v.numpy() == 1.0).all()  # Training goes on from the weights.
  kept.take()
  assert (v.numpy() == 7.0).all()


def test_an_average_forgets_its_start():
  v = tf.Variable([0.0])
  average = Average({'v': v}, decay=0.9)
  v.assign([1.0])
  for step in range(200):
    average.update(step)
  np.testing.assert_allclose(average.values['v'], [1.0], atol=1e-6)


def small(**kwargs):
  return config.Config(
    data=config.DataConfig(fake_data=True),
    model=config.ModelConfig(architecture='--v', latent_size=2),
    training=config.TrainingConfig(
      num_steps=4, batch_size=16, validate_every=2
    ),
    evaluation=config.EvaluationConfig(2, 20, 20),
    **kwargs,
  )


EXECUTION = config.Execution(checkpoint_seconds=0, steps_per_call=2)


def test_a_run_leaves_its_files_and_its_model(tmp_path):
  a_run = directory.create_run(tmp_path, small(objective='beta_elbo(beta=0.5)'))
  result = experiment.execute(a_run, EXECUTION)
  assert sealed.read_json(a_run.path / 'result.json') == result
  assert result['schema'] == 1
  assert result['points'][0]['beta'] == 0.5
  assert result['points'][0]['test'] == result['test']
  assert result['test']['num_examples'] == 20
  assert result['image_shape'] == [8, 8, 1]
  arrays = a_run.examples
  assert arrays['rate_nats'].shape == (1, 20)
  assert arrays['rate_nats'].mean() == pytest.approx(
    result['test']['rate_nats']
  )
  model = tfp_rd.restore(tfp_rd.load_run(a_run.path))
  assert model.num_parameters == result['num_parameters']
  test = dataset.load(a_run.config.data).evaluation_images('test', count=20)
  seed = initial.fold_in(0, 5)
  point = tfp_rd.evaluate(model, test, num_samples=2, seed=seed)
  assert point.to_dict() == result['test']


def test_runs_of_a_family_share_a_trace_and_nothing_else(tmp_path):
  results = []
  for root, betas in (('one', (0.5, 2.0)), ('two', (2.0,))):
    experiment._traced_program.cache_clear()
    for beta in betas:
      cell = small(objective=f'beta_elbo(beta={beta})')
      a_run = directory.create_run(tmp_path / root, cell)
      result = experiment.execute(a_run, EXECUTION)
    assert experiment._traced_program.cache_info().misses == 1
    results.append(result['test'])
  assert results[0] == results[1]


def test_a_run_that_was_cut_ends_as_one_that_was_not(tmp_path):
  cells = [small(objective=f'beta_elbo(beta={b})') for b in (0.5, 2.0)]

  def stop(step, *_):
    if step == 2:
      raise Stop

  results = []
  for root in ('whole', 'cut'):
    experiment._traced_program.cache_clear()
    one, two = (directory.create_run(tmp_path / root, c) for c in cells)
    if root == 'cut':
      with pytest.raises(Stop):
        experiment.execute(one, EXECUTION, on_progress=stop)
      experiment.execute(two, EXECUTION)  # Another run uses the program.
    results.append(experiment.execute(one, EXECUTION)['test'])
  assert results[0] == results[1]


def test_a_second_process_on_the_same_run_is_refused(tmp_path):
  a_run = directory.create_run(tmp_path, small())
  with (
    directory.lock(a_run),
    pytest.raises(tfp_rd.UserError, match='another process'),
  ):
    experiment.execute(a_run, EXECUTION)
  assert not a_run.is_done


def test_a_run_directory_of_another_config_is_refused(tmp_path):
  cell = small()
  a_run = directory.create_run(tmp_path, cell)
  other = dataclasses.replace(cell, seed=5)
  directory.write_config(directory.Run(a_run.path, other))
  with pytest.raises(tfp_rd.UserError, match='holds the configuration of'):
    directory.create_run(tmp_path, cell)


def test_fewer_images_than_a_batch_or_than_pseudo_inputs(tmp_path):
  model = tfp_rd.build(
    '--v',
    image_shape=(4, 4, 1),
    latent_size=2,
    num_pseudo_inputs=9,
    pseudo_inputs=images(3),
  )
  done = tfp_rd.fit(model, images(3), num_steps=3, batch_size=8)
  assert np.isfinite(done.metrics[-1]['elbo_nats'])


def test_images_that_are_probabilities_are_drawn_anew():
  model = build(seed=1)
  grey = np.full([8, 4, 4, 1], 0.5, np.float32)
  seen = []
  call = type(model.encoder).__call__

  def watch(self, x, **kwargs):
    tf.py_function(lambda x: seen.append(x.numpy()), [x], [])
    return call(self, x, **kwargs)

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(type(model.encoder), '__call__', watch)
    tfp_rd.fit(model, grey, dynamic=True, num_steps=3, batch_size=4)
  assert len(seen) >= 3
  for x in seen:
    assert set(np.unique(x)) == {0, 1}
  assert any((seen[0] != x).any() for x in seen[1:])


def test_probabilities_beyond_one_are_refused():
  greys = np.array([0.0, 255.0]).repeat(16).reshape(2, 4, 4, 1)
  with pytest.raises(tfp_rd.UserError, match='0 to 255'):
    tfp_rd.fit(build(), greys, dynamic=True, num_steps=1)
