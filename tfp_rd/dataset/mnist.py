# SPDX-License-Identifier: Apache-2.0
"""MNIST, 28x28; its grey values are probabilities of pixels.

Training draws the pixels anew.  Likelihoods are not comparable with those on
`binarized_mnist`.
"""

from typing import Any

import numpy as np

from tfp_rd.dataset import images, prepared

__all__ = ['TRAITS', 'load']

TRAITS = images.Traits((28, 28, 1), num_classes=10, dynamic=True)

_NUM_VALIDATION = 10_000


def load(data: Any, *, data_dir: str = '') -> images.Dataset:
  """Reads 50,000 / 10,000 / 10,000 images with labels.

  The last 10,000 images of train, in the order of tensorflow-datasets, are for
  validation.  Validation and test are binarised once, with a fixed seed.

  Args:
    data: Ignored; the set has no options.
    data_dir: Where tensorflow-datasets keeps its prepared sets.

  Returns:
    The data set.

  Raises:
    UserError: The set is missing and cannot be downloaded.
  """
  del data
  builder = prepared.open_builder('mnist', data_dir=data_dir)
  train, train_labels = _read(builder, 'train')
  test, test_labels = _read(builder, 'test')
  return images.dynamic_dataset(
    'mnist',
    train=train[:-_NUM_VALIDATION],
    validation=train[-_NUM_VALIDATION:],
    test=test,
    train_labels=train_labels[:-_NUM_VALIDATION],
    validation_labels=train_labels[-_NUM_VALIDATION:],
    test_labels=test_labels,
  )


def _read(builder, split):
  arrays = prepared.read(builder, split)
  values = arrays['image'].astype(np.float32) / 255
  return values, arrays['label'].astype(np.int64)
