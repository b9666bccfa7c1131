# SPDX-License-Identifier: Apache-2.0
"""A run that is trained under JAX is the run that is trained here."""

import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import (
  accelerator,
  artifact,
  export_run,
  import_run,
  run_state,
)
from tfp_rd import errors
from tfp_rd import point as point_lib
from tfp_rd.cli import __main__ as dispatcher
from tfp_rd.run import directory, elsewhere
from tfp_rd.training import checkpoint, scoring

TRAIN = (
  *('train', '--architecture=---', '--latent_size=2', '--batch_size=16'),
  *('--num_steps=12', '--validate_every=4', '--validation_examples=30'),
  *('--eval_samples=2', '--eval_examples=20', '--eval_train_examples=20'),
)
CURVE = ('--objective=multi_rate(num_groups=4)', '--eval_betas=0.1,1')
STEPS = 2  # Of a call, and of a row.
VALIDATED = scoring.Score(0.0, 0.0, 0.0).columns  # XLA has other normals.

# Adds 1 to each weight, and has its mean as the loss.
ARRAYS = {
  'bits': np.array([[0, 1, 1]] * 5, np.float32),
  'greys': (np.arange(256) / np.float32(255)).astype(np.float32),
  'negative zero': np.array([-0.0, 1.0], np.float32),
  'zeros': np.zeros([300, 400], np.float32),
  'noise': np.random.RandomState(0).normal(size=[7, 3]).astype(np.float32),
  'copy': np.random.RandomState(0).normal(size=[7, 3]).astype(np.float32),
  'other shape': np.random.RandomState(0)
  .normal(size=[7, 3])
  .astype(np.float32)
  .reshape([3, 7]),
  'scalar': np.array(2**40),
  'text': np.array([-(2**31), 5], np.int32),
  'not finite': np.array([np.nan, np.inf, 0.0], np.float32),
}


def write_arrays(path, **settings):
  programs = {'train': artifact.Program(b'\0code', ('a', 'b'), ('c', 'a'))}
  return artifact.write(
    artifact.Artifact(programs, ARRAYS, {'n': 3}), path, **settings
  )


@pytest.mark.parametrize('max_mib', [None, 0.0005])
def test_what_is_written_is_read_bit_for_bit(tmp_path, max_mib):
  digest = write_arrays(tmp_path / 'a.b', max_mib=max_mib)
  found, again = artifact.read(tmp_path / 'a.b')
  assert digest == again
  assert found.about == {'n': 3}
  assert found.programs['train'].stablehlo == b'\0code'
  assert found.programs['train'].outputs == ('c', 'a')
  for name, array in ARRAYS.items():
    assert found.arrays[name].dtype == array.dtype, name
    assert found.arrays[name].shape == array.shape, name
    assert found.arrays[name].tobytes() == array.tobytes(), name
  files = [*tmp_path.iterdir()]
  assert (len(files) > 1) == bool(max_mib)
  assert all(f.stat().st_size <= (max_mib or 1) * 2**20 for f in files)


def test_zeros_copies_and_bits_are_small(tmp_path):
  noise = np.random.RandomState(1).normal(size=[100, 100]).astype(np.float32)
  sizes = {}
  for name, arrays in {
    'noise': {'a': noise},
    'and its copies': {'a': noise, **{str(n): noise for n in range(9)}},
    'bits': {'a': (noise > 0).astype(np.float32)},
  }.items():
    artifact.write(artifact.Artifact({}, arrays, {}), tmp_path / name)
    sizes[name] = (tmp_path / f'{name}.npz').stat().st_size
  assert sizes['and its copies'] < 1.05 * sizes['noise']
  assert sizes['bits'] < sizes['noise'] / 16


def test_a_file_that_is_cut_is_refused_and_a_smaller_one_leaves_no_parts(
  tmp_path,
):
  path = tmp_path / 'a'
  write_arrays(path, max_mib=0.0005)
  (tmp_path / 'a.npz.1').unlink()
  with pytest.raises(errors.UserError, match='copy it again'):
    artifact.read(path)
  write_arrays(path)
  assert [f.name for f in tmp_path.iterdir()] == ['a.npz']
  content = (tmp_path / 'a.npz').read_bytes()
  (tmp_path / 'a.npz').write_bytes(content[:-40])
  with pytest.raises(errors.UserError, match='copy it again'):
    artifact.read(path)


def run_of(folder, *flags):
  """Makes a run that has not begun; returns it."""
  assert (
    dispatcher.main([*TRAIN, *flags, f'--run_root={folder}', '--prepare']) == 0
  )
  (path,) = folder.iterdir()
  assert [f.name for f in path.iterdir()] == ['config.json']
  return directory.load_run(path)


