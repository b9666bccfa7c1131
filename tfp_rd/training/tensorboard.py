# SPDX-License-Identifier: Apache-2.0
"""What TensorBoard shows of a training: scalars, pictures and HParams.

    tensorboard/train        each row of metrics.csv
    tensorboard/validation   the score of each validation, and the result
    tensorboard/test         the result
    tensorboard/pictures     reconstructions and generations at validations
    tensorboard/hparams      the run; of a curve a folder for each beta

TensorBoard draws the files of a training that was cut, which overlap, as a line
that goes back.  So the scalars are written anew when a training goes on, from
`metrics.csv`, and later pictures are removed.
"""

import pathlib
import shutil
from collections.abc import Callable, Mapping
from typing import Any, Optional

import numpy as np
import tensorflow as tf

from tfp_rd import errors
from tfp_rd.model import draw_images
from tfp_rd.run import metrics as metrics_lib

__all__ = ['FOLDER', 'check', 'finish', 'writing']

FOLDER = 'tensorboard'

_OnProgress = Callable[[int, int, Mapping[str, float]], Any]
# What is drawn, on axes that splits share.
_NAMES = {
  'rate_nats': 'R (nats)',
  'distortion_nats': 'D (nats)',
  'elbo_nats': '-ELBO (nats)',
}
_VALIDATION = 'validation_'
_SCORE = f'{_VALIDATION}score'
_NUM_IMAGES = 12
# A picture of MNIST takes 4 KB.
_MOST_PICTURES = 40


def check() -> None:
  """Checks that TensorBoard is installed, before anything is trained.

  Raises:
    UserError: It is not.
  """
  try:
    import tensorboard  # noqa: F401
  except ImportError as e:
    raise errors.UserError(
      'TensorBoard is not installed; `pip install tensorboard`, or leave out '
      '--tensorboard.'
    ) from e


