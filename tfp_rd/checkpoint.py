# SPDX-License-Identifier: Apache-2.0
"""Checkpoints that survive a corrupt one: the one before it is used."""

import pathlib
from collections.abc import Callable
from typing import Optional

import tensorflow as tf

from tfp_rd import errors

__all__ = ['Checkpoints', 'read_weights', 'write_weights']

# On a file that is missing, cut short or overwritten TensorFlow raises errors
# of its own, IndexError, ValueError and more.
_CORRUPT = Exception


class Checkpoints:
  """The last two checkpoints of a module, by step.

  Args:
    folder: Where they are.
    module: What they hold, all of its variables.
    on_warning: Is told a sentence when a checkpoint cannot be read.
  """

  def __init__(self, folder, module, *, on_warning: Callable[[str], object]):
    self._folder = pathlib.Path(folder)
    self._checkpoint = tf.train.Checkpoint(module=module)
    self._manager = tf.train.CheckpointManager(
      self._checkpoint, str(folder), max_to_keep=2
    )
    self._on_warning = on_warning

  def save(self, step: int) -> None:
    """Writes all variables, under a name that bears the step."""
    try:
      self._manager.save(checkpoint_number=step)
    except tf.errors.OpError as e:
      raise OSError(
        f'the checkpoint in {self._folder} cannot be written: {_reason(e)}'
      ) from e

  def restore(self) -> Optional[str]:
    """Reads the newest checkpoint that can be read.

    Returns:
      Its path, or `None` if there is none; the variables are then in no known
      state if the warning said that one was corrupt.
    """
    for path in reversed(self._manager.checkpoints):
      try:
        self._checkpoint.restore(path).assert_consumed()
        return path
      except _CORRUPT as e:
        self._on_warning(
          f'the checkpoint {path} cannot be read ({_reason(e)}); the one '
          'before it is used.'
        )
    return None


def write_weights(model, path) -> None:
  """Writes a model's variables to `path`, a prefix of file names."""
  try:
    tf.train.Checkpoint(model=model).write(str(path))
  except tf.errors.OpError as e:
    raise OSError(f'{path} cannot be written: {_reason(e)}') from e


def read_weights(model, path) -> None:
  """Reads what `write_weights` wrote.

  Raises:
    UserError: It cannot be read, or belongs to another model.
  """
  try:
    tf.train.Checkpoint(model=model).read(str(path)).assert_consumed()
  except _CORRUPT as e:
    raise errors.UserError(
      f'the weights {path} cannot be read ({_reason(e)}); remove the result of '
      'that run and train it again.'
    ) from e


def _reason(error):
  text = str(error).strip().splitlines()
  # TensorFlow puts long paths first and the reason last.
  return text[0][-200:] if text else type(error).__name__
