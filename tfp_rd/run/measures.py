# SPDX-License-Identifier: Apache-2.0
"""Measures of a finished run, one file each beside its result.

    measures/NAME.json             the measure with default fields
    measures/NAME_1a2b3c4d.json    with others; digits of its text's SHA-256

A file holds one point for each beta that was measured, and names the weights
and the images that it was measured on.  No TensorFlow here.
"""

import contextlib
import hashlib
import math
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Optional, TYPE_CHECKING

from tfp_rd import errors, record_text
from tfp_rd.estimate import Value
from tfp_rd.run import sealed

if TYPE_CHECKING:
  from tfp_rd.run import directory

__all__ = ['MeasureFile', 'MeasuredPoint', 'file_name', 'lock', 'read_all']

_FOLDER = 'measures'
_SCHEMA = 1
_DIGITS = 8


class MeasuredPoint(NamedTuple):
  """What a measure returned at one beta.

  Attributes:
    beta: The price of rate; `None` for a run without.
    values: The values.
    checks: Mapping from name to a number or a bool.
  """

  beta: Optional[float]
  values: tuple[Value, ...]
  checks: Mapping[str, Any]


def file_name(text: str) -> str:
  """Returns the name of a measure's file, without `.json`.

  Args:
    text: The measure's repr, which names the fields that have not their
      defaults.
  """
  name, fields = record_text.read(text)
  if not fields:
    return name
  digest = hashlib.sha256(text.encode()).hexdigest()
  return f'{name}_{digest[:_DIGITS]}'


class MeasureFile(NamedTuple):
  """The content of a file.

  Attributes:
    measure: The measure's repr.
    weights_sha256: Digest of the weights that were measured.
    images_sha256: Digest of the images of all splits; `None` if not known.
    versions: Versions of the packages that measured last.
    wall_time_s: Seconds that the measuring took.
    points: The points, by rising beta.
  """

  measure: str
  weights_sha256: str
  images_sha256: Optional[str]
  versions: Mapping[str, str]
  wall_time_s: float = 0.0
  points: tuple[MeasuredPoint, ...] = ()

  @property
  def name(self) -> str:
    """The name of the measure."""
    return record_text.read(self.measure)[0]

  @property
  def betas(self) -> tuple[Optional[float], ...]:
    """The betas of the points."""
    return tuple(point.beta for point in self.points)

  def with_point(self, point: MeasuredPoint, seconds: float) -> 'MeasureFile':
    """Returns the file with one point more."""
    points = sorted((*self.points, point), key=lambda p: p.beta or 0.0)
    return self._replace(
      points=tuple(points), wall_time_s=self.wall_time_s + seconds
    )

  def is_of(self, other: 'MeasureFile') -> bool:
    """Whether measure, weights and images are those of another file."""
    return self[:3] == other[:3]

  def write(self, run: 'directory.Run') -> None:
    """Writes the file into a run's directory, whole or not at all.

    Raises:
      OSError: It cannot be written.
    """
    content = {'schema': _SCHEMA, **self._asdict()}
    content['points'] = [
      {
        'beta': point.beta,
        'values': [value.to_dict() for value in point.values],
        'checks': dict(point.checks),
      }
      for point in self.points
    ]
    sealed.write_json(path_of(run, self.measure), content)

  @classmethod
  def read(cls, path: pathlib.Path) -> 'MeasureFile':
    """Reads a file.

    Raises:
      FileNotFoundError: There is none.
      UserError: It is damaged, of another schema, or has the name of another
        measure.
    """
    content = sealed.read_json(path)
    try:
      if content.pop('schema') != _SCHEMA:
        raise ValueError('another schema')
      points = tuple(map(_read_point, content.pop('points')))
      file = cls(**content, points=points)
      _check(file)
    except (ValueError, KeyError, TypeError, AttributeError) as e:
      raise errors.UserError(f'{path} is corrupt ({e!r:.80}).') from e
    if path.stem != file_name(file.measure):
      raise errors.UserError(
        f'{path} holds the measure {file.measure}; give it the name '
        f'{file_name(file.measure)}.json, or move it away.'
      )
    return file


def path_of(run: 'directory.Run', text: str) -> pathlib.Path:
  """Returns the path of a measure's file in a run's directory."""
  return run.path / _FOLDER / f'{file_name(text)}.json'


def read_all(run: 'directory.Run') -> tuple[list[MeasureFile], list[str]]:
  """Reads the measures of a run.

  Args:
    run: A finished run.

  Returns:
    The files, by name; and a sentence for each that is left out, because it is
    damaged, or measured on other weights or images than those of the result.
  """
  files, sentences = [], []
  for path in sorted((run.path / _FOLDER).glob('*.json')):
    try:
      file = MeasureFile.read(path)
      _check_same(path, file, run.result)
      files.append(file)
    except errors.UserError as e:
      sentences.append(f'{e} `tfp-rd evaluate` measures it again.')
  return files, sentences


@contextlib.contextmanager
def lock(run: 'directory.Run', text: str) -> Iterator[None]:
  """Holds one measure of a run for this process.

  Raises:
    HeldBackError: Another process holds it.
  """
  import fcntl  # Not on every platform; needed only to measure.

  folder = run.path / _FOLDER
  folder.mkdir(exist_ok=True)
  with (folder / f'{file_name(text)}.lock').open('w') as f:
    try:
      fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as e:
      raise errors.HeldBackError(
        f'{run.path.name}: {text} is being measured by another process.',
        for_now=True,
      ) from e
    yield


def _read_point(fields):
  beta, values, checks = (fields[k] for k in ('beta', 'values', 'checks'))
  if len(fields) != 3:
    raise ValueError(f'a point has {[*fields]}')
  if beta is not None and not (isinstance(beta, float) and 0 < beta < math.inf):
    raise ValueError(f'beta is {beta!r}')
  return MeasuredPoint(beta, tuple(map(Value.from_dict, values)), dict(checks))


def _check(file):
  if not isinstance(file.measure, str) or not isinstance(file.versions, dict):
    raise ValueError('measure or versions')
  digests = (file.weights_sha256, file.images_sha256)
  if not isinstance(digests[0], str) or not isinstance(
    digests[1], (str, type(None))
  ):
    raise ValueError(f'digests {digests}')
  if not file.wall_time_s >= 0:
    raise ValueError(f'wall_time_s is {file.wall_time_s}')
  if len(set(file.betas)) < len(file.betas):
    raise ValueError(f'betas {file.betas}')


def _check_same(path, file, result):
  """Refuses a file of other weights or images than those of a result."""
  for key, what in (('weights_sha256', 'weights'), ('images_sha256', 'images')):
    known = result.get(key)
    if None not in (known, getattr(file, key)) and known != getattr(file, key):
      raise errors.UserError(
        f'{path} was measured on other {what} than those of the result.'
      )
