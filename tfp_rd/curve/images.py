# SPDX-License-Identifier: Apache-2.0
"""Rate and distortion of each test image behind a point, for paired errors.

No TensorFlow here.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import Any, Optional

import numpy as np

from tfp_rd import errors
from tfp_rd.run import result_file

__all__ = ['PointImages', 'of_run']


@dataclasses.dataclass(frozen=True)
class PointImages:
  """Where the images of a point are; they are read when they are needed.

  Attributes:
    images_sha256: Digest of the test images, `None` where it is not known.
    files: For each seed: the run's directory, the digest of its
      `examples.npz`, and the row of the point in that file.
  """

  images_sha256: Optional[str]
  files: tuple[tuple[pathlib.Path, str, int], ...]

  def nats(self) -> Optional[np.ndarray]:
    """Reads the images.

    Returns:
      Rate and distortion `[2, N]`, in nats, means over seeds; `None` where a
      file is missing or damaged.
    """
    try:
      rows = [_arrays(path, digest)[:, row] for path, digest, row in self.files]
      return np.mean(rows, 0)
    except (errors.UserError, KeyError, IndexError, ValueError):
      return None

  def __add__(self, other: 'PointImages') -> 'PointImages':
    """Returns the images of the seeds of both."""
    same = self.images_sha256 == other.images_sha256
    return PointImages(
      self.images_sha256 if same else None, self.files + other.files
    )

  def is_paired(self, other: 'PointImages') -> bool:
    """Whether both are of the same images, as far as is known."""
    return None not in (self.images_sha256, other.images_sha256) and (
      self.images_sha256 == other.images_sha256
    )


def of_run(
  path: pathlib.Path, result: Mapping[str, Any], row: int
) -> PointImages:
  """Returns the images of a point of a run.

  Args:
    path: The run's directory.
    result: Content of its `result.json`.
    row: Place of the point in it.
  """
  file = (path, str(result['examples_sha256']), row)
  return PointImages(result.get('test_images_sha256'), (file,))


# A figure asks for the points of some dozen runs again and again.
@functools.lru_cache(maxsize=64)
def _arrays(path, digest):
  """Returns rate and distortion of a run, `[2, P, N]`."""
  arrays = result_file.read_examples(path, digest)
  names = ('rate_nats', 'distortion_nats')
  return np.stack([arrays[name].astype(np.float64) for name in names])