@pytest.fixture(name='exported', scope='module', params=[(), CURVE])
def exported_and_trained(request, tmp_path_factory):
  """Folder with `there`, exported and trained in three calls, and its flags."""
  pytest.importorskip('jax')
  folder = tmp_path_factory.mktemp('exported')
  run = run_of(folder / 'prepared', *request.param)
  call(
    'export',
    f'--run={run.path}',
    f'--output={folder / "there"}',
    f'--steps_per_call={STEPS}',
  )
  for minutes in ('0', '9'):  # A row at the least.
    call('train', folder / 'there', f'--minutes={minutes}')
  return folder, request.param


def call(*arguments):
  assert accelerator.main([str(a) for a in arguments]) == 0


def trained_here(folder, *flags):
  flags = (*TRAIN, *flags, f'--run_root={folder}')
  assert (
    dispatcher.main([*flags, f'--steps_per_call={STEPS}', '--jit_compile=true'])
    == 0
  )
  (path,) = folder.glob('run_*')
  return directory.load_run(path)


@pytest.mark.slow
def test_an_imported_run_is_that_which_is_trained_here(exported, capsys):
  folder, flags = exported
  state, _ = artifact.read(folder / 'there.state')
  call('import', folder / 'there', f'--run_root={folder / "runs"}')
  assert capsys.readouterr().err == ''
  # The same command evaluates it; no step is left.
  command = [*TRAIN, *flags, f'--run_root={folder / "runs"}']
  assert dispatcher.main(command) == 0
  (path,) = (folder / 'runs').glob('run_*')
  run, twin = directory.load_run(path), trained_here(folder / 'here', *flags)
  assert [row['step'] for row in run.metrics] == [2, 4, 6, 8, 10, 12]
  for ours, theirs in zip(twin.metrics, run.metrics, strict=True):
    for name in set(ours) - {'rate_nats', *VALIDATED}:
      assert theirs[name] == pytest.approx(ours[name], rel=1e-4), name
    assert ('validation_score' in ours) == ('validation_score' in theirs)
  for beta, point in run.points('test').items():
    here = twin.points('test')[beta]
    assert point.distortion_nats == pytest.approx(
      here.distortion_nats, rel=1e-3
    )
  first, last = run.result['trained_on']
  assert first['num_steps'] == STEPS
  assert last['num_steps'] == 12 - STEPS
  assert {'device', 'jax', 'tf32_allowed', 'steps_per_s'} < set(last)
  assert 'trained_on' not in twin.result
  assert run.result['kept']['step'] == state.about['progress']['kept_step']
  kept = tf.train.load_checkpoint(str(path / 'checkpoint' / 'kept'))
  for name in kept.get_variable_to_shape_map():
    value = state.arrays[f'kept/{name}']
    assert kept.get_tensor(name).tobytes() == value.tobytes(), name
  score = score_under_xla(run).value
  assert state.about['progress']['score'] == pytest.approx(score, rel=1e-5)


def score_under_xla(run):
  """The score of the kept weights with the draws of the device."""
  ready, _ = export_run.prepare(run.config, data_dir='', steps_per_call=STEPS)
  checkpoint.read_weights(ready.program.model, run.path / 'checkpoint' / 'kept')
  measure = export_run.Measure(ready, run.config.objective)

  def point(beta, num_samples):
    assert measure.arrays['seeds'].shape == (1, 1, 2)  # One pass is all.
    nats = [[x] for x in measure.first_pass(beta)]
    return point_lib.Point.from_examples(*nats, num_samples=num_samples)

  return scoring.score(run.config.objective, point)


@pytest.mark.slow
@pytest.mark.parametrize('exported', [()], indirect=True)
def test_what_does_not_belong_is_refused_and_the_run_untouched(
  exported, tmp_path, capsys, monkeypatch
):
  folder, _ = exported
  whole, _ = artifact.read(folder / 'there.state')
  root, path = tmp_path / 'runs', tmp_path / 'there'
  shutil.copy(folder / 'there.npz', f'{path}.npz')

  def refused(said, *, commands=('import',), arrays=whole.arrays, **about):
    state = artifact.Artifact({}, arrays, {**whole.about, **about})
    artifact.write(state, f'{path}.state')
    for command in commands:
      flags = [f'--run_root={root}'] if command == 'import' else []
      assert accelerator.main([command, str(path), *flags]) == 1
      said_there = capsys.readouterr().err
      assert said in said_there
      assert said_there.count('\n') == 1
    assert not root.exists()

  def turned(name):
    return {**whole.arrays, name: whole.arrays[name].swapaxes(-1, -2)}

  def shaped(prefix, *, square):
    return next(
      name
      for name, x in whole.arrays.items()
      if name.startswith(prefix)
      and x.ndim > 1
      and (x.shape[-1] == x.shape[-2]) == square
    )

  for prefix in ('kept/', 'model/', 'training/program/average/'):
    refused('on their device', arrays=turned(shaped(prefix, square=True)))
  both = {'commands': ('train', 'import')}
  oblong = shaped('model/', square=False)
  refused('another model', arrays=turned(oblong), **both)
  less = {k: x for k, x in whole.arrays.items() if k != oblong}
  refused(f'{oblong} is missing', arrays=less, **both)
  refused('of another export', program_sha256='0' * 64, **both)
  refused('written by tfp_rd 0.0.1', tfp_rd='0.0.1', **both)
  progress = whole.about['progress']
  refused('no record', progress=None, **both)
  refused("step is 'four'", progress={**progress, 'step': 'four'}, **both)
  content = pathlib.Path(f'{path}.state.npz').read_bytes()
  pathlib.Path(f'{path}.state.npz').write_bytes(content[:-99])
  assert accelerator.main(['import', str(path), f'--run_root={root}']) == 1
  assert 'bring it again' in capsys.readouterr().err.replace('copy', 'bring')
  with monkeypatch.context() as patch:
    patch.setattr(import_run.version, '__version__', '9.9')
    refused('was exported by tfp_rd')
  artifact.write(whole, f'{path}.state')
  loaded = import_run.export_run.prepare
  with monkeypatch.context() as patch:
    patch.setattr(
      import_run.export_run,
      'prepare',
      lambda *args, **kwargs: inverted(*loaded(*args, **kwargs)),
    )
    refused('with other images')


