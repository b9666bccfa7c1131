# SPDX-License-Identifier: Apache-2.0
"""Images drawn from a source, whose entropy and density are known.

Training draws pixels anew at every use: for templates and factors all pixels,
for Ising those of one colour of a chessboard, in 131,072 rows.
"""

from typing import Any

from tfp_rd import source as source_lib
from tfp_rd.dataset import images

__all__ = ['load', 'traits']

_VALIDATION, _TEST = 1000, 2000
# Least rows of training.  For templates a row is a template, from which all
# pixels are drawn.  For Ising half of the pixels of a row stay fixed: there are
# rows for 1,024 steps of 128 images, after which the same halves come again.
_ROWS = 2**14
_ROWS_OF_HALVES = 2**17
# The field `seed` of a source makes its templates; these make the splits.
_TRAIN_SEED, _VALIDATION_SEED, _TEST_SEED = range(3)


def traits(name: str) -> images.Traits:
  """Returns what is known of the set; its side is the source's.

  Args:
    name: The text of a source.

  Raises:
    UserError: There is no such source.
  """
  source = source_lib.parse(name)
  return images.Traits(
    (source.side, source.side, 1), num_classes=source.num_labels, dynamic=True
  )


def load(data: Any, *, data_dir: str = '') -> images.Dataset:
  """Draws 1,000 images for validation and 2,000 for test.

  Args:
    data: `data.dataset` is the text of a source.
    data_dir: Ignored; the text is enough.

  Returns:
    The data set, with its source, and with labels if the source has some.

  Raises:
    UserError: There is no such source.
  """
  del data_dir
  source = source_lib.parse(data.dataset)
  rows = _ROWS if source.num_labels else _ROWS_OF_HALVES
  train = source.probabilities(rows, seed=_TRAIN_SEED)
  validation = source.sample(_VALIDATION, seed=_VALIDATION_SEED)
  test = source.sample(_TEST, seed=_TEST_SEED)
  return images.Dataset(
    name=source.name,
    train=train.images,
    validation=validation.images,
    test=test.images,
    train_labels=train.labels,
    validation_labels=validation.labels,
    test_labels=test.labels,
    dynamic=True,
    source=source,
  )
