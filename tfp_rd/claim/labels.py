# SPDX-License-Identifier: Apache-2.0
"""A classifier of binarised digits, to ask what reconstructions keep.

TensorFlow is imported only when `mnist` is read.
"""

import functools
from typing import NamedTuple, TYPE_CHECKING

import numpy as np

from tfp_rd import config as config_lib
from tfp_rd import dataset as dataset_lib

if TYPE_CHECKING:
  from sklearn import ensemble

__all__ = ['Classifier', 'classifier']

_NUM_TRAIN = 20_000
_NUM_TREES = 100


class Classifier(NamedTuple):
  """Says which digit an image shows.

  Attributes:
    trees: The fitted trees.
    accuracy: Part of the binarised test images of `mnist` that they get right.
  """

  trees: 'ensemble.ExtraTreesClassifier'
  accuracy: float

  def __call__(self, images: np.ndarray) -> np.ndarray:
    """Returns the digit `[N]` of images of bits, `[N, H, W]`."""
    return self.trees.predict(images.reshape([len(images), -1]))


@functools.lru_cache(maxsize=1)
def classifier(data_dir: str) -> Classifier:
  """Fits trees to bits drawn once from the greys of `mnist`.

  Takes about ten seconds.

  Args:
    data_dir: Where tensorflow-datasets keeps `mnist`.

  Returns:
    The classifier; the same for the same images.

  Raises:
    UserError: The set is missing and cannot be downloaded.
  """
  from sklearn import ensemble

  data = dataset_lib.load(config_lib.DataConfig('mnist'), data_dir=data_dir)
  drawn = np.random.RandomState(0).rand(*data.train[:_NUM_TRAIN].shape)
  bits = drawn < data.train[:_NUM_TRAIN]
  trees = ensemble.ExtraTreesClassifier(_NUM_TREES, random_state=0, n_jobs=-1)
  trees.fit(bits.reshape([len(bits), -1]), data.train_labels[:_NUM_TRAIN])
  test = data.test.reshape([len(data.test), -1]) > 0.5
  accuracy = float(np.mean(trees.predict(test) == data.test_labels))
  return Classifier(trees, accuracy)
