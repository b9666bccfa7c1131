# SPDX-License-Identifier: Apache-2.0
"""MNIST in the fixed binarisation by Larochelle, 28x28.

#### References

[1]: Hugo Larochelle and Iain Murray. The Neural Autoregressive Distribution
     Estimator. In _Artificial Intelligence and Statistics_, 2011.
"""

from typing import Any

import numpy as np

from tfp_rd.dataset import images, prepared

__all__ = ['TRAITS', 'load']

TRAITS = images.Traits((28, 28, 1))


def load(data: Any, *, data_dir: str = '') -> images.Dataset:
  """Reads the published splits of 50,000 / 10,000 / 10,000, without labels.

  Args:
    data: Ignored; the set has no options.
    data_dir: Where tensorflow-datasets keeps its prepared sets.

  Returns:
    The data set.

  Raises:
    UserError: The set is missing and cannot be downloaded.
  """
  del data
  builder = prepared.open_builder('binarized_mnist', data_dir=data_dir)
  splits = {
    split: prepared.read(builder, split)['image'].astype(np.float32)
    for split in ('train', 'validation', 'test')
  }
  # The published test file is sorted by class, so that its first images are not
  # a random part of it; a prepared copy may have another order.
  order = images.permutation(len(splits['test']), seed=0)
  splits['test'] = splits['test'][order]
  return images.Dataset(name='binarized_mnist', **splits)
