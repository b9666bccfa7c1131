# SPDX-License-Identifier: Apache-2.0
"""The folder of a training: its checkpoints and its metrics.

A checkpoint holds a digest of the metrics up to its step.  Those of later steps
may be there too, when a training was cut between two checkpoints, or between a
write of `metrics.csv` and that of the checkpoint; they are dropped.
"""

import hashlib
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np

from tfp_rd import errors
from tfp_rd.run import metrics as metrics_lib
from tfp_rd.training import checkpoint

__all__ = ['Folder', 'Origin']


class Origin(NamedTuple):
  """A finished training whose last checkpoint a longer one goes on from.

  Attributes:
    path: Its folder.
    owner: SHA-256 of what was trained there.
    num_steps: Its last step.
  """

  path: pathlib.Path
  owner: str
  num_steps: int


class _OtherTraining(errors.HeldBackError):
  """A checkpoint is not of this training."""

  def __init__(self, path):
    super().__init__(
      f'the checkpoint {path} is of another training; name another directory.'
    )


class Folder:
  """Checkpoints and metrics of a folder; keeps nothing where there is none.

  Args:
    run_dir: The folder, or `None`.
    state: A `tfp_rd.training.loop.State`.
    on_warning: Called with a sentence when a file cannot be read.
    origin: The `Origin` to begin at where the folder has no checkpoint of its
      own training, or `None`.
    num_steps: Where training ends.
  """

  def __init__(
    self,
    run_dir,
    state,
    on_warning: Callable[[str], Any],
    *,
    origin: Optional[Origin] = None,
    num_steps: int,
  ):
    self._state = state
    self._num_steps = num_steps
    self._on_warning = on_warning
    self._origin = origin
    self._path = None if run_dir is None else pathlib.Path(run_dir)
    self._saved = None
    if self._path is not None:
      self._path.mkdir(parents=True, exist_ok=True)
      self._checkpoints = self._checkpoints_in(self._path)

  def restore(self) -> list[Mapping[str, float]]:
    """Goes to the last checkpoint; returns the metrics up to there.

    Raises:
      UserError: A checkpoint is of another training, or that of the origin is
        not there.
      OSError: A checkpoint must not be read.
    """
    if self._path is None:
      return []
    path, step = self._path, self._restore_own()
    if step is None and self._origin is not None:
      path, step = self._origin.path, self._restore_origin()
    if step is None:
      return []
    try:
      rows = metrics_lib.read_metrics(path)
      rows = [row for row in rows if row['step'] <= step]
      if (_digest(rows) != self._state.metrics_sha256.numpy()).any():
        raise ValueError('its numbers are not those that were written')
      # As they were, so that the file is written again bit for bit.
      return [{**row, 'step': int(row['step'])} for row in rows]
    except Exception as e:  # Half a row, odd bytes, other columns, and more.
      self._on_warning(
        f'the metrics of {path} cannot be read ({e!s:.80}); those '
        f'before step {step} are lost, and nothing else.'
      )
      return []

  def write(self, metrics: Sequence[Mapping[str, float]]) -> None:
    """Writes all rows of the metrics.

    Raises:
      OSError: The file cannot be written.
    """
    if self._path is not None:
      metrics_lib.write_metrics(self._path, metrics)

  def save(self, metrics: Sequence[Mapping[str, float]]) -> None:
    """Writes a checkpoint, unless there is one of this step.

    Args:
      metrics: All rows, as they were written.

    Raises:
      OSError: A file cannot be written.
    """
    step = int(self._state.program.step)
    if self._path is None or step == self._saved:
      return
    self._state.metrics_sha256.assign(_digest(metrics))
    self._checkpoints.save(step)
    self._saved = step

  def describe(self, step: int, num_steps: int) -> str:
    """Returns what is kept when the training stops, `''` for nothing."""
    if self._path is None:
      return ''
    return f'step {step} of {num_steps} is kept in {self._path}'

  def _checkpoints_in(self, path):
    return checkpoint.Checkpoints(
      path / 'checkpoint',
      self._state.named_variables(),
      same={
        'training/owner': _OtherTraining,
        'training/program/is_compiled': self._compiled_otherwise,
      },
      on_warning=self._on_warning,
    )

  def _compiled_otherwise(self, path):
    if int(path.name.rpartition('-')[2]) >= self._num_steps:
      return None  # No noise is left to draw: it is evaluated here.
    other = not bool(self._state.program.is_compiled)
    return errors.HeldBackError(
      f'the checkpoint {path} is of a training with jit_compile={other}, under '
      'which other noise is drawn; go on with that, or begin a new run.'
    )

  def _restore_own(self):
    try:
      return self._checkpoints.restore()
    except _OtherTraining:
      # A longer training of the same folder begins with what is there.
      if self._origin is None or self._origin.path != self._path:
        raise
      return None

  def _restore_origin(self):
    """Takes the last checkpoint of the origin, and no other."""
    path, owner, num_steps = self._origin
    ours = self._state.owner.numpy()
    self._state.owner.assign(list(bytes.fromhex(owner)))
    step = self._checkpoints_in(path).restore()
    self._state.owner.assign(ours)
    if step != num_steps:
      raise errors.HeldBackError(
        f'the checkpoint of step {num_steps} in {path} is not there or cannot '
        'be read, so that its training cannot be gone on with; begin a new '
        'one.'
      )
    return step


def _digest(rows):
  """Returns the SHA-256 of rows of numbers, `[32]`, as a file has them."""
  rows = [{k: float(v) for k, v in row.items()} for row in rows]
  # Numbers that are not finite count too: JSON for us alone.
  text = json.dumps(rows, sort_keys=True)
  digest = hashlib.sha256(text.encode()).digest()
  return np.frombuffer(digest, np.uint8)
