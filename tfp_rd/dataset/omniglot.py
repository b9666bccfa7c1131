# SPDX-License-Identifier: Apache-2.0
"""OMNIGLOT's 32,460 drawings, reduced from 105x105 to 28x28 by area.

Reduction and split are ours: likelihoods are not comparable with those
published on Burda's chardata.mat, for which see `tfp_rd.dataset.chardata`.

#### References

[1]: Brenden M. Lake, Ruslan Salakhutdinov and Joshua B. Tenenbaum. Human-level
     concept learning through probabilistic program induction. _Science_ 350,
     2015.
"""

from typing import Any

import numpy as np

from tfp_rd.dataset import images, prepared

__all__ = ['TRAITS', 'load', 'reduce_by_area']

TRAITS = images.Traits((28, 28, 1), num_classes=50, dynamic=True)


def load(data: Any, *, data_dir: str = '') -> images.Dataset:
  """Splits the twenty drawings of each character 14 / 1 / 5, in a fixed order.

  That makes 22,722 / 1,623 / 8,115 images of the same characters.  Ink is 1.
  Grey values are probabilities, from which pixels are drawn anew in training,
  and once, with a fixed seed, for validation and test.  Labels are the 50
  alphabets.

  Args:
    data: Ignored; the set has no options.
    data_dir: Where tensorflow-datasets keeps its prepared sets.

  Returns:
    The data set.

  Raises:
    UserError: The set is missing and cannot be downloaded.

  Takes half a minute, since every drawing is decoded.
  """
  del data
  builder = prepared.open_builder('omniglot', data_dir=data_dir)
  parts = [
    prepared.read(builder, split, reduce=_ink) for split in ('train', 'test')
  ]
  ink, characters, alphabets = (
    np.concatenate([part[key] for part in parts])
    for key in ('image', 'label', 'alphabet')
  )
  train, validation, test = _split(characters)
  labels = alphabets.astype(np.int64)
  return images.dynamic_dataset(
    'omniglot',
    train=ink[train],
    validation=ink[validation],
    test=ink[test],
    train_labels=labels[train],
    validation_labels=labels[validation],
    test_labels=labels[test],
  )


def reduce_by_area(values: np.ndarray, *, side: int) -> np.ndarray:
  """Averages square images over equal boxes, whose sides may be fractional.

  Args:
    values: `[B, n, n]`.
    side: Pixels of the reduced images' side, at most n.

  Returns:
    float32 `[B, side, side]`: each pixel is the mean over a box of n / side
    pixels; those at the edge of the box count by the part inside.
  """
  weights = _box_weights(values.shape[1], side)
  return weights @ values.astype(np.float32) @ weights.T


def _box_weights(num, side):
  """Returns `[side, num]`, the overlap of boxes and pixels; rows sum to 1."""
  box = np.arange(side)[:, np.newaxis] * (num / side)
  pixel = np.arange(num)
  right = np.minimum(box + num / side, pixel + 1)
  overlap = np.clip(right - np.maximum(box, pixel), 0, None)
  return (overlap * (side / num)).astype(np.float32)


def _ink(drawings):
  """Maps `[B, 105, 105, 3]`, paper 255, to ink `[B, 28, 28, 1]` in [0, 1]."""
  paper = drawings[..., 0].astype(np.float32) / 255
  # Rounding can leave a mean slightly outside of [0, 1].
  ink = np.clip(reduce_by_area(1 - paper, side=28), 0, 1)
  return ink[..., np.newaxis]


def _split(characters):
  """Returns the indices of train, validation and test, each shuffled."""
  order = images.permutation(len(characters), seed=0)
  rank = _rank_within(characters[order])
  return order[rank < 14], order[rank == 14], order[rank > 14]


def _rank_within(groups):
  """Returns `[N]`: how many earlier entries of `groups` equal each entry."""
  by_group = np.argsort(groups, kind='stable')
  _, sizes = np.unique(groups, return_counts=True)
  first = np.repeat(np.cumsum(sizes) - sizes, sizes)
  rank = np.empty(len(groups), np.int64)
  rank[by_group] = np.arange(len(groups)) - first
  return rank
