# SPDX-License-Identifier: Apache-2.0
"""Checkpoints that survive a corrupt one: the one before it is used.

A checkpoint is read whole before the first variable is touched, so that a
failure leaves everything as it was.  Variables are kept by name, which is the
path of attributes that leads to them: what was renamed is refused, never read
into another variable.
"""

import hashlib
import json
import pathlib
import types
from collections.abc import Callable, Mapping
from typing import Optional

import numpy as np
import tensorflow as tf

from tfp_rd import errors
from tfp_rd.model import variables as variables_lib

__all__ = [
  'Checkpoints',
  'last_step',
  'read_weights',
  'weights_sha256',
  'write_weights',
]

_KEPT = 2
_PLAYERS = 'players/'  # Begins the names of what players brought along.
_NOTHING = types.MappingProxyType({})


class _Corrupt(Exception):
  """A checkpoint is missing, cut short or overwritten."""


class Checkpoints:
  """The last two checkpoints of a training, by step.

  Args:
    folder: Where they are.
    variables: What they hold, by name.
    same: By variable, the error, or `None`, for a file that has another value.
    on_warning: Called with a sentence when a checkpoint cannot be read.
  """

  def __init__(
    self,
    folder,
    variables: Mapping[str, tf.Variable],
    *,
    same: Mapping[str, Callable[..., Optional[Exception]]] = _NOTHING,
    on_warning: Callable[[str], object],
  ):
    self._folder = pathlib.Path(folder)
    self._variables = dict(variables)
    self._same = dict(same)
    self._on_warning = on_warning

  def save(self, step: int) -> None:
    """Writes all variables, under a name that bears the step.

    Raises:
      OSError: It cannot be written.
    """
    self._folder.mkdir(parents=True, exist_ok=True)
    _write(self._variables, self._path(step))
    known_steps = _steps(self._folder)
    # Later ones could not be read, or training would be there.
    past = [n for n in known_steps if n <= step]
    for old in {*known_steps} - {*past[-_KEPT:]}:
      for file in self._folder.glob(f'ckpt-{old}.*'):
        file.unlink(missing_ok=True)

  def restore(self) -> Optional[int]:
    """Reads the newest checkpoint that can be read.

    Returns:
      Its step; `None`, with all variables as they were, if there is none.

    Raises:
      HeldBackError: One is of another model, or may not be read; or as `same`.
    """
    steps = _steps(self._folder)
    while steps:
      step = steps.pop()
      try:
        _read(self._variables, self._path(step), same=self._same)
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


def last_step(folder) -> int:
  """Returns the step of the newest checkpoint in a folder, 0 for none."""
  return max(_steps(pathlib.Path(folder)), default=0)


def write_weights(model, path, *, players=()) -> None:
  """Writes a model's variables to `path`, a prefix of file names.

  Args:
    model: The model.
    path: Where.
    players: Variables that players brought along, as `players/...`.

  Raises:
    OSError: They cannot be written.
  """
  _write({**variables_lib.named({'': model}), **dict(players)}, path)


def read_weights(model, path) -> None:
  """Reads a model's variables from what `write_weights` wrote.

  Args:
    model: The model, which is left as it was if this fails.
    path: As given to `write_weights`.

  Raises:
    HeldBackError: It cannot be read, or belongs to another model.
  """
  path = pathlib.Path(path)
  try:
    _read(variables_lib.named({'': model}), path)
  except _Corrupt as e:
    raise errors.HeldBackError(
      f'the weights {path} cannot be read ({e}); remove the result of that run '
      'and train it again.'
    ) from e


def weights_sha256(model) -> str:
  """Returns the SHA-256 of a model's weights, by which results know them.

  It covers names, types, shapes and bytes of all variables, in the order of
  the names.  Of a curve the whole model counts, not the model at one beta.

  Args:
    model: A `LatentVariableModel`, a `ConditionalModel`, or another module.

  Returns:
    64 hexadecimal digits.
  """
  digest = hashlib.sha256()
  for name, variable in sorted(variables_lib.named({'': model}).items()):
    value = variable.numpy()
    # In JSON's own quotes, so that no name looks like a type or a shape.
    header = json.dumps([name, variable.dtype.name, list(value.shape)])
    digest.update(f'{header}\n'.encode())
    digest.update(np.ascontiguousarray(value).tobytes())
  return digest.hexdigest()


def _steps(folder):
  # The index is written last: without it there is no checkpoint.
  names = (p.stem.split('-')[1] for p in folder.glob('ckpt-*.index'))
  return sorted(int(name) for name in names if name.isdigit())


def _write(variables, path):
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  try:
    tf.raw_ops.SaveV2(
      prefix=str(path),
      tensor_names=[*variables],
      shape_and_slices=[''] * len(variables),
      tensors=[v.read_value() for v in variables.values()],
    )
  except tf.errors.OpError as e:
    raise OSError(f'{path} cannot be written: {_reason(e)}') from e


def _read(variables, path, *, same=_NOTHING):
  _check_permission(path)
  try:
    reader = tf.train.load_checkpoint(str(path))
    kinds = reader.get_variable_to_dtype_map()
    found = {
      name: (kinds[name].name, shape)
      for name, shape in reader.get_variable_to_shape_map().items()
      if name in variables or not name.startswith(_PLAYERS)
    }
    _check_same(variables, found, path)
    values = {name: reader.get_tensor(name) for name in variables}
  except errors.UserError:
    raise
  except Exception as e:  # TensorFlow raises IndexError, ValueError and more.
    raise _Corrupt(_reason(e)) from e
  for name, refused in same.items():
    is_same = np.array_equal(values[name], variables[name])
    if not is_same and (error := refused(path)):
      raise error
  for name, variable in variables.items():
    variable.assign(values[name])


def _check_permission(path):
  """Refuses a file that may not be read, which is not a damaged one."""
  for file in sorted(pathlib.Path(path).parent.glob(f'{path.name}.*')):
    try:
      file.open('rb').close()
    except PermissionError as e:
      raise errors.HeldBackError(
        f'{file} cannot be read ({e.strerror}); ask its owner for permission.'
      ) from e


def _check_same(variables, found, path):
  """Refuses a file whose names, types or shapes are not the variables'."""
  wanted = {
    name: (v.dtype.name, v.shape.as_list()) for name, v in variables.items()
  }
  differing = sorted(
    name
    for name in wanted.keys() | found.keys()
    if wanted.get(name) != found.get(name)
  )
  if not differing:
    return
  name = differing[0]
  have, want = (_describe(kinds.get(name)) for kinds in (found, wanted))
  raise errors.HeldBackError(
    f'the checkpoint {path} is of another model: {name} is {have} there and '
    f'{want} here, the first of {len(differing)} that differ; name another '
    'directory.'
  )


def _describe(kind):
  return 'missing' if kind is None else f'{kind[0]} {kind[1]}'


def _reason(error):
  text = str(error).strip().splitlines()
  # TensorFlow puts long paths first and the reason last.
  return text[0][-200:] if text else type(error).__name__
