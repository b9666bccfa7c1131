# SPDX-License-Identifier: Apache-2.0
"""The record every data set ends as, and what the sets share to get there."""

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, Optional, TYPE_CHECKING, Union

import numpy as np

from tfp_rd import errors

if TYPE_CHECKING:
  from tfp_rd import source as source_lib

__all__ = [
  'Dataset',
  'Traits',
  'binarize',
  'check_images',
  'check_labels',
  'fake',
  'open_file',
  'permutation',
  'traits_of',
]

_SPLITS = ('train', 'validation', 'test')
_MIN_SIDE, _MAX_SIDE = 2, 64


class Traits(NamedTuple):
  """What is known of a set without its images.

  Attributes:
    image_shape: `(H, W, 1)`, pixels.
    num_classes: Number of labels; 0 for a set without.
    dynamic: Whether training images are drawn anew at every use.
    dropout: Default dropout rate; where images are few, nets over-fit.
  """

  image_shape: tuple[int, int, int]
  num_classes: int = 0
  dynamic: bool = False
  dropout: float = 0.0


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
  """Binary images in three splits, checked when made.

  Attributes:
    name: What it is called in messages and reports.
    train: `[N, H, W, 1]` float32 in {0, 1}; where `dynamic`, the probability
      in [0, 1] that a pixel is on, to be drawn anew at every use.
    validation: `[N, H, W, 1]` float32 in {0, 1}.
    test: `[N, H, W, 1]` float32 in {0, 1}.
    train_labels: `[N]` int64, or `None`.
    validation_labels: Likewise.
    test_labels: Likewise.
    dynamic: Whether `train` holds probabilities.
    dropout: Default dropout rate of nets trained on it.
    source: The distribution that drew the images, where it is known.

  Raises:
    UserError: An array is not as said; the sentence names it.
  """

  name: str
  train: np.ndarray
  validation: np.ndarray
  test: np.ndarray
  train_labels: Optional[np.ndarray] = None
  validation_labels: Optional[np.ndarray] = None
  test_labels: Optional[np.ndarray] = None
  dynamic: bool = False
  dropout: float = 0.0
  source: 'Optional[source_lib.Source]' = None

  def __post_init__(self):
    for split in _SPLITS:
      what = f'{split!r} of {self.name}'
      values = getattr(self, split)
      check_images(values, what)
      _check_same_shape(values, self.image_shape, what)
      _check_bits(values, what, grey=self.dynamic and split == 'train')
      check_labels(getattr(self, f'{split}_labels'), len(values), what)

  @property
  def image_shape(self) -> tuple[int, int, int]:
    """`(H, W, 1)`, pixels."""
    return tuple(self.train.shape[1:])

  def evaluation_images(
    self, split: str, *, count: Optional[int] = None
  ) -> np.ndarray:
    """Returns the images on which models are evaluated.

    Args:
      split: `'train'`, `'validation'` or `'test'`.
      count: At most how many, a fixed random part; `None` for all.

    Returns:
      `[N, H, W, 1]` in {0, 1}, in the order of the split; drawn once where
      training draws them anew, and of a source's endless images of training no
      more than test has.
    """
    values = getattr(self, split)
    if self.source is not None:
      count = min(len(self.test), count or len(self.test))
    if count is not None:
      values = values[np.sort(permutation(len(values), seed=0)[:count])]
    if self.dynamic and split == 'train':
      values = binarize(values, seed=0)
    return values


def check_images(values: np.ndarray, what: str) -> None:
  """Refuses an array that is no set of images, whatever its values mean.

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
      '[N, H, W, 1].'
    )
  if not len(values):
    raise errors.UserError(
      f'{what} is empty; each split needs at least one image.'
    )
  if not all(_MIN_SIDE <= side <= _MAX_SIDE for side in shape[1:3]):
    raise errors.UserError(
      f'{what} has images of {shape[1]}x{shape[2]} pixels; height and width '
      f'must lie in {_MIN_SIDE}..{_MAX_SIDE}: crop or shrink them.'
    )
  if not np.isfinite(values).all():
    raise errors.UserError(
      f'{what} holds NaN or infinite values; replace them before saving.'
    )


def permutation(num: int, *, seed: int) -> np.ndarray:
  """Returns `[num]`, a fixed order of `range(num)`.

  `RandomState` is used here because NumPy keeps its streams for good, which it
  does not promise of newer generators.
  """
  return np.random.RandomState(seed).permutation(num)


def binarize(probabilities: np.ndarray, *, seed: int) -> np.ndarray:
  """Draws each pixel once, always the same for the same seed.

  Args:
    probabilities: Any shape, in [0, 1].
    seed: Integer.

  Returns:
    float32 of the same shape, in {0, 1}; 0 stays 0 and 1 stays 1.
  """
  uniform = np.random.RandomState(seed).random_sample(probabilities.shape)
  return (uniform < probabilities).astype(np.float32)


def fake(traits: Traits, *, name: str) -> Dataset:
  """Returns random bits and labels in place of a set, for dry runs.

  Args:
    traits: Of the set that it stands for.
    name: Of the set that it stands for.

  Returns:
    200, 100 and 100 images, the same at every call.
  """
  random = np.random.RandomState(0)
  arrays = {}
  for split, num in zip(_SPLITS, (200, 100, 100), strict=True):
    bits = random.randint(2, size=(num, *traits.image_shape))
    arrays[split] = bits.astype(np.float32)
    if traits.num_classes:
      labels = random.randint(traits.num_classes, size=num)
      arrays[f'{split}_labels'] = labels.astype(np.int64)
  return Dataset(
    name=name, dynamic=traits.dynamic, dropout=traits.dropout, **arrays
  )


def traits_of(dataset: Dataset) -> Traits:
  """Returns what remains to know of a set once its images are put away."""
  labels = dataset.train_labels
  return Traits(
    image_shape=dataset.image_shape,
    num_classes=0 if labels is None else len(np.unique(labels)),
    dynamic=dataset.dynamic,
    dropout=dataset.dropout,
  )


@contextlib.contextmanager
def open_file(path: Union[str, os.PathLike]) -> Iterator[BinaryIO]:
  """Opens a user's file to read its bytes; `~` is the home directory.

  Raises:
    UserError: It is not there or cannot be read.
  """
  try:
    with pathlib.Path(path).expanduser().open('rb') as f:
      yield f
  except FileNotFoundError as e:
    raise errors.UserError(
      f'there is no file {path}; check the path of the data set.'
    ) from e
  except OSError as e:
    raise errors.UserError(
      f'{path} cannot be read ({e.strerror or e}); name a readable file.'
    ) from e


def _check_same_shape(values, image_shape, what):
  if values.shape[1:] != image_shape:
    raise errors.UserError(
      f'{what} has images of {_pixels(values.shape[1:])} pixels but those of '
      f'train have {_pixels(image_shape)}; all splits need the same.'
    )


def _check_bits(values, what, *, grey):
  if grey:
    fine, expected = (values >= 0) & (values <= 1), 'probabilities in [0, 1]'
  else:
    fine, expected = (values == 0) | (values == 1), 'only 0 and 1'
  if not fine.all():
    raise errors.UserError(
      f'{what} holds the value {values[~fine][0]:g}; expected {expected}.'
    )


def check_labels(labels: Optional[np.ndarray], num: int, what: str) -> None:
  """Refuses labels that are not one integer for each image.

  Args:
    labels: Should be integers `[num]`, or `None` for none.
    num: Images.
    what: What to call the images.

  Raises:
    UserError: They are something else.
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


def _pixels(shape):
  return f'{shape[0]}x{shape[1]}'
