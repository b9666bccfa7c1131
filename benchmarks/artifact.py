# SPDX-License-Identifier: Apache-2.0
"""A compiled program in two files, with its inputs.

No TensorFlow and no JAX: programs with either of them use this module.
"""

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfp_rd import errors

__all__ = ['Artifact', 'read', 'write']


@dataclasses.dataclass(frozen=True)
class Artifact:
  """A program with its inputs.

  Attributes:
    program: StableHLO in its portable form.
    inputs: One array for each input, in the order of the program.
    outputs: Names of the first outputs, those that are no variables.
    fed_back: Mapping from the position of an output to that of an input: new
      values of variables, for the next call.
    about: Description of the program, and how it was made.
  """

  program: bytes
  inputs: tuple[np.ndarray, ...]
  outputs: tuple[str, ...]
  fed_back: Mapping[int, int]
  about: Mapping[str, Any]


def write(artifact: Artifact, path) -> None:
  """Writes `path`.stablehlo, and `path`.npz with inputs and description.

  Args:
    artifact: The program.
    path: Path without the endings; its folder is made.

  Raises:
    OSError: A file cannot be written.
  """
  program, arrays = _files(path)
  program.parent.mkdir(parents=True, exist_ok=True)
  program.write_bytes(artifact.program)
  description = {
    'outputs': artifact.outputs,
    'fed_back': list(artifact.fed_back.items()),
    'about': artifact.about,
  }
  np.savez_compressed(
    arrays,
    description=json.dumps(description),
    **{f'input_{n}': x for n, x in enumerate(artifact.inputs)},
  )


def read(path) -> Artifact:
  """Reads what `write` wrote.

  Raises:
    UserError: A file is missing.
  """
  program, arrays = _files(path)
  for file in (program, arrays):
    if not file.exists():
      raise errors.UserError(
        f'there is no {file}; write it with `python -m benchmarks.accelerator '
        f'export FAMILY --output={path}`, and keep both files together.'
      )
  with np.load(arrays) as stored:
    description = json.loads(str(stored['description']))
    inputs = tuple(stored[f'input_{n}'] for n in range(len(stored.files) - 1))
  return Artifact(
    program=program.read_bytes(),
    inputs=inputs,
    outputs=tuple(description['outputs']),
    fed_back=dict(description['fed_back']),
    about=description['about'],
  )


def _files(path):
  path = pathlib.Path(path)
  return [path.with_name(path.name + end) for end in ('.stablehlo', '.npz')]
