# SPDX-License-Identifier: Apache-2.0
"""A run that is trained under JAX is the run that is trained here."""

import shutil

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import accelerator, artifact, export_run
from tfp_rd import errors
from tfp_rd import point as point_lib
from tfp_rd.cli import __main__ as dispatcher
from tfp_rd.run import directory
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
  exported, tmp_path, capsys
):
  folder, _ = exported
  whole, _ = artifact.read(folder / 'there.state')
  (kernel, *_) = (
    name
    for name, x in whole.arrays.items()
    if name.startswith('kept/') and x.ndim > 1 and x.shape[-1] == x.shape[-2]
  )
  (oblong, *_) = (
    name
    for name, x in whole.arrays.items()
    if x.ndim == 2 and x.shape[0] != x.shape[1]
  )
  less = {k: x for k, x in whole.arrays.items() if k != oblong}
  cases = {
    'another model': {**whole.arrays, oblong: whole.arrays[oblong].T},
    'another model: ' + oblong: less,
    'on their device': {
      **whole.arrays,
      kernel: whole.arrays[kernel].swapaxes(-1, -2),
    },
  }
  for said, arrays in cases.items():
    path = tmp_path / 'there'
    shutil.copy(folder / 'there.npz', f'{path}.npz')
    state = artifact.Artifact({}, arrays, whole.about)
    artifact.write(state, f'{path}.state')
    root = tmp_path / 'runs'
    assert accelerator.main(['import', str(path), f'--run_root={root}']) == 1
    assert said in capsys.readouterr().err
    assert not root.exists()
  about = {**whole.about, 'program_sha256': '0' * 64}
  artifact.write(artifact.Artifact({}, whole.arrays, about), f'{path}.state')
  for command in ('train', 'import'):
    assert accelerator.main([command, str(path)]) == 1
    assert 'of another export' in capsys.readouterr().err
  call('import', folder / 'there', f'--run_root={root}')
  before = {p: p.read_bytes() for p in root.rglob('*') if p.is_file()}
  arguments = ['import', str(folder / 'there'), f'--run_root={root}']
  assert accelerator.main(arguments) == 1
  assert 'is at step 12 already' in capsys.readouterr().err
  assert before == {p: p.read_bytes() for p in root.rglob('*') if p.is_file()}
