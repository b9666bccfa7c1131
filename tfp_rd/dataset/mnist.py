# SPDX-License-Identifier: Apache-2.0
"""MNIST, 28x28, whose grey values are probabilities drawn anew in training.

Likelihoods on it do not compare with those of `binarized_mnist`.
"""

import numpy as np

from tfp_rd.dataset import images, prepared

__all__ = ['TRAITS', 'load']

TRAITS = images.Traits((28, 28, 1), num_classes=10, dynamic=True)

_NUM_VALIDATION = 10_000


def load(data, *, data_dir: str = '') -> images.Dataset:
  """Reads 50,000 / 10,000 / 10,000 images with labels.

  The last 10,000 of train, in the order of tensorflow-datasets, validate.
  Validation and test are binarised once, with a fixed seed.

  Args:
    data: Ignored; the set has no choices.
    data_dir: Where tensorflow-datasets keeps its prepared sets.

  Returns:
    The data set.

  Raises:
    UserError: It is not there and cannot be downloaded.
  """
  del data
  builder = prepared.open_builder('mnist', data_dir=data_dir)
  train, train_labels = _read(builder, 'train')
  test, test_labels = _read(builder, 'test')
  return images.Dataset(
    name='mnist',
    train=train[:-_NUM_VALIDATION],
    validation=images.binarize(train[-_NUM_VALIDATION:], seed=1),
    test=images.binarize(test, seed=2),
    train_labels=train_labels[:-_NUM_VALIDATION],
    validation_labels=train_labels[-_NUM_VALIDATION:],
    test_labels=test_labels,
    dynamic=TRAITS.dynamic,
  )


def _read(builder, split):
  arrays = prepared.read(builder, split)
  return arrays['image'].astype(np.float32) / 255, arrays['label'].astype(
    np.int64
  )
