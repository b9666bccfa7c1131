# SPDX-License-Identifier: Apache-2.0
"""`trained_on.json`: where a run was trained that was brought here afterwards.

No TensorFlow here.
"""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from tfp_rd.run import sealed

__all__ = ['NAME', 'read', 'write']

NAME = 'trained_on.json'
_KEY = 'trained_on'


def write(folder: pathlib.Path, devices: Sequence[Mapping[str, Any]]) -> None:
  """Writes on which devices a run was trained.

  Args:
    folder: The run's directory.
    devices: One record a part of the training, in order: device, version of
      JAX, whether TF32 was allowed, steps, and steps a second.

  Raises:
    OSError: The file cannot be written.
  """
  sealed.write_json(folder / NAME, {_KEY: [dict(d) for d in devices]})


def read(folder: pathlib.Path) -> dict[str, Any]:
  """Returns `trained_on` of a run's result; nothing for one trained here.

  Raises:
    UserError: The file is damaged.
  """
  path = folder / NAME
  if not path.exists():
    return {}
  return {_KEY: sealed.read_json(path)[_KEY]}
