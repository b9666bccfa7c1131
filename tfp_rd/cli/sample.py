# SPDX-License-Identifier: Apache-2.0
"""The command that shows what a trained model reconstructs and generates."""

import io
import math
import pathlib
import sys
from collections.abc import Sequence
from typing import Optional

from absl import flags

from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd.cli import command, config_flags, loaded
from tfp_rd.report import image_sheet
from tfp_rd.run import atomic_file, evaluated, pictures
from tfp_rd.run import directory as run_lib

__all__ = ['main']

_MANUAL = """\
tfp-rd sample RUN --output=FILE.png: reconstructions and generations of a run.

  tfp-rd sample runs/run_-+v_beta0.3_1a2b3c4d --output=samples.png
  tfp-rd sample runs/run_-+v_multi_rate_1a2b3c4d --beta=0.3
  tfp-rd sample runs --keep

Each column shows a test image and, below it, draws from the decoder at draws of
its z: what they share with it is what z carries.  Generations are draws from
the decoder at draws from the marginal.

A run keeps some of these in its directory, at each beta that it was asked for,
and the page of `tfp-rd report` shows them.  --keep adds them to finished runs
that have weights and lack pictures.
"""

_RECONSTRUCTIONS = 3  # Rows.
_GENERATIONS = 4
_LISTED = 12  # Runs that a message names.


def main(argv: Optional[Sequence[str]] = None) -> int:
  """Runs the command; returns its exit status."""
  return command.run(_main, argv, name='sample', define=_define, manual=_MANUAL)


def _define(flag_values):
  here = {'flag_values': flag_values, 'module_name': 'The picture'}
  flags.DEFINE_string(
    'output', 'samples.png', 'File to write: .png, .svg or .pdf.', **here
  )
  flags.DEFINE_integer(
    'num_images', 12, 'Images in a row.', lower_bound=1, **here
  )
  flags.DEFINE_float(
    'beta', None, 'Where on a one-run curve; by default near 1.', **here
  )
  flags.DEFINE_integer(
    'seed',
    None,
    "Of the draws, by default the run's, and of the choice of images.",
    **here,
  )
  flags.DEFINE_boolean(
    'keep',
    default=False,
    help='Draw no picture; keep pictures beside each run below RUN_OR_ROOT.',
    **here,
  )
  config_flags.define_execution(flag_values, 'data_dir')


def _main(flag_values: flags.FlagValues, arguments: list[str]) -> None:
  path = command.single_argument(arguments, 'RUN, the directory of a run')
  if flag_values.keep:
    _keep(path, flag_values)
    return
  run = _run(path)
  output = pathlib.Path(flag_values.output)
  if output.suffix not in ('.png', '.svg', '.pdf'):
    raise errors.UserError(
      f'--output is {str(output)!r}; it must end in .png, .svg or .pdf.'
    )
  if not output.parent.is_dir():
    raise errors.UserError(f'{output.parent} is not a directory; make it.')
  command.tensorflow()
  from tfp_rd.training import ancestry, kept_pictures

  data = loaded.load(run.config.data, flag_values.data_dir)
  seed = run.config.seed if flag_values.seed is None else flag_values.seed
  images = kept_pictures.chosen_images(
    data.test, num_images=flag_values.num_images, seed=flag_values.seed or 0
  )
  beta = flag_values.beta
  if beta is None and run.config.objective.is_curve:
    beta = min(run.points('test'), key=lambda b: abs(math.log(b)))
  draws = _draw(ancestry.restore(run, beta), images, seed=seed)
  figure = image_sheet.picture(images, *draws, title=_title(run.config, beta))
  _save(figure, output)
  print(output)


def _run(path):
  """Returns the run in a directory, or the only one below it."""
  root = pathlib.Path(path)
  if (root / 'config.json').exists() or not root.is_dir():
    return run_lib.load_run(root)
  runs = run_lib.runs_below(root, on_refused=command.print_error)
  runs = [run for run in runs if run.is_done]
  if not runs:
    raise errors.UserError(f'there is no finished run in or below {root}.')
  if len(runs) > 1:
    shown = ', '.join(str(run.path) for run in runs[:_LISTED])
    rest = f' and {len(runs) - _LISTED} more' if len(runs) > _LISTED else ''
    raise errors.UserError(
      f'there are {len(runs)} finished runs below {root}; name one of them: '
      f'{shown}{rest}.'
    )
  return runs[0]


def _draw(model, images, *, seed):
  """Returns reconstructions `[R, N, ...]` and generations `[G, N, ...]`."""
  from tfp_rd.model import draw_images

  painter = draw_images.Painter(model)
  reconstructions = painter.reconstructions(
    images, num_rows=_RECONSTRUCTIONS, seed=seed
  )
  return reconstructions, painter.generations(
    num_images=len(images), num_rows=_GENERATIONS, seed=seed
  )


def _keep(path, flag_values):
  """Adds pictures to the finished runs below a folder that lack them."""
  for name in ('output', 'num_images', 'beta', 'seed'):
    if flag_values[name].present:
      raise errors.UserError(
        f'--{name} has no effect with --keep; a run keeps the pictures of its '
        'own seed at its own betas.'
      )
  refused = []
  runs = run_lib.runs_below(path, on_refused=refused.append)
  runs = [run for run in runs if run.is_done]
  for run in runs:
    try:
      _keep_of(run, flag_values.data_dir)
      print(run.path / pictures.NAME)
    except errors.UserError as e:
      refused.append(str(e))
  if not (runs or refused):
    raise errors.UserError(f'there is no finished run in or below {path}.')
  if refused:
    raise errors.UserError(' '.join(refused))


def _keep_of(run, data_dir):
  """Adds pictures to one run, if it lacks some."""
  betas = evaluated.given_betas(run.config)
  try:
    if {*betas} <= {*pictures.read(run)}:
      return
  except errors.UserError:
    pass  # They are drawn anew.
  if not run.has_weights:
    raise errors.UserError(
      f'{run.path} is kept without weights, so that no pictures can be drawn.'
    )
  command.tensorflow()
  from tfp_rd.model import movable_model
  from tfp_rd.training import ancestry, checkpoint, kept_pictures, provenance

  model, data = ancestry.restore(run), loaded.load(run.config.data, data_dir)
  provenance.check_images(run, provenance.digest_of_splits(data))
  with run_lib.lock(run):
    kept_pictures.keep(
      run,
      movable_model.MovableModel(model),
      data,
      betas,
      weights_sha256=checkpoint.weights_sha256(model),
    )


def _title(config: config_lib.Config, beta: Optional[float]) -> str:
  data = pathlib.PurePath(config.data.dataset).stem
  at = '' if beta is None else f', beta {beta:g}'
  return f'{config.model.architecture} on {data}, {config.objective}{at}'


def _save(figure, path):
  buffer = io.BytesIO()
  figure.savefig(buffer, format=path.suffix.lstrip('.'))
  atomic_file.write_atomically(path, buffer.getvalue())


if __name__ == '__main__':
  sys.exit(main())