def writing(
  run_dir,
  on_progress: _OnProgress,
  *,
  program,
  objective,
  validation,
  num_validations: int,
) -> _OnProgress:
  """Returns `on_progress` that also writes each row of metrics.

  Args:
    run_dir: The folder of the training, whose `metrics.csv` has the rows up to
      the present one.
    on_progress: Is called as before.
    program: The training, whose model draws the pictures.
    objective: Its objective, at whose beta they are drawn; of a curve at 1.
    validation: `[M, H, W, C]` images; pictures are drawn of no others.
    num_validations: How many there will be.
  """
  check()
  folder = pathlib.Path(run_dir) / FOLDER
  writers, painters = {}, []
  every = max(1, -(-num_validations // _MOST_PICTURES))
  count = 0

  def begin(step):
    for name in ('train', 'validation', 'test', 'hparams'):
      shutil.rmtree(folder / name, ignore_errors=True)
    for file in (folder / 'pictures').glob('*tfevents*'):
      if int(file.name.rpartition('.')[2]) >= step:
        file.unlink()
    for name in ('train', 'validation'):
      writers[name] = tf.summary.create_file_writer(str(folder / name))
    return [
      row for row in metrics_lib.read_metrics(run_dir) if row['step'] < step
    ]

  def write(step, num_steps, metrics):
    nonlocal count
    rows = [] if writers else begin(step)
    for row in (*rows, metrics):
      count += _SCORE in row
      _write_row(writers, row)
    if _SCORE in metrics and count % every == 0 and _are_images(validation):
      # One, so that it compiles once.
      model = program.movable.to(_shown_beta(objective))
      painters[:] = painters or [draw_images.Painter(model)]
      _write_pictures(folder / 'pictures', step, painters[0], validation)
    on_progress(step, num_steps, metrics)

  return write


def finish(run: Any) -> None:
  """Writes the result of a finished run: its points, and its HParams.

  Args:
    run: A finished run.
  """
  folder = run.path / FOLDER
  for name in ('test', 'hparams'):
    shutil.rmtree(folder / name, ignore_errors=True)
  step = run.config.training.num_steps
  points = run.points('test')
  if len(points) == 1:
    (point,) = points.values()
    _write_scalars(folder / 'test', step, _numbers(point))
  for beta, point in points.items():
    place = folder / 'hparams'
    if run.config.objective.is_curve:
      place /= f'beta_{beta:g}'
    _write_scalars(
      place,
      step,
      _numbers(point, split='test '),
      settings=_settings(run, beta),
      trial=f'{run.path.name}, {place.name}',
    )


def _write_row(writers, row):
  step = int(row['step'])
  validation = {
    name.removeprefix(_VALIDATION): value
    for name, value in row.items()
    if name.startswith(_VALIDATION)
  }
  if {'rate_nats', 'distortion_nats'} <= validation.keys():
    nats = validation['rate_nats'] + validation['distortion_nats']
    validation['elbo_nats'] = -nats
  train = {
    name: value
    for name, value in row.items()
    if name != 'step' and not name.startswith(_VALIDATION)
  }
  for split, values in (('train', train), ('validation', validation)):
    with writers[split].as_default(step=step):
      for name, value in values.items():
        sign = -1 if name == 'elbo_nats' else 1
        tf.summary.scalar(_NAMES.get(name, name), sign * value)
  for writer in writers.values():
    writer.flush()


def _shown_beta(objective):
  """Returns the beta of an objective, of a curve that nearest to 1."""
  if not objective.is_curve:
    return objective.beta
  low, high = objective.beta_range
  return min(max(1.0, low), high)


def _are_images(validation):
  return validation is not None and np.ndim(validation) == 4


def _write_pictures(folder, step, painter, validation):
  """Writes twelve images as the present weights draw them."""
  images = np.asarray(validation[:_NUM_IMAGES], np.float32)
  rows = painter.reconstructions(images, num_rows=1, seed=0)
  new = painter.generations(num_images=len(images), num_rows=1, seed=0)
  # The step is in the name of the file, so that it can be removed.
  writer = tf.summary.create_file_writer(
    str(folder), filename_suffix=f'.{step}'
  )
  with writer.as_default(step=step):
    tf.summary.image('reconstructions', _page(np.stack([images, *rows])))
    tf.summary.image('generations', _page(new))
  writer.close()


def _page(images):
  """Lays `[R, N, H, W, C]` out in rows with a line between them, `[1, ...]`."""
  edges = [(0, 0), (0, 0), (1, 1), (1, 1), (0, 0)]
  framed = np.pad(np.clip(1 - images, 0, 1), edges, constant_values=0.7)
  rows = np.concatenate([*framed.transpose([1, 0, 2, 3, 4])], axis=-2)
  return np.concatenate([*rows], axis=0)[np.newaxis]


def _numbers(point, split=''):
  return {
    f'{split}{title}': (-1 if name == 'elbo_nats' else 1) * getattr(point, name)
    for name, title in _NAMES.items()
  }


def _settings(run, beta):
  """Returns what TensorBoard lists of a run: numbers and texts."""
  model, training = run.model_settings, run.config.training
  settings = {
    'dataset': run.config.data.dataset,
    'architecture': model.architecture,
    'size': model.size,
    'latent_size': model.latent_size,
    'objective': run.config.objective.label,
    'beta': beta,
    'num_steps': training.num_steps,
    'batch_size': training.batch_size,
    'learning_rate': training.learning_rate,
    'seed': run.config.seed,
  }
  return {name: value for name, value in settings.items() if value is not None}


def _write_scalars(
  folder: pathlib.Path,
  step: int,
  scalars: Mapping[str, float],
  *,
  settings: Optional[Mapping[str, Any]] = None,
  trial: str = '',
) -> None:
  from tensorboard.plugins.hparams import api

  writer = tf.summary.create_file_writer(str(folder))
  with writer.as_default(step=step):
    if settings is not None:
      api.hparams(dict(settings), trial_id=trial)
    for name, value in scalars.items():
      tf.summary.scalar(name, value)
  writer.close()
