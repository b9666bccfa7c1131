# SPDX-License-Identifier: Apache-2.0
"""Checks of the arrays of a data set, each refused by one sentence."""

import math
from collections.abc import Sequence
from typing import Optional

import numpy as np

from tfp_rd import errors

__all__ = [
  'SAVE_NPZ',
  'check_bits',
  'check_images',
  'check_labels',
  'check_same_shape',
]

SAVE_NPZ = (
  "save the images by numpy.savez('mine.npz', train=..., test=...), each "
  '[N, H, W]'
)

_MIN_SIDE, _MAX_SIDE = 2, 64
_MOVE = 'as in numpy.moveaxis(x, -1, 0)'


def check_images(values: np.ndarray, what: str) -> None:
  """Refuses an array that is no set of images; its range is not checked.

  Args:
    values: Should be `[N, H, W, 1]`, N >= 1, numbers.
    what: What to call it, such as `"'train' of x.npz"`.

  Raises:
    UserError: Wrong rank, no images, a side outside 2..64, or a value that is
      NaN or infinite.
  """
  shape = tuple(values.shape)
  if values.ndim != 4 or shape[-1] != 1:
    raise errors.UserError(
      f'{what} has shape {list(shape)}; expected one channel, [N, H, W] or '
      f'[N, H, W, 1]{_how_to_reshape(shape)}.'
    )
  if not len(values):
    raise errors.UserError(
      f'{what} is empty; each split needs at least one image.'
    )
  if not all(_MIN_SIDE <= side <= _MAX_SIDE for side in shape[1:3]):
    raise errors.UserError(
      f'{what} has images of {shape[1]}x{shape[2]} pixels; height and width '
      f'must lie in {_MIN_SIDE}..{_MAX_SIDE}: {_how_to_resize(shape)}.'
    )
  if not np.isfinite(values).all():
    raise errors.UserError(
      f'{what} holds NaN or infinite values; replace them before saving.'
    )


def check_same_shape(
  values: np.ndarray, image_shape: Sequence[int], *, what: str
) -> None:
  """Refuses images of another shape than those of train.

  Args:
    values: `[N, H, W, 1]`.
    image_shape: (H, W, 1) of train.
    what: What to call the images.

  Raises:
    UserError: The shapes differ.
  """
  if values.shape[1:] != image_shape:
    raise errors.UserError(
      f'{what} has images of {_pixels(values.shape[1:])} pixels but those of '
      f'train have {_pixels(image_shape)}; all splits need the same'
      f'{_how_to_order(values.shape, image_shape)}.'
    )


def check_bits(values: np.ndarray, what: str, *, grey: bool) -> None:
  """Refuses values that are neither bits nor, where allowed, probabilities.

  Args:
    values: Any shape.
    what: What to call the images.
    grey: Whether values may lie anywhere in [0, 1].

  Raises:
    UserError: A value is something else; names the first one.
  """
  if grey:
    fine, expected = (values >= 0) & (values <= 1), 'probabilities in [0, 1]'
  else:
    fine, expected = (values == 0) | (values == 1), 'only 0 and 1'
  if not fine.all():
    raise errors.UserError(
      f'{what} holds the value {values[~fine][0]:g}; expected {expected}.'
    )


def check_labels(labels: Optional[np.ndarray], num: int, *, what: str) -> None:
  """Refuses labels that are not one integer for each image.

  Args:
    labels: Should be integers `[num]`, or `None` for none.
    num: Images.
    what: What to call the images.

  Raises:
    UserError: They are of another kind or number.
  """
  if labels is None:
    return
  if labels.ndim != 1 or len(labels) != num:
    raise errors.UserError(
      f'labels of {what} have shape {list(labels.shape)}; expected [{num}], '
      'one for each image.'
    )
  if labels.dtype.kind not in 'iu':
    raise errors.UserError(
      f'labels of {what} have type {labels.dtype}; expected integers.'
    )


def _how_to_reshape(shape):
  side = math.isqrt(shape[1]) if len(shape) == 2 else 0
  if side > 1 and side**2 == shape[1]:
    return f'; if a row is an image, give x.reshape(-1, {side}, {side})'
  if len(shape) == 2:
    return '; if a row is an image, give x.reshape(-1, H, W)'
  if len(shape) == 4 and shape[-1] in (3, 4):
    return '; for colours, choose or mean a channel, as in x.mean(-1)'
  return ''


def _how_to_resize(shape):
  num, height, width, _ = shape
  if width > _MAX_SIDE and num == height:
    return (
      f'if these are {width} images of {num}x{height} pixels, the first axis '
      f'must go through them, {_MOVE}'
    )
  is_small = min(height, width) < _MIN_SIDE
  return 'enlarge them' if is_small else 'crop or shrink them'


def _how_to_order(shape, image_shape):
  """Whether images along the last axis would explain two shapes."""
  if shape[0] == shape[1] == image_shape[0] and shape[2] != image_shape[1]:
    return f'; if images lie along the last axis, the first is theirs, {_MOVE}'
  return ''


def _pixels(shape):
  return f'{shape[0]}x{shape[1]}'
