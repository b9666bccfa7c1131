# SPDX-License-Identifier: Apache-2.0
"""The record of a data set, and functions that the data sets share."""

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, Optional, TYPE_CHECKING, Union

import numpy as np

from tfp_rd import errors
from tfp_rd.dataset import checks

if TYPE_CHECKING:
  from tfp_rd import source as source_lib

__all__ = [
  'Dataset',
  'Traits',
  'binarize',
  'dynamic_dataset',
  'fake',
  'open_file',
  'permutation',
  'traits_of',
]

_SPLITS = ('train', 'validation', 'test')


class Traits(NamedTuple):
  """Properties of a set that are known without its images.

  Attributes:
    image_shape: `(H, W, 1)`, pixels.
    num_classes: Number of classes; 0 if there are no labels.
    dynamic: Whether training images are drawn anew at every use.
    dropout: Default dropout rate, for sets so small that nets over-fit.
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
    train: `[N, H, W, 1]` float32 in {0, 1}; if `dynamic`, probabilities in
      [0, 1] that pixels are on, from which they are drawn at every use.
    validation: `[N, H, W, 1]` float32 in {0, 1}.
    test: `[N, H, W, 1]` float32 in {0, 1}.
    train_labels: `[N]` int64, or `None`.
    validation_labels: Likewise.
    test_labels: Likewise.
    dynamic: Whether `train` holds probabilities.
    dropout: Default dropout rate of nets trained on it.
    source: The distribution that drew the images, if it is known.

  Raises:
    UserError: An array differs from this description; the message names it.
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
      checks.check_images(values, what)
      checks.check_same_shape(values, self.image_shape, what=what)
      checks.check_bits(values, what, grey=self.dynamic and split == 'train')
      labels = getattr(self, f'{split}_labels')
      checks.check_labels(labels, len(values), what=what)

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
      count: The most images, chosen with a fixed seed; `None` for all.

    Returns:
      `[N, H, W, 1]` in {0, 1}, in the order of the split.  Where training draws
      pixels anew, they are drawn once here.  Of a source, whose images of
      training have no end, train has no more than test.
    """
    values = getattr(self, split)
    if self.source is not None:
      count = min(len(self.test), count or len(self.test))
    if count is not None:
      values = values[np.sort(permutation(len(values), seed=0)[:count])]
    if self.dynamic and split == 'train':
      values = binarize(values, seed=0)
    return values


def permutation(num: int, *, seed: int) -> np.ndarray:
  """Returns `[num]`, a fixed order of `range(num)`.

  NumPy promises that the streams of `RandomState` do not change; it does not
  promise that of newer generators.
  """
  return np.random.RandomState(seed).permutation(num)


def binarize(probabilities: np.ndarray, *, seed: int) -> np.ndarray:
  """Draws each pixel once; the same seed gives the same pixels.

  Args:
    probabilities: Any shape, in [0, 1].
    seed: Integer.

  Returns:
    float32 of the same shape, in {0, 1}; 0 stays 0 and 1 stays 1.
  """
  uniform = np.random.RandomState(seed).random_sample(probabilities.shape)
  return (uniform < probabilities).astype(np.float32)


def dynamic_dataset(
  name: str,
  *,
  train: np.ndarray,
  validation: np.ndarray,
  test: np.ndarray,
  **labels: Optional[np.ndarray],
) -> Dataset:
  """Makes a data set of probabilities that training draws anew.

  Args:
    name: What it is called.
    train: `[N, H, W, 1]`, probabilities that pixels are on.
    validation: Likewise; its pixels are drawn once, with a fixed seed.
    test: Likewise, with another seed.
    **labels: `train_labels`, `validation_labels` and `test_labels`, if any.
  """
  return Dataset(
    name,
    train=train,
    validation=binarize(validation, seed=1),
    test=binarize(test, seed=2),
    dynamic=True,
    **labels,
  )


def fake(traits: Traits, *, name: str) -> Dataset:
  """Returns random bits and labels in place of a set, for trial runs.

  Args:
    traits: Traits of the set that it replaces.
    name: Name of the set that it replaces.

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
  """Returns the traits of a set that is loaded."""
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
    UserError: The file is missing or cannot be read.
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