def inverted(ready, state):
  return ready._replace(validation=1 - ready.validation), state


@pytest.mark.slow
@pytest.mark.parametrize('exported', [()], indirect=True)
def test_a_run_that_has_gone_further_is_left_as_it_is(
  exported, tmp_path, capsys
):
  folder, flags = exported
  there, root = str(folder / 'there'), tmp_path / 'runs'
  run = run_of(root, *flags)
  for step, said in ((1, 'was begun here'), (12, 'is at step 12 already')):
    index = run.path / 'checkpoint' / f'ckpt-{step}.index'
    index.parent.mkdir(exist_ok=True)
    index.touch()
    assert accelerator.main(['import', there, f'--run_root={root}']) == 1
    assert said in capsys.readouterr().err
    assert len([*run.path.rglob('*')]) == 3
    index.unlink()
  call('import', there, f'--run_root={root}')
  assert elsewhere.read(run.path)['trained_on']
  # Trained again from the start, it was not trained there.
  shutil.rmtree(run.path / 'checkpoint')
  command = [*TRAIN, *flags, f'--run_root={root}', '--steps_per_call=2']
  assert dispatcher.main(command) == 0
  assert 'trained_on' not in run.result


def test_a_run_that_has_begun_is_not_exported(tmp_path, capsys):
  run = run_of(tmp_path)
  (run.path / 'checkpoint').mkdir()
  (run.path / 'checkpoint' / 'ckpt-1.index').touch()
  assert accelerator.main(['export', f'--run={run.path}']) == 1
  assert 'has begun' in capsys.readouterr().err


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
  digest = write_arrays(tmp_path / 'a')

  def fail(*_):
    raise OSError(28, 'No space left on device')

  monkeypatch.setattr(artifact.atomic_file, 'write_atomically', fail)
  for max_mib in (None, 0.0005):
    with pytest.raises(OSError, match='No space'):
      write_arrays(tmp_path / 'a', max_mib=max_mib)
  assert artifact.read(tmp_path / 'a')[1] == digest


def test_a_whole_file_may_stay_beside_its_parts(tmp_path):
  digest = write_arrays(tmp_path / 'a', max_mib=0.0005, keeps_whole=True)
  (tmp_path / 'a.npz.12345678').touch()  # A temporary file.
  for _ in range(2):
    assert artifact.read(tmp_path / 'a')[1] == digest
    (tmp_path / 'a.npz').unlink(missing_ok=True)


def test_an_export_is_trained_by_one_process(tmp_path):
  second = run_state.lock(tmp_path / 'a')
  refused = pytest.raises(errors.UserError, match='another process')
  with run_state.lock(tmp_path / 'a'), refused, second:
    pass


@pytest.mark.slow
@pytest.mark.parametrize('exported', [()], indirect=True)
def test_a_run_is_trained_without_tensorflow(exported, tmp_path):
  folder, _ = exported
  shutil.copy(folder / 'there.npz', tmp_path / 'there.npz')
  code = (
    'import sys\n'
    'for name in sys.argv.pop().split():\n'
    '  sys.modules[name] = None\n'
    'from benchmarks import accelerator\n'
    "sys.exit(accelerator.main(['train', sys.argv[1], '--minutes=0']))"
  )
  absent = 'tensorflow tensorflow_probability tf_keras sklearn matplotlib tqdm'
  done = subprocess.run(
    [sys.executable, '-c', code, tmp_path / 'there', absent],
    cwd=pathlib.Path(__file__).parents[1],
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  record = json.loads(done.stdout.splitlines()[-1])
  assert (record['step'], record['is_finished']) == (STEPS, False)
