# SPDX-License-Identifier: Apache-2.0
"""A run is a directory, and nothing but its files says how far it is.

    config.json    what it is; its hash is part of the directory's name
    metrics.csv    what was seen on the way
    checkpoint/    from where it goes on
    examples.npz   rate and distortion of each test image, in nats
    result.json    written last and renamed into place: the run is done

No TensorFlow here: reports read runs with NumPy alone.
"""

import contextlib
import dataclasses
import json
import pathlib
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any, Optional

import numpy as np

from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd import point as point_lib
from tfp_rd.run import atomic_file
from tfp_rd.run import metrics as metrics_lib

__all__ = [
  'Run',
  'create_run',
  'load_run',
  'lock',
  'parent_of',
  'runs_below',
]


@dataclasses.dataclass(frozen=True)
class Run:
  """One run on disk.

  Attributes:
    path: Its directory.
    config: What it is.
  """

  path: pathlib.Path
  config: config_lib.Config

  @property
  def is_done(self) -> bool:
    """Whether the run has its result."""
    return (self.path / 'result.json').exists()

  @property
  def has_weights(self) -> bool:
    """Whether the kept weights are there; results may be kept without."""
    return (self.path / 'checkpoint' / 'kept.index').exists()

  @property
  def result(self) -> Mapping[str, Any]:
    """The record of `result.json`, checked.

    Raises:
      UserError: The file is missing, no JSON, or not of the schema.
    """
    path = self.path / 'result.json'
    try:
      result = json.loads(path.read_text())
      for entry in result['points']:
        for split in ('train', 'validation', 'test'):
          point_lib.Point.from_dict(entry[split])
        float(entry['beta'])
      if result['schema'] != 1:
        raise ValueError(f'schema {result["schema"]}')
      return result
    except FileNotFoundError as e:
      raise errors.UserError(
        f'{self.path} has no result yet; run the same command again to finish '
        'it.'
      ) from e
    except (ValueError, KeyError, TypeError, AttributeError) as e:
      raise errors.UserError(f'{path} is corrupt ({e!r:.80}).') from e

  def points(self, split: str) -> dict[float, point_lib.Point]:
    """Returns the point of `split` at each beta."""
    return {
      float(entry['beta']): point_lib.Point.from_dict(entry[split])
      for entry in self.result['points']
    }

  @property
  def metrics(self) -> list[dict[str, float]]:
    """The rows of `metrics.csv`, in the order of the steps."""
    return metrics_lib.read_metrics(self.path)

  @property
  def examples(self) -> Mapping[str, np.ndarray]:
    """Arrays of `examples.npz`: `beta [P]`; of the test split `rate_nats` and
    `distortion_nats` `[P, N]`, and `log_prob_nats [N]`, log p*(x) of a source.

    Raises:
      UserError: The file is missing or cannot be read.
    """
    path = self.path / 'examples.npz'
    try:
      with np.load(path) as arrays:
        return dict(arrays)
    except (OSError, ValueError, zipfile.BadZipFile) as e:
      raise errors.UserError(f'{path} cannot be read ({e!r:.80}).') from e


def load_run(path: atomic_file.Path) -> Run:
  """Opens a run's directory.

  Args:
    path: The directory.

  Returns:
    The run.

  Raises:
    UserError: The directory holds no run.
  """
  path = pathlib.Path(path)
  try:
    text = (path / 'config.json').read_text()
  except (FileNotFoundError, NotADirectoryError) as e:
    raise errors.UserError(
      f'{path} is not the directory of a run: it holds no config.json.'
    ) from e
  try:
    return Run(path, config_lib.Config.from_json(text))
  except errors.UserError as e:
    raise errors.UserError(
      f'{path / "config.json"} is {e}; move that directory away.'
    ) from e


def parent_of(run: Run) -> Optional[Run]:
  """Returns the run beside this one from whose weights it starts.

  Returns:
    The parent, or `None` while it has no result.
  """
  for path in run.path.parent.glob(f'run_*_{run.config.parent}'):
    # First the result: another process may just be making the directory.
    if (path / 'result.json').exists():
      return load_run(path)
  return None


def runs_below(root: atomic_file.Path) -> list[Run]:
  """Returns every run below `root`, or `root` itself, by name.

  Raises:
    UserError: There is no such directory.
  """
  root = pathlib.Path(root)
  if not root.is_dir():
    raise errors.UserError(
      f'{root} is not a directory; name a run, or the folder that holds runs.'
    )
  return [load_run(p.parent) for p in sorted(root.rglob('config.json'))]


def create_run(root: atomic_file.Path, config: config_lib.Config) -> Run:
  """Makes, or finds again, the directory of `config` below `root`.

  Raises:
    UserError: The directory holds another configuration.
    OSError: It cannot be written.
  """
  path = pathlib.Path(root) / config.name
  path.mkdir(parents=True, exist_ok=True)
  file = path / 'config.json'
  if file.exists() and load_run(path).config.identity != config.identity:
    raise errors.UserError(
      f'{path} holds a run of another configuration; name another run_root or '
      'move that directory away.'
    )
  if not file.exists() or file.read_text() != config.to_json():
    atomic_file.write_atomically(file, config.to_json())
  return Run(path, config)


@contextlib.contextmanager
def lock(run: Run) -> Iterator[None]:
  """Holds the run for this process; the system lets go if the process dies.

  Raises:
    UserError: Another process holds it.
  """
  import fcntl  # Not on every platform; needed only to train.

  with (run.path / 'lock').open('w') as f:
    try:
      fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as e:
      raise errors.UserError(
        f'{run.path} is being trained by another process; wait for it, or '
        'choose another seed or run_root.'
      ) from e
    yield
