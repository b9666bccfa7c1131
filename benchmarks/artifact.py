# SPDX-License-Identifier: Apache-2.0
"""Compiled programs and the arrays that they take, in one file.

No TensorFlow and no JAX: programs with either of them use this module.
"""

import dataclasses
import hashlib
import io
import json
import pathlib
import re
from collections.abc import Mapping
from typing import Any, Optional

import numpy as np

from tfp_rd import errors
from tfp_rd.run import atomic_file

__all__ = ['Artifact', 'Program', 'exists', 'read', 'write']

_MIB = 2**20


@dataclasses.dataclass(frozen=True)
class Program:
  """A compiled function.

  Attributes:
    stablehlo: The function in StableHLO's portable form.
    inputs: A name for each input, in the order of the function.
    outputs: A name for each output.  One that is the name of an input as well
      is the new value of a variable, for the next call.
  """

  stablehlo: bytes
  inputs: tuple[str, ...]
  outputs: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Artifact:
  """Programs, arrays, and what they are.

  Attributes:
    programs: By name.
    arrays: By the names of inputs.
    about: Plain values: what the programs are, and how they were made.
  """

  programs: Mapping[str, Program]
  arrays: Mapping[str, np.ndarray]
  about: Mapping[str, Any]


def write(
  artifact: Artifact,
  path,
  *,
  max_mib: Optional[float] = None,
  keeps_whole: bool = False,
) -> str:
  """Writes `path`.npz, compressed.

  Bits travel as bits, greys of 8 bits as bytes, and arrays of zeros and second
  copies of an array not at all.

  Args:
    artifact: What is written.
    path: Path without the ending; its folder is made.
    max_mib: The largest file in MiB; a larger one is cut into `path`.npz.0,
      `path`.npz.1 and so on.
    keeps_whole: Write `path`.npz whole as well, which is read first.

  Returns:
    SHA-256 of what was written, by which it is known again.

  Raises:
    OSError: A file cannot be written.
  """
  records, stored, known = {}, {}, {}
  for name, array in artifact.arrays.items():
    array = np.asarray(array)
    records[name] = record = {'dtype': array.dtype.str, 'shape': array.shape}
    key = (record['dtype'], array.shape, _digest(array.tobytes()))
    record['how'], packed = _packed(array)
    if key in known:
      record['how'], packed = known[key], None
    if packed is not None:
      stored[f'array/{name}'] = packed
      known[key] = f'copy of {name}'
  for name, program in artifact.programs.items():
    stored[f'program/{name}'] = np.frombuffer(program.stablehlo, np.uint8)
  description = {
    'arrays': records,
    'programs': {
      name: {'inputs': program.inputs, 'outputs': program.outputs}
      for name, program in artifact.programs.items()
    },
    'about': artifact.about,
  }
  content = io.BytesIO()
  np.savez_compressed(content, description=json.dumps(description), **stored)
  _write(content.getvalue(), _whole(path), max_mib, keeps_whole=keeps_whole)
  return _digest(content.getvalue())


def read(path) -> tuple[Artifact, str]:
  """Reads what `write` wrote, and its SHA-256.

  Raises:
    UserError: A file is missing, cut or damaged.
  """
  content = _read_parts(path)
  try:
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
      return _parsed(stored), _digest(content)
  except Exception as e:  # zipfile, zlib and NumPy raise many.
    raise errors.UserError(
      f'{path}.npz cannot be read ({e!s:.80}); copy it again, whole.'
    ) from e


def exists(path) -> bool:
  """Whether there is a file to `read`."""
  whole = _whole(path)
  return whole.exists() or bool(_parts(whole))


def _parsed(stored):
  description = json.loads(str(stored['description']))
  arrays = {}
  for name, record in description['arrays'].items():
    dtype, shape = np.dtype(record['dtype']), tuple(record['shape'])
    how = record['how']
    if how.startswith('copy of '):
      arrays[name] = arrays[how.removeprefix('copy of ')]
    elif how == 'zeros':
      arrays[name] = np.zeros(shape, dtype)
    else:
      arrays[name] = _unpacked(stored[f'array/{name}'], how, dtype, shape)
  programs = {
    name: Program(
      stored[f'program/{name}'].tobytes(),
      tuple(record['inputs']),
      tuple(record['outputs']),
    )
    for name, record in description['programs'].items()
  }
  return Artifact(programs, arrays, description['about'])


def _packed(array):
  """Returns how an array travels, and what of it does."""
  content = array.tobytes()
  if array.size > 1 and not np.frombuffer(content, np.uint8).any():
    return 'zeros', None
  if array.dtype == np.float32 and array.size > 1:
    if array.astype(bool).astype(np.float32).tobytes() == content:
      return 'bits', np.packbits(array.astype(bool))
    greys = np.rint(array * np.float32(255))
    if np.isfinite(greys).all() and greys.min() >= 0 and greys.max() <= 255:
      packed = greys.astype(np.uint8)
      if _from_greys(packed).tobytes() == content:
        return 'greys', packed
  return 'as it is', array


def _unpacked(packed, how, dtype, shape):
  if how == 'bits':
    count = int(np.prod(shape))
    return np.unpackbits(packed, count=count).reshape(shape).astype(dtype)
  array = _from_greys(packed) if how == 'greys' else packed
  if array.dtype != dtype or array.shape != shape:
    raise ValueError('an array has another shape than is said')
  return array


def _from_greys(greys):
  return greys.astype(np.float32) / np.float32(255)


def _whole(path):
  path = pathlib.Path(path)
  return path.with_name(f'{path.name}.npz')


def _write(content, whole, max_mib, *, keeps_whole):
  """Writes the new files before it removes old ones."""
  whole.parent.mkdir(parents=True, exist_ok=True)
  size = int(max_mib * _MIB) if max_mib else len(content)
  is_cut = len(content) > size
  wanted = []
  if keeps_whole or not is_cut:
    atomic_file.write_atomically(whole, content)
    wanted.append(whole)
  if is_cut:
    for n, start in enumerate(range(0, len(content), size)):
      wanted.append(whole.with_name(f'{whole.name}.{n}'))
      atomic_file.write_atomically(wanted[-1], content[start : start + size])
  for old in {whole, *_parts(whole)} - {*wanted}:
    old.unlink(missing_ok=True)


def _read_parts(path):
  whole = _whole(path)
  files = [whole] if whole.exists() else _parts(whole)
  if not files:
    raise errors.UserError(
      f'there is no {whole}; `python -m benchmarks.accelerator export` writes '
      'it.'
    )
  return b''.join(file.read_bytes() for file in files)


def _parts(whole):
  found = {
    int(file.suffix[1:]): file
    for file in whole.parent.glob(f'{whole.name}.*')
    # A temporary file has eight hexadecimal digits there.
    if re.fullmatch(r'[.][0-9]{1,4}', file.suffix)
  }
  return [found[n] for n in sorted(found)]


def _digest(content):
  return hashlib.sha256(content).hexdigest()
