# SPDX-License-Identifier: Apache-2.0
"""The result of a run and its test images, checked as they are read.

No TensorFlow here.
"""

import contextlib
import functools
import hashlib
import io
import json
import pathlib
from collections.abc import Mapping
from typing import Any, Optional

import numpy as np

from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd import point as point_lib
from tfp_rd.run import sealed

__all__ = [
  'SPLITS',
  'check_metrics',
  'read_examples',
  'read_present_examples',
  'read_result',
]

SPLITS = ('train', 'validation', 'test')


def read_result(
  folder: pathlib.Path, config: config_lib.Config
) -> dict[str, Any]:
  """Reads `result.json` of a run.

  Args:
    folder: The run's directory.
    config: What the run is.

  Returns:
    The content without its digest.

  Raises:
    UserError: The file is missing, damaged, not of the schema, or the result
      of another run.
  """
  path = folder / 'result.json'
  try:
    text = sealed.read_bytes(path)
  except FileNotFoundError as e:
    raise errors.UserError(
      f'{folder} has no result yet; run the same command again to finish it.'
    ) from e
  found = _checked(text, path)
  if found.digest != config.digest:
    raise errors.UserError(
      f'{path} is the result of another run, {found.name}; move it there.'
    )
  result = json.loads(text)
  del result[sealed.KEY]
  return result


@functools.lru_cache(maxsize=1024)
def _checked(text: bytes, path: pathlib.Path) -> config_lib.Config:
  """Checks the text of a result, once; returns which run it is of."""
  result = sealed.parse(text, path)
  try:
    _check(result)
    return config_lib.Config.from_dict(result['config'])
  except (ValueError, KeyError, TypeError, AttributeError) as e:
    raise errors.UserError(f'{path} is corrupt ({e!r:.80}).') from e


def read_examples(
  folder: pathlib.Path, digest: str
) -> Mapping[str, np.ndarray]:
  """Reads the arrays that a result names.

  Args:
    folder: The run's directory.
    digest: SHA-256 of the file.

  Returns:
    Arrays by name, as `Run.examples` describes them.

  Raises:
    UserError: The file is missing or damaged.
    HeldBackError: The file is there and cannot be read.
  """
  content = _read(folder, digest)
  if hashlib.sha256(content).hexdigest() != digest:
    raise errors.UserError(
      f'{folder / "examples.npz"} is corrupt (it does not have the digest that '
      'result.json names).'
    )
  try:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
      return dict(arrays)
  except Exception as e:  # Whoever sealed it wrote something else.
    raise errors.UserError(
      f'{folder / "examples.npz"} is corrupt ({e!s:.80}).'
    ) from e


def read_present_examples(
  folder: pathlib.Path, config: config_lib.Config
) -> Mapping[str, np.ndarray]:
  """Reads the arrays of the present result.

  Another process may write a result with more points in between.

  Args:
    folder: The run's directory.
    config: What the run is.

  Returns:
    As `read_examples`.

  Raises:
    UserError: As `read_result` and `read_examples`.
  """
  digest = read_result(folder, config)['examples_sha256']
  try:
    return read_examples(folder, digest)
  except errors.UserError:
    now = read_result(folder, config)['examples_sha256']
    if now == digest:
      raise
    return read_examples(folder, now)


def check_metrics(folder: pathlib.Path, digest: Optional[str]) -> None:
  """Checks `metrics.csv` of a finished run.

  Args:
    folder: The run's directory.
    digest: SHA-256 of the file, `None` where it is not known.

  Raises:
    UserError: The file is missing or damaged.
  """
  path = folder / 'metrics.csv'
  content = sealed.read_bytes(path) if path.is_file() else b''
  if digest not in (None, hashlib.sha256(content).hexdigest()):
    raise errors.UserError(
      f'{path} is corrupt (it does not have the digest that result.json names).'
    )


def _read(folder, digest):
  # It has the digest in its name until the result that names it is in place.
  for name in (f'examples_{digest[:8]}.npz', 'examples.npz'):
    with contextlib.suppress(FileNotFoundError):
      return sealed.read_bytes(folder / name)
  raise errors.UserError(f'{folder / "examples.npz"} is not there.')


def _check(result):
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
