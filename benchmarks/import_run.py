# SPDX-License-Identifier: Apache-2.0
"""Brings a run that was trained under JAX into a folder of runs."""

import pathlib

import benchmarks.quiet  # noqa: F401, before TensorFlow itself

# isort: split
import numpy as np

from benchmarks import artifact as artifact_lib
from benchmarks import export_run, run_state
from tfp_rd import config as config_lib
from tfp_rd import errors, version
from tfp_rd.cli import command
from tfp_rd.network import precision
from tfp_rd.run import directory as run_lib
from tfp_rd.run import elsewhere
from tfp_rd.training import checkpoint, folder

__all__ = ['import_run']

# Relative, of R and of D in nats: float32 on two devices.
_TOLERANCE = 1e-4
_NAMES = {
  'weights': 'weights',
  'average': 'averaged weights',
  'kept': 'kept weights',
}


def import_run(path, *, run_root: str, data_dir: str = '') -> run_lib.Run:
  """Writes the checkpoint of a run from the state of its program.

  R and D of a validation batch, measured by the program on its device, are
  measured again with TensorFlow before anything is written.

  Args:
    path: As `export --output` has it.
    run_root: The folder of the run's directory, which is made if need be.
    data_dir: Where tensorflow-datasets keeps its prepared sets.

  Returns:
    The run; `tfp-rd train` evaluates it, or goes on from its step.

  Raises:
    UserError: A file is missing, damaged, of another export or version; the run
      in `run_root` has gone further; or R and D differ.
    OSError: A file cannot be written.
  """
  artifact, digest = artifact_lib.read(path)
  about = artifact.about
  _check_export(about, path)
  state = run_state.read(path, artifact, digest=digest)
  progress = state.progress
  config = config_lib.Config.from_dict(about['config'])
  run = run_lib.Run(pathlib.Path(run_root) / config.name, config)
  _check_not_further(run, progress['step'])
  ready, loop_state = export_run.prepare(
    config, data_dir=data_dir, steps_per_call=about['steps_per_call']
  )
  _check_images(ready, artifact, path)
  _assign(loop_state, artifact, state)
  _check_measured(ready, loop_state, state.check, path)
  run = run_lib.create_run(run_root, config)
  with run_lib.lock(run):
    files = folder.Folder(
      run.path,
      loop_state,
      print,
      num_steps=config.training.num_steps,
    )
    files.write(progress['rows'])
    files.save(progress['rows'])
    # Last: without the checkpoint it would be said of a training here.
    elsewhere.write(run.path, progress['parts'], rows=progress['rows'])
  return run


def _check_export(about, path):
  if 'config' not in about:
    raise errors.UserError(
      f'{path}.npz is a program to be timed, not one of a run; export a run, '
      'by --run=DIR.'
    )
  exported_by = about['versions']['tfp_rd']
  if exported_by != version.__version__:
    raise errors.UserError(
      f'{path}.npz was exported by tfp_rd {exported_by} and this is '
      f'{version.__version__}; import it with that version.'
    )


def _check_not_further(run, step):
  known = checkpoint.last_step(run.path / 'checkpoint')
  if run.is_done or known >= step:
    raise errors.UserError(
      f'{run.path} is at step {known} already'
      f'{" and has its result" if run.is_done else ""}, and what is imported '
      f'at step {step}; name another run_root.'
    )
  if known and not elsewhere.read(run.path):
    raise errors.UserError(
      f'{run.path} was begun here, with other noise than the import; name '
      'another run_root.'
    )


def _check_images(ready, artifact, path):
  for name, ours in (
    ('inputs/images', ready.inputs.images.numpy()),
    ('validation', np.asarray(ready.validation)),
  ):
    if not np.array_equal(ours, artifact.arrays[name]):
      raise errors.UserError(
        f'{path}.npz was exported with other images than those that are here; '
        'name the data set of the export.'
      )


def _assign(loop_state, artifact, state):
  """Gives the variables of a training the values that it has reached."""
  variables = loop_state.named_variables()
  for name, value in {**artifact.arrays, **state.arrays}.items():
    if name in variables:
      variables[name].assign(value)
  progress = state.progress
  loop_state.seconds.assign(progress['seconds'])
  if progress['score'] is not None:
    chosen = loop_state.selection.variables_chosen
    loop_state.selection.put(
      {name: state.arrays[f'{run_state.KEPT}{name}'] for name in chosen},
      score=progress['score'],
      step=progress['kept_step'],
      is_averaged=progress['is_averaged'],
    )


def _check_measured(ready, loop_state, check, path):
  """Refuses weights whose R and D are not those of the device."""
  chosen = loop_state.selection.variables_chosen
  present = {name: variable.numpy() for name, variable in chosen.items()}
  measure = export_run.Measure(ready, ready.program.objective)
  for which, theirs in check['nats'].items():
    if which == 'kept':
      loop_state.selection.take()
    elif which == 'average':
      for name, value in ready.program.average.values.items():
        chosen[name].assign(value)
    with precision.without_tf32(), command.silence_startup():
      ours = measure.first_pass(check['beta'])
    for name, value in present.items():
      chosen[name].assign(value)
    if not np.allclose(ours, theirs, rtol=_TOLERANCE, atol=_TOLERANCE):
      raise errors.UserError(
        f'the {_NAMES[which]} of {path}.state.npz have R {ours[0]:.4f} D '
        f'{ours[1]:.4f} nats here and R {theirs[0]:.4f} D {theirs[1]:.4f} on '
        'their device; they are damaged, or a part of them stands in the '
        'place of another.'
      )
