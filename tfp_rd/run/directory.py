# SPDX-License-Identifier: Apache-2.0
"""A run is a directory, and nothing but its files says how far it is.

    config.json    what it is; its digest is part of the directory's name
    metrics.csv    what was measured during training
    checkpoint/    from where it goes on, and the kept weights
    examples.npz   rate and distortion of each test image, in nats
    result.json    written last and renamed into place: the run is done

Every JSON file ends with a digest of the rest; `result.json` also names the
digests of the other files.  No TensorFlow here: reports read runs with NumPy.
"""

import contextlib
import dataclasses
import hashlib
import io
import os
import pathlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Optional

import numpy as np

from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd import point as point_lib
from tfp_rd.run import atomic_file, sealed
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

SPLITS = ('train', 'validation', 'test')


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
      UserError: The file is missing, damaged, not of the schema, or the result
        of another run.
    """
    path = self.path / 'result.json'
    try:
      result = sealed.read_json(path)
      _check_result(result)
      config = config_lib.Config.from_dict(result['config'])
    except FileNotFoundError as e:
      raise errors.UserError(
        f'{self.path} has no result yet; run the same command again to finish '
        'it.'
      ) from e
    except (ValueError, KeyError, TypeError, AttributeError) as e:
      if isinstance(e, errors.UserError) and str(path) in str(e):
        raise
      raise errors.UserError(f'{path} is corrupt ({e!r:.80}).') from e
    if config.digest != self.config.digest:
      raise errors.UserError(
        f'{path} is the result of another run, {config.name}; move it there.'
      )
    return result

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
    """Returns the point of `split` at each beta.

    Args:
      split: `'train'`, `'validation'` or `'test'`.

    Returns:
      Mapping from beta to point; the key is `None` for a run that has no beta.
    """
    return {
      entry['beta']: point_lib.Point.from_dict(entry[split])
      for entry in self.result['points']
    }

  @property
  def metrics(self) -> list[dict[str, float]]:
    """The rows of `metrics.csv`, in the order of the steps."""
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
    expected = self.result['examples_sha256']
    content = self._examples_file(expected).read_bytes()
    if hashlib.sha256(content).hexdigest() != expected:
      raise errors.UserError(
        f'{self.path / "examples.npz"} is corrupt (it does not have the digest '
        'that result.json names).'
      )
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
      return dict(arrays)

  def _examples_file(self, expected):
    # What was evaluated later is named by its digest.
    for name in (f'examples_{expected[:8]}.npz', 'examples.npz'):
      if (self.path / name).is_file():
        return self.path / name
    raise errors.UserError(f'{self.path / "examples.npz"} is not there.')

  def satisfies(self, wanted: config_lib.EvaluationConfig) -> bool:
    """Whether the result has all betas, draws and images that are wanted.

    Args:
      wanted: How the run is to be evaluated.

    Raises:
      UserError: The result cannot be read.
    """
    return self.union(wanted) == self.evaluation and not self.missing(wanted)

  def union(
    self, wanted: config_lib.EvaluationConfig
  ) -> config_lib.EvaluationConfig:
    """Returns the evaluation that has what is there and what is wanted.

    The betas are left out; `missing` lists those.
    """
    there = self.evaluation
    return config_lib.EvaluationConfig(
      eval_samples=max(there.eval_samples, wanted.eval_samples),
      eval_examples=_more(there.eval_examples, wanted.eval_examples),
      eval_train_examples=_more(
        there.eval_train_examples, wanted.eval_train_examples
      ),
      eval_betas=there.eval_betas,
    )

  def missing(self, wanted: config_lib.EvaluationConfig) -> tuple[float, ...]:
    """Returns the wanted betas of a curve that the result has not."""
    if not self.config.objective.is_curve:
      return ()
    betas = wanted.eval_betas or self.config.objective.betas()
    there = self.points('test')
    return tuple(beta for beta in betas if beta not in there)


def load_run(path: atomic_file.Path) -> Run:
  """Opens a run's directory.

  Args:
    path: The directory.

  Returns:
    The run.

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
    on_refused: Is called with a sentence for each directory of a run that
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
      if os.path.basename(os.path.abspath(file.parent)).startswith('run_'):
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
  """Writes `config.json`, every field named.

  Raises:
    OSError: It cannot be written.
  """
  sealed.write_json(run.path / 'config.json', run.config.to_dict())


@contextlib.contextmanager
def lock(run: Run) -> Iterator[None]:
  """Holds the run for this process; the system lets go if the process dies.

  Raises:
    HeldBack: Another process holds it.
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


def _check_result(result):
  """Refuses a result that is not of the schema."""
  if result['schema'] != 1:
    raise ValueError(f'schema {result["schema"]}')
  if not result['points']:
    raise ValueError('no points')
  for entry in result['points']:
    for split in SPLITS:
      point_lib.Point.from_dict(entry[split])
    beta = entry['beta']
    if beta is not None and not (isinstance(beta, float) and beta > 0):
      raise ValueError(f'beta {beta!r}')
  if len(str(result['examples_sha256'])) != 64:
    raise ValueError('no digest of examples.npz')


def _more(there, wanted):
  """Returns the larger of two caps, of which `None` is none."""
  return None if there is None or wanted is None else max(there, wanted)
