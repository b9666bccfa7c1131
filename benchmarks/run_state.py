# SPDX-License-Identifier: Apache-2.0
"""What the training of an exported run has reached, in `PATH.state.npz`.

No TensorFlow and no JAX.
"""

import contextlib
import dataclasses
import numbers
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from benchmarks import artifact as artifact_lib
from tfp_rd import errors, version

__all__ = ['KEPT', 'State', 'exists', 'lock', 'read', 'variables', 'write']

# Begins the names of kept weights.
KEPT = 'kept/'

_NUMBER = numbers.Real
_PROGRESS = {
  'step': int,
  'score': (_NUMBER, type(None)),
  'kept_step': int,
  'is_averaged': bool,
  'seconds': _NUMBER,
  'rows': list,
  'parts': list,
}


@dataclasses.dataclass(frozen=True)
class State:
  """What a training has reached.

  Attributes:
    arrays: Variables by name, and kept weights by `kept/` and theirs.
    progress: Step, score, kept step, seconds, rows of metrics, and the devices
      of each part.
    check: A beta, and R and D in nats of the first validation pass there: of
      the weights, of their average and of those kept, where there are any.
  """

  arrays: Mapping[str, np.ndarray]
  progress: Mapping[str, Any]
  check: Mapping[str, Any]


def variables(artifact: artifact_lib.Artifact) -> tuple[str, ...]:
  """Returns the names of the variables that a training changes."""
  program = artifact.programs['train']
  return tuple(n for n in program.inputs if n in program.outputs)


def exists(path) -> bool:
  """Whether the export at `path` has a state beside it."""
  return artifact_lib.exists(_place(path))


def write(state: State, path, *, digest: str, max_mib) -> None:
  """Writes the state of the export at `path`.

  Args:
    state: The state.
    path: As of the export.
    digest: SHA-256 of the export.
    max_mib: The largest file that a channel takes, or `None`; the whole file
      is there in any case.

  Raises:
    OSError: It cannot be written; what was there is as before.
  """
  about = {
    'program_sha256': digest,
    'tfp_rd': version.__version__,
    'progress': dict(state.progress),
    'check': dict(state.check),
  }
  artifact_lib.write(
    artifact_lib.Artifact({}, state.arrays, about),
    _place(path),
    max_mib=max_mib,
    keeps_whole=True,
  )


def read(path, artifact: artifact_lib.Artifact, *, digest: str) -> State:
  """Reads the state of an export, and checks that it is one.

  Args:
    path: As of the export.
    artifact: The export.
    digest: Its SHA-256.

  Raises:
    UserError: It is missing, cut, damaged, or of another export, version or
      model.
  """
  place = _place(path)
  found, _ = artifact_lib.read(place)
  about = found.about
  if about.get('program_sha256') != digest:
    raise errors.UserError(
      f'{place}.npz is of another export than {path}.npz; move it away to '
      'begin at step 0, or bring both files of one.'
    )
  if about.get('tfp_rd') != version.__version__:
    raise errors.UserError(
      f'{place}.npz was written by tfp_rd {about.get("tfp_rd")} and this is '
      f'{version.__version__}; go on with that version.'
    )
  _check(found.arrays, about, artifact, place)
  return State(found.arrays, about['progress'], about['check'])


@contextlib.contextmanager
def lock(path) -> Iterator[None]:
  """Holds the export at `path` for this process.

  Raises:
    UserError: Another process trains it, whose state would be lost.
  """
  import fcntl

  with pathlib.Path(f'{path}.lock').open('w') as f:
    try:
      fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as e:
      raise errors.UserError(
        f'another process trains {path}; wait until it ends.'
      ) from e
    yield


def _check(arrays, about, artifact, place):
  progress, check = about.get('progress'), about.get('check')
  problem = ''
  if not isinstance(progress, dict) or not isinstance(check, dict):
    problem = 'it has no record of its progress'
  else:
    for name, kind in _PROGRESS.items():
      if not isinstance(progress.get(name), kind):
        problem = f'{name} is {progress.get(name)!r:.40}'
  wanted = {name: artifact.arrays[name] for name in variables(artifact)}
  if not problem and progress['score'] is not None:
    weights = artifact.about['weights']
    wanted |= {f'{KEPT}{k}': artifact.arrays[n] for k, n in weights.items()}
  for name, like in wanted.items():
    kind = _kind(arrays[name]) if name in arrays else 'missing'
    if not problem and kind != _kind(like):
      problem = f'{name} is {kind} and in the export {_kind(like)}'
  if problem:
    raise errors.UserError(
      f'{place}.npz is damaged, or of another model: {problem}; bring it '
      'again, or remove it to begin at step 0.'
    )


def _kind(array):
  return f'{array.dtype.name} {list(array.shape)}'


def _place(path):
  return f'{path}.state'
