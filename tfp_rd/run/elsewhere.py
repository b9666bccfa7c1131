# SPDX-License-Identifier: Apache-2.0
"""`trained_on.json`: where a run was trained that was brought here afterwards.

No TensorFlow here.
"""

import hashlib
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from tfp_rd.run import metrics as metrics_lib
from tfp_rd.run import sealed

__all__ = ['NAME', 'read', 'write']

NAME = 'trained_on.json'
_KEY = 'trained_on'
_STEP, _ROWS = 'step', 'rows_sha256'


def write(
  folder: pathlib.Path,
  devices: Sequence[Mapping[str, Any]],
  *,
  rows: Sequence[Mapping[str, float]],
) -> None:
  """Writes on which devices a run was trained.

  Args:
    folder: The run's directory.
    devices: One record a part of the training, in order: device, version of
      JAX, whether TF32 was allowed, steps, and steps a second.
    rows: Of `metrics.csv`, up to the step that was brought here.

  Raises:
    OSError: The file cannot be written.
  """
  content = {
    _KEY: [dict(device) for device in devices],
    _STEP: int(rows[-1]['step']),
    _ROWS: _digest(rows),
  }
  sealed.write_json(folder / NAME, content)


def read(folder: pathlib.Path) -> dict[str, Any]:
  """Returns `trained_on` of a run's result; nothing for one trained here.

  A run whose rows of metrics are others than those that were brought here was
  trained again, from the start or from an earlier step.

  Args:
    folder: The run's directory.

  Raises:
    UserError: The file is damaged.
  """
  path = folder / NAME
  if not path.exists():
    return {}
  found = sealed.read_json(path)
  rows = metrics_lib.read_metrics(folder)
  brought = [row for row in rows if row['step'] <= found[_STEP]]
  return {_KEY: found[_KEY]} if _digest(brought) == found[_ROWS] else {}


def _digest(rows):
  rows = [{name: float(value) for name, value in row.items()} for row in rows]
  text = json.dumps(rows, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()
