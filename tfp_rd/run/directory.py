# SPDX-License-Identifier: Apache-2.0
"""A run is a directory; its files alone show how far it has come.

    config.json    what it is; its digest is part of the directory's name
    metrics.csv    what was measured during training
    checkpoint/    from where it goes on, and the kept weights
    examples.npz   rate and distortion of each test image, in nats
    pictures.npz   what it reconstructs and generates, at its given betas
    result.json    renamed into place when a point, or a curve, is evaluated

Every JSON file ends with a digest of the rest; `result.json` also names the
digests of the other files.  No TensorFlow here: reports read runs with NumPy.
"""

import contextlib
import dataclasses
import os
import pathlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Optional

import numpy as np

from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd import point as point_lib
from tfp_rd.run import atomic_file, result_file, sealed
from tfp_rd.run import metrics as metrics_lib

__all__ = [
  'Run',
  'create_run',
  'load_run',
  'lock',
  'parent_of',
  'runs_below',
  'write_config',
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
    """The record of `result.json`; see `result_file.read_result`."""
    return result_file.read_result(self.path, self.config)

  @property
  def model_settings(self) -> config_lib.ModelConfig:
    """The settings of the model of a finished run, every default named."""
    image_shape = self.result.get('image_shape')
    if not image_shape:
      return self.config.model
    return self.config.complete_model(image_shape)

  @property
  def result_config(self) -> config_lib.Config:
    """What the run is, with the evaluation that its result has."""
    return config_lib.Config.from_dict(self.result['config'])

  @property
  def evaluation(self) -> config_lib.EvaluationConfig:
    """How the result was evaluated."""
    return self.result_config.evaluation

  def points(self, split: str) -> dict[Optional[float], point_lib.Point]:
    """Returns the point of a split at each beta, `None` for a run without.

    A result that is missing or damaged is a `UserError`.
    """
    return {
      entry['beta']: point_lib.Point.from_dict(entry[split])
      for entry in self.result['points']
    }

  @property
  def metrics(self) -> list[dict[str, float]]:
    """The rows of `metrics.csv`; a damaged file is a `UserError`."""
    if self.is_done:
      digest = self.result.get('metrics_sha256')
      result_file.check_metrics(self.path, digest)
    return metrics_lib.read_metrics(self.path)

  @property
  def examples(self) -> Mapping[str, np.ndarray]:
    """Arrays of the test split, image by image.

    `beta [P]`, NaN for a point without; `rate_nats` and `distortion_nats`
    `[P, N]`; `log_prob_nats [N]`, log p*(x) of a source; `weights_sha256`,
    where it is known.

    Raises:
      UserError: The file that the result names is missing or damaged.
    """
    return result_file.read_present_examples(self.path, self.config)

  def examples_of(self, digest: str) -> Mapping[str, np.ndarray]:
    """Returns such arrays by the digest of their file, as a result names it."""
    return result_file.read_examples(self.path, digest)


def load_run(path: atomic_file.Path) -> Run:
  """Opens a run's directory.

  Raises:
    UserError: The directory holds no run, or its name is not that of the
      configuration in it.
  """
  path = pathlib.Path(path)
  file = path / 'config.json'
  try:
    config = config_lib.Config.from_dict(sealed.read_json(file))
  except (FileNotFoundError, NotADirectoryError) as e:
    raise errors.UserError(
      f'{path} is not the directory of a run: it holds no config.json.'
    ) from e
  except errors.UserError as e:
    if str(file) not in str(e):
      e = errors.UserError(f'{file} is {e}')
    raise errors.UserError(f'{e} Move that directory away.') from e
  name = os.path.basename(os.path.abspath(path))
  if not name.endswith(f'_{config.identity}'):
    raise errors.UserError(
      f'{path} holds the configuration of {config.name}; give the directory '
      'that name, or move it away.'
    )
  return Run(path, config)


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


def runs_below(
  root: atomic_file.Path,
  *,
  on_refused: Callable[[str], Any] = warnings.warn,
) -> list[Run]:
  """Returns every run below `root`, or `root` itself, by name.

  Args:
    root: A folder with runs at any depth.
    on_refused: Called with a sentence for each directory of a run that
      cannot be read; other files of the name `config.json` are passed over.

  Raises:
    UserError: There is no such directory.
  """
  root = pathlib.Path(root)
  if not root.is_dir():
    raise errors.UserError(
      f'{root} is not a directory; name a run, or the folder that holds runs.'
    )
  runs = []
  for file in sorted(root.rglob('config.json')):
    try:
      runs.append(load_run(file.parent))
    except errors.UserError as e:
      name = os.path.basename(os.path.abspath(file.parent))
      # A file of another program is none of ours.
      if name.startswith('run_') or sealed.is_sealed(file):
        on_refused(str(e))
  return runs


def create_run(root: atomic_file.Path, config: config_lib.Config) -> Run:
  """Makes, or finds again, the directory of `config` below `root`.

  Args:
    root: The folder that holds one folder a run.
    config: What the run is.

  Returns:
    The run; its `config` is the one given, however the run on disk was
    evaluated.

  Raises:
    UserError: The directory holds another configuration.
    OSError: It cannot be written.
  """
  path = pathlib.Path(root) / config.name
  path.mkdir(parents=True, exist_ok=True)
  run = Run(path, config)
  if not (path / 'config.json').exists():
    write_config(run)
  elif load_run(path).config.digest != config.digest:
    raise errors.UserError(
      f'{path} holds a run of another configuration; name another run_root or '
      'move that directory away.'
    )
  return run


def write_config(run: Run) -> None:
  """Writes `config.json`, every field named."""
  sealed.write_json(run.path / 'config.json', run.config.to_dict())


@contextlib.contextmanager
def lock(run: Run) -> Iterator[None]:
  """Locks the run for this process; the lock ends with the process.

  Raises:
    HeldBackError: Another process holds it.
  """
  import fcntl  # Not on every platform; needed only to train.

  with (run.path / 'lock').open('w') as f:
    try:
      fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as e:
      raise errors.HeldBackError(
        f'{run.path} is being trained by another process; wait for it, or '
        'choose another seed or run_root.',
        for_now=True,
      ) from e
    yield
