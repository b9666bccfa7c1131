# SPDX-License-Identifier: Apache-2.0
"""Rate and distortion of each test image behind a point, for paired errors.

No TensorFlow here.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, Optional, TYPE_CHECKING

import numpy as np

from tfp_rd import errors

if TYPE_CHECKING:
  from tfp_rd.run import directory

__all__ = ['PointImages', 'of_run']


@dataclasses.dataclass(frozen=True)
class PointImages:
  """Where the images of a point are; they are read when they are needed.

  Attributes:
    images_sha256: Digest of the test images, `None` where it is not known.
    files: For each seed: the run, the digest of its `examples.npz`, and the
      row of the point in that file.
  """

  images_sha256: Optional[str]
  files: 'tuple[tuple[directory.Run, str, int], ...]'

  def nats(self) -> Optional[np.ndarray]:
    """Reads the images.

    Returns:
      Rate and distortion `[2, N]`, in nats, means over seeds; `None` where a
      file is missing or damaged.
    """
    try:
      rows = [_arrays(run, digest)[:, row] for run, digest, row in self.files]
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
  run: 'directory.Run', result: Mapping[str, Any]
) -> list[PointImages]:
  """Returns the images of each point of a finished run.

  Args:
    run: The run.
    result: Its `result`, which is long to read.
  """
  digest, images = result['examples_sha256'], result.get('test_images_sha256')
  rows = range(len(result['points']))
  return [PointImages(images, ((run, digest, row),)) for row in rows]


# A figure asks for the points of some dozen runs again and again.
@functools.lru_cache(maxsize=64)
def _arrays(run, digest):
  """Returns rate and distortion of one evaluation of a run, `[2, P, N]`."""
  arrays = run.examples_of(digest)
  names = ('rate_nats', 'distortion_nats')
  return np.stack([arrays[name].astype(np.float64) for name in names])
