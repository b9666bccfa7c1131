# SPDX-License-Identifier: Apache-2.0
"""Images of a source with their labels, and a check of images."""

from collections.abc import Sequence
from typing import NamedTuple, Optional

import numpy as np
import numpy.typing as npt

from tfp_rd import errors

__all__ = ['Draws', 'as_bits']


class Draws(NamedTuple):
  """Images, or rows of probabilities, with their labels.

  Attributes:
    images: `[N, H, W, 1]` float32.
    labels: `[N]` int64; `None` if the source has no labels.
  """

  images: np.ndarray
  labels: Optional[np.ndarray] = None


def as_bits(images: npt.ArrayLike, shape: Sequence[int]) -> np.ndarray:
  """Returns images as float64 `[N, H, W, 1]`.

  Args:
    images: Should be `[N, H, W, 1]` in {0, 1}.
    shape: `(H, W, 1)`.

  Raises:
    UserError: They have another shape or other values, for which the density
      would be a wrong number instead of zero.
  """
  images = np.asarray(images, np.float64)
  if images.ndim != 4 or images.shape[1:] != tuple(shape):
    raise errors.UserError(
      f'images have shape {list(images.shape)}; expected '
      f'{["N", *shape]}'.replace("'", '')
      + '.'
    )
  if not ((images == 0) | (images == 1)).all():
    raise errors.UserError('images hold values other than 0 and 1.')
  return images
