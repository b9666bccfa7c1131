# SPDX-License-Identifier: Apache-2.0
"""Brings a run that was trained under JAX into a folder of runs."""

import pathlib

import benchmarks.quiet  # noqa: F401, before TensorFlow itself

# isort: split
import numpy as np

from benchmarks import artifact as artifact_lib
from benchmarks import export_run
from benchmarks.train_program import KEPT
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
  state, _ = artifact_lib.read(f'{path}.state')
  about = artifact.about
  _check_same(about, state.about, digest, path)
  config = config_lib.Config.from_dict(about['config'])
  run = run_lib.Run(pathlib.Path(run_root) / config.name, config)
  _check_not_further(run, state.about['progress']['step'])
  ready, loop_state = export_run.prepare(
    config, data_dir=data_dir, steps_per_call=about['steps_per_call']
  )
  _check_images(ready, artifact, path)
  _assign(loop_state, artifact, state, path)
  _check_measured(ready, loop_state, state.about['check'], path)
  run = run_lib.create_run(run_root, config)
  progress = state.about['progress']
  with run_lib.lock(run):
    files = folder.Folder(
      run.path,
      loop_state,
      print,
      num_steps=config.training.num_steps,
    )
    elsewhere.write(run.path, progress['parts'])
    files.write(progress['rows'])
    files.save(progress['rows'])
  return run


def _check_same(about, state, digest, path):
  if 'config' not in about:
    raise errors.UserError(
      f'{path}.npz is a program to be timed, not one of a run; export a run, '
      'by --run=DIR.'
    )
  if state.get('program_sha256') != digest:
    raise errors.UserError(
      f'{path}.state.npz is of another export than {path}.npz; bring both '
      'files of one.'
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


def _assign(loop_state, artifact, state, path):
  """Gives the variables of a training the values that it has reached."""
  variables = loop_state.named_variables()
  program = artifact.programs['train']
  changed = [name for name in program.inputs if name in program.outputs]
  values = {
    **{k: x for k, x in artifact.arrays.items() if k in variables},
    **{name: state.arrays.get(name) for name in changed},
  }
  _check_shapes(values, variables, path)
  for name, value in values.items():
    variables[name].assign(value)
  progress = state.about['progress']
  loop_state.seconds.assign(progress['seconds'])
  if progress['score'] is not None:
    chosen = loop_state.selection.variables_chosen
    kept = {name: state.arrays.get(f'{KEPT}{name}') for name in chosen}
    _check_shapes(kept, chosen, path)
    loop_state.selection.put(
      kept,
      score=progress['score'],
      step=progress['kept_step'],
      is_averaged=progress['is_averaged'],
    )


def _check_shapes(values, variables, path):
  for name, value in values.items():
    variable = variables[name]
    kind = None if value is None else (value.dtype.name, value.shape)
    wanted = (variable.dtype.name, tuple(variable.shape))
    if kind != wanted:
      raise errors.UserError(
        f'{path}.state.npz is of another model: {name} is {kind or "missing"} '
        f'there and {wanted} here.'
      )


def _check_measured(ready, loop_state, check, path):
  """Refuses weights whose R and D are not those of the device."""
  beta = check['beta']
  model = ready.program.model
  present = [v.numpy() for v in model.variables]
  loop_state.selection.take()
  measure = export_run.Measure(ready, ready.program.objective)
  with precision.without_tf32(), command.silence_startup():
    ours = measure.first_pass(beta)
  for variable, value in zip(model.variables, present, strict=True):
    variable.assign(value)
  theirs = (check['rate_nats'], check['distortion_nats'])
  if not np.allclose(ours, theirs, rtol=_TOLERANCE, atol=_TOLERANCE):
    raise errors.UserError(
      f'the weights of {path}.state.npz have R {ours[0]:.4f} D {ours[1]:.4f} '
      f'nats here and R {theirs[0]:.4f} D {theirs[1]:.4f} on their device; '
      'they are damaged, or a part of them stands in the place of another.'
    )
