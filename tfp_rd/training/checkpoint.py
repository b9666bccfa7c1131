# SPDX-License-Identifier: Apache-2.0
"""Checkpoints that survive a corrupt one: the one before it is used.

A checkpoint is read whole before the first variable is touched, so that a
failure leaves everything as it was.
"""

import pathlib
from collections.abc import Callable
from typing import Optional

import tensorflow as tf

from tfp_rd import errors

__all__ = ['Checkpoints', 'read_weights', 'write_weights']

_KEY = 'variables/{}/.ATTRIBUTES/VARIABLE_VALUE'
_KEPT = 2


class _Corrupt(Exception):
  """A checkpoint is missing, cut short or overwritten."""


class Checkpoints:
  """The last two checkpoints of a module, by step.

  Args:
    folder: Where they are.
    module: What they hold, all of its variables.
    on_warning: Is told a sentence when a checkpoint cannot be read.
  """

  def __init__(self, folder, module, *, on_warning: Callable[[str], object]):
    self._folder = pathlib.Path(folder)
    self._variables = list(module.variables)
    self._on_warning = on_warning

  def save(self, step: int) -> None:
    """Writes all variables, under a name that bears the step.

    Raises:
      OSError: It cannot be written.
    """
    self._folder.mkdir(parents=True, exist_ok=True)
    _write(self._variables, self._path(step))
    for old in self._steps()[:-_KEPT]:
      for file in self._folder.glob(f'ckpt-{old}.*'):
        file.unlink(missing_ok=True)

  def restore(self) -> Optional[int]:
    """Reads the newest checkpoint that can be read.

    Returns:
      Its step; `None`, with all variables as they were, if there is none.

    Raises:
      UserError: A checkpoint is of another model.
      OSError: A checkpoint must not be read.
    """
    steps = self._steps()
    while steps:
      step = steps.pop()
      try:
        _read(self._variables, self._path(step))
        return step
      except _Corrupt as e:
        then = (
          'the one before it is used' if steps else 'training begins at step 0'
        )
        self._on_warning(
          f'the checkpoint {self._path(step)} cannot be read ({e}); {then}.'
        )
    return None

  def _path(self, step):
    return self._folder / f'ckpt-{step}'

  def _steps(self):
    # The index is written last: without it there is no checkpoint.
    names = (p.stem.split('-')[1] for p in self._folder.glob('ckpt-*.index'))
    return sorted(int(name) for name in names if name.isdigit())


def write_weights(model, path) -> None:
  """Writes a model's variables to `path`, a prefix of file names.

  Raises:
    OSError: They cannot be written.
  """
  _write(list(model.variables), path)


def read_weights(model, path) -> None:
  """Reads what `write_weights` wrote.

  Raises:
    UserError: It cannot be read, or belongs to another model.
  """
  try:
    _read(list(model.variables), path)
  except _Corrupt as e:
    raise errors.UserError(
      f'the weights {path} cannot be read ({e}); remove the result of that run '
      'and train it again.'
    ) from e


def _write(variables, path):
  try:
    tf.train.Checkpoint(variables=variables).write(str(path))
  except tf.errors.OpError as e:
    raise OSError(f'{path} cannot be written: {_reason(e)}') from e


def _read(variables, path):
  try:
    reader = tf.train.load_checkpoint(str(path))
    found = reader.get_variable_to_shape_map()
    wanted = {
      _KEY.format(n): v.shape.as_list() for n, v in enumerate(variables)
    }
    shapes = {k: list(v) for k, v in found.items() if k.startswith('variables')}
    if shapes != wanted:
      raise errors.UserError(
        f'the checkpoint {path} is of another model; name another directory.'
      )
    values = [reader.get_tensor(key) for key in wanted]
  except (errors.UserError, tf.errors.PermissionDeniedError):
    raise
  except Exception as e:  # TensorFlow raises IndexError, ValueError and more.
    raise _Corrupt(_reason(e)) from e
  for variable, value in zip(variables, values, strict=True):
    variable.assign(value)


def _reason(error):
  text = str(error).strip().splitlines()
  # TensorFlow puts long paths first and the reason last.
  return text[0][-200:] if text else type(error).__name__
