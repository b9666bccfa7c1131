# SPDX-License-Identifier: Apache-2.0
"""The 1,797 handwritten digits of 8x8 that come with scikit-learn."""

from typing import Any

import numpy as np

from tfp_rd.dataset import images

__all__ = ['TRAITS', 'load']

# Without dropout, models over-fit 1,300 images by nats.
TRAITS = images.Traits((8, 8, 1), num_classes=10, dropout=0.3)


def load(data: Any, *, data_dir: str = '') -> images.Dataset:
  """Splits the digits 1,300 / 200 / 297; pixels are on from grey 8 of 16 on.

  As bits, 15 images of test and 5 of validation are equal to one of train, and
  7 of test to one of validation.

  Args:
    data: Ignored; the set has no options.
    data_dir: Ignored; the set is part of scikit-learn.

  Returns:
    The data set, with labels.
  """
  del data, data_dir
  from sklearn import datasets  # A second of imports, only for this set.

  digits = datasets.load_digits()
  bits = (digits.images >= 8).astype(np.float32)[..., np.newaxis]
  labels = digits.target.astype(np.int64)
  order = images.permutation(len(bits), seed=0)
  train, validation, test = np.split(order, [1300, 1500])
  return images.Dataset(
    name='digits',
    train=bits[train],
    validation=bits[validation],
    test=bits[test],
    train_labels=labels[train],
    validation_labels=labels[validation],
    test_labels=labels[test],
    dropout=TRAITS.dropout,
  )
