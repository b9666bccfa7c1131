# SPDX-License-Identifier: Apache-2.0
"""All possible images, for sources small enough to be summed over."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfp_rd import errors

__all__ = ['MOST_PIXELS', 'check_enumerable', 'every_image', 'numbered']

MOST_PIXELS = 16  # 65,536 images.


def every_image(source: Any) -> tuple[np.ndarray, np.ndarray]:
  """Returns all images of a source's size and their log-probabilities.

  Args:
    source: Of at most 4x4 pixels.

  Returns:
    images: `[2^(H W), H, W, 1]` float32.
    log_prob: `[2^(H W)]`, log p*(x) in nats.

  Raises:
    UserError: There are more than 2^16 images.
  """
  check_enumerable(source)
  shape = (source.side, source.side, 1)
  images = numbered(np.arange(2**source.side**2), shape)
  return images, source.log_prob(images)


def check_enumerable(source: Any) -> None:
  """Refuses a source whose images are too many to be summed over.

  Raises:
    UserError: There are more than 2^16 images.
  """
  num_pixels = source.side**2
  if num_pixels > MOST_PIXELS:
    raise errors.UserError(
      f'{source!r} has 2^{num_pixels} possible images of {num_pixels} pixels; '
      f'only up to {MOST_PIXELS} pixels (side=4) can be summed over.'
    )


def numbered(numbers: npt.ArrayLike, shape: Sequence[int]) -> np.ndarray:
  """Returns float32 images `[N, *shape]` whose bits are those of integers."""
  size = int(np.prod(shape))
  bits = np.asarray(numbers)[:, None] >> np.arange(size) & 1
  return bits.reshape(-1, *shape).astype(np.float32)
