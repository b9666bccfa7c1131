# SPDX-License-Identifier: Apache-2.0
"""Sets of tensorflow-datasets: prepared without output, and read whole.

Without a network tensorflow-datasets retries for minutes, and it prints to
standard output.  Here one short request decides whether a download is tried.
"""

import contextlib
import io
import os
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tfp_rd import errors

__all__ = ['open_builder', 'read']

_PROBE_TIMEOUT_S = 10
_BATCH_SIZE = 500


def open_builder(name: str, *, data_dir: str = '') -> Any:
  """Opens a prepared set; downloads and prepares it if it is missing.

  Args:
    name: What tensorflow-datasets calls the set.
    data_dir: Where its sets are; empty for its own default.

  Returns:
    A `tfds.core.DatasetBuilder` whose data is on disk.

  Raises:
    UserError: It is missing and cannot be downloaded; the message says how to
      place it by hand.
  """
  import tensorflow_datasets as tfds  # Brings TensorFlow.

  folder = os.path.expanduser(data_dir) or None
  builder = tfds.builder(name, data_dir=folder)
  # Not builder.is_prepared(), which logs a warning when it is not.
  if not (builder.data_path / 'dataset_info.json').exists():
    try:
      _prepare(builder)
    except Exception as e:  # Any kind: sockets, checksums, parsers, disks.
      raise errors.UserError(_how_to_place(builder, e)) from e
  return builder


def read(
  builder: Any,
  split: str,
  *,
  reduce: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> Mapping[str, np.ndarray]:
  """Reads all of a split, in the order in which it is stored.

  Args:
    builder: From `open_builder`.
    split: Its name.
    reduce: Function of the images of a batch `[B, H, W, C]`, applied before the
      next batch is read, so that large images are never all in memory.

  Returns:
    Each feature as one array `[N, ...]`, the images under `'image'`.

  Raises:
    UserError: The files on disk are damaged.
  """
  import tensorflow as tf
  import tensorflow_datasets as tfds

  batches = []
  try:
    stored = builder.as_dataset(split=split, batch_size=_BATCH_SIZE)
    for batch in tfds.as_numpy(stored):
      batches.append({**batch, 'image': reduce(batch['image'])})
  except (AssertionError, OSError, tf.errors.OpError) as e:
    raise errors.UserError(
      f'{builder.data_path} is damaged ({_first_line(e)}); move it away and '
      'prepare it again.'
    ) from e
  return {k: np.concatenate([b[k] for b in batches]) for k in batches[0]}


def _prepare(builder):
  import tensorflow_datasets as tfds

  url = next(iter(builder.url_infos))
  with urllib.request.urlopen(url, timeout=_PROBE_TIMEOUT_S):
    pass
  tfds.disable_progress_bar()
  with contextlib.redirect_stdout(io.StringIO()):
    builder.download_and_prepare(
      download_config=tfds.download.DownloadConfig(try_download_gcs=False)
    )


def _how_to_place(builder, error):
  return (
    f'the data set {builder.name} is not in {builder.data_path} and cannot be '
    f'downloaded ({_first_line(error)}); on a machine with a network run '
    '`python -c "import tensorflow_datasets as tfds; '
    f"tfds.load('{builder.name}', data_dir='DATA_DIR')\"` and copy "
    f'DATA_DIR/{builder.name} so that it becomes '
    f'{builder.data_path.parent}.'
  )


def _first_line(error):
  return (str(error).strip() or type(error).__name__).splitlines()[0][:120]
