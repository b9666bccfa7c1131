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
from typing import Any

import numpy as np

from tfp_rd.run import metrics as metrics_lib
from tfp_rd.training import checkpoint

__all__ = ['Folder']


class Folder:
  """Checkpoints and metrics of a folder; keeps nothing where there is none.

  Args:
    run_dir: The folder, or `None`.
    state: A `tfp_rd.training.loop.State`.
    on_warning: Called with a sentence when a file cannot be read.
  """

  def __init__(self, run_dir, state, on_warning: Callable[[str], Any]):
    self._state = state
    self._on_warning = on_warning
    self._path = None if run_dir is None else pathlib.Path(run_dir)
    if self._path is not None:
      self._path.mkdir(parents=True, exist_ok=True)
      self._checkpoints = checkpoint.Checkpoints(
        self._path / 'checkpoint',
        state.named_variables(),
        same={
          'training/owner': 'of another training; name another directory',
          'training/program/is_compiled': _compiled(state),
        },
        on_warning=on_warning,
      )

  def restore(self) -> list[Mapping[str, float]]:
    """Goes to the last checkpoint; returns the metrics up to there."""
    step = None if self._path is None else self._checkpoints.restore()
    if step is None:
      return []
    try:
      rows = metrics_lib.read_metrics(self._path)
      rows = [row for row in rows if row['step'] <= step]
      if (_digest(rows) != self._state.metrics_sha256.numpy()).any():
        raise ValueError('its numbers are not those that were written')
      return rows
    except Exception as e:  # Half a row, odd bytes, other columns, and more.
      self._on_warning(
        f'the metrics of {self._path} cannot be read ({e!s:.80}); those '
        f'before step {step} are lost, and nothing else.'
      )
      return []

  def write(self, metrics: Sequence[Mapping[str, float]], *, save: bool):
    """Writes the metrics, and then a checkpoint if one is due.

    Args:
      metrics: All rows.
      save: Whether a checkpoint is due.

    Raises:
      OSError: A file cannot be written.
    """
    if self._path is None:
      return
    metrics_lib.write_metrics(self._path, metrics)
    if save:
      self._state.metrics_sha256.assign(_digest(metrics))
      self._checkpoints.save(int(self._state.program.step))


def _compiled(state):
  """Returns what a checkpoint is that was written with or without XLA."""
  other = not bool(state.program.is_compiled)
  return (
    f'of a training with jit_compile={other}, under which other noise is '
    'drawn; go on with that, or begin a new run'
  )


def _digest(rows):
  """Returns the SHA-256 of rows of numbers, `[32]`, as a file has them."""
  rows = [{k: float(v) for k, v in row.items()} for row in rows]
  # Numbers that are not finite count too: JSON for us alone.
  text = json.dumps(rows, sort_keys=True)
  digest = hashlib.sha256(text.encode()).digest()
  return np.frombuffer(digest, np.uint8)
