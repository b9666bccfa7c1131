# SPDX-License-Identifier: Apache-2.0
"""Burda's OMNIGLOT, 28x28, from a user's copy of its `chardata.mat`.

#### References

[1]: Yuri Burda, Roger Grosse and Ruslan Salakhutdinov. Importance Weighted
     Autoencoders. In _International Conference on Learning Representations_,
     2016. https://arxiv.org/abs/1509.00519
"""

import pathlib
from typing import Any

import numpy as np

from tfp_rd import errors
from tfp_rd.dataset import checks, images

__all__ = ['load']

_SIDE = 28
_NUM_VALIDATION = 1345
_KEYS = ('data', 'testdata')
# The seed with which the authors' own program shuffles before it splits.
_SEED = 123


def load(data: Any, *, data_dir: str = '') -> images.Dataset:
  """Splits the file 23,000 / 1,345 / 8,070, as its authors do.

  The file holds `data [784, 24345]` and `testdata [784, 8070]` in [0, 1]: each
  column is one image, stored column by column.  Train is shuffled with the
  authors' seed, and its last 1,345 images are for validation.  Values are
  probabilities, from which pixels are drawn anew in training, and once, with a
  fixed seed, for validation and test.

  Args:
    data: `data.dataset` is the file's path.
    data_dir: Ignored; the path is enough.

  Returns:
    The data set, without labels.

  Raises:
    UserError: The file is missing or has other contents.
  """
  del data_dir
  arrays = _read(data.dataset)
  grey, test = (_upright(arrays, key, data.dataset) for key in _KEYS)
  if len(grey) <= _NUM_VALIDATION:
    raise errors.UserError(
      f"'data' of {data.dataset} has {len(grey)} images; expected more than "
      f'{_NUM_VALIDATION}, as that many validate.'
    )
  grey = grey[images.permutation(len(grey), seed=_SEED)]
  return images.dynamic_dataset(
    pathlib.PurePath(data.dataset).stem,
    train=grey[:-_NUM_VALIDATION],
    validation=grey[-_NUM_VALIDATION:],
    test=test,
  )


def _read(path):
  import scipy.io  # Only for this kind of file.

  with images.open_file(path) as f:
    try:
      names = [name for name, *_ in scipy.io.whosmat(f)]
      arrays = scipy.io.loadmat(f, variable_names=_KEYS)
    except Exception as e:  # SciPy raises errors of every kind on odd bytes.
      raise errors.UserError(
        f'{path} is no MATLAB file of version 5 to 7 ({e!s:.80}); expected '
        f"Burda's chardata.mat. Of other images, {checks.SAVE_NPZ}."
      ) from e
  if missing := [key for key in _KEYS if key not in names]:
    raise errors.UserError(
      f'{path} has no {missing[0]!r}, only {", ".join(names) or "nothing"}; '
      "expected Burda's chardata.mat, with 'data' and 'testdata'. Of other "
      f'images, {checks.SAVE_NPZ}.'
    )
  return arrays


def _upright(arrays, key, path):
  """Returns `[N, 28, 28, 1]` from the columns of `arrays[key]`, checked."""
  what = f'{key!r} of {path}'
  columns = arrays[key]
  if columns.dtype.kind not in 'biuf' or columns.shape[:-1] != (_SIDE**2,):
    raise errors.UserError(
      f'{what} is an array of {columns.dtype} {list(columns.shape)}; expected '
      f'numbers [{_SIDE**2}, N], one image a column.'
    )
  stored = columns.T.astype(np.float32).reshape(-1, _SIDE, _SIDE, 1)
  upright = np.ascontiguousarray(stored.transpose(0, 2, 1, 3))
  checks.check_images(upright, what)
  if upright.min() < 0 or upright.max() > 1:
    raise errors.UserError(
      f'{what} holds values from {upright.min():g} to {upright.max():g}; '
      'expected them in [0, 1].'
    )
  return upright
