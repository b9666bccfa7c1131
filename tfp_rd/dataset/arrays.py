# SPDX-License-Identifier: Apache-2.0
"""A user's own images, from the arrays of an .npz file.

    np.savez('mine.npz', train=x, test=y)

`train` and `test`, and optionally `validation`, are `[N, H, W]` or
`[N, H, W, 1]` of booleans, of 0 and 1, or with `binarize` of greys in 0..255 or
in [0, 1]; optional `train_labels`, `validation_labels` and `test_labels` are
integers `[N]`.
"""

import pathlib
from typing import Any

import numpy as np

from tfp_rd import errors
from tfp_rd.dataset import checks, images

__all__ = ['load']

_SPLITS = ('train', 'validation', 'test')
_KEYS = _SPLITS + tuple(f'{split}_labels' for split in _SPLITS)
# Of 255.  Below it the whole file has no white.
_THRESHOLD = 128
_HOW = (
  '--binarize=threshold (on from half of white) or --binarize=dynamic (on with '
  'probability grey / white, drawn anew in training)'
)
# Names that people give to splits.
_OTHER_NAMES = {
  'val': 'validation', 'valid': 'validation', 'dev': 'validation',
  'x_train': 'train', 'train_images': 'train', 'X_train': 'train',
  'x_test': 'test', 'test_images': 'test', 'X_test': 'test',
  'y_train': 'train_labels', 'y_test': 'test_labels',
}  # fmt: skip
_NPY = b'\x93NUMPY'


def load(data: Any, *, data_dir: str = '') -> images.Dataset:
  """Reads the file and makes bits of it.

  Without `validation`, a tenth of train, at least one image, is used for it; a
  fixed seed chooses the images.  With `binarize='dynamic'`, validation
  and test are drawn once, with fixed seeds.

  Args:
    data: `data.dataset` is the file's path.
    data_dir: Ignored; the path is enough.

  Returns:
    The data set.

  Raises:
    UserError: The file is missing, no .npz, or holds something else.
  """
  del data_dir
  arrays = _read(data.dataset)
  _check_keys(arrays, data.dataset)
  splits = [split for split in _SPLITS if split in arrays]
  for split in splits:
    _shape(arrays, split, data.dataset)
  white = _white([arrays[split] for split in splits], data)
  for split in splits:
    what = f'{split!r} of {data.dataset}'
    arrays[split] = _on_probability(arrays[split], data.binarize, white, what)
  if 'validation' not in arrays:
    _take_validation(arrays, data.dataset)
  if dynamic := data.binarize == 'dynamic':
    arrays['validation'] = images.binarize(arrays['validation'], seed=1)
    arrays['test'] = images.binarize(arrays['test'], seed=2)
  name = pathlib.PurePath(data.dataset).stem
  return images.Dataset(name=name, dynamic=dynamic, **arrays)


def _read(path):
  with images.open_file(path) as f:
    try:
      if f.peek(len(_NPY)).startswith(_NPY):
        raise ValueError('it is an .npy, a single array')
      with np.lib.npyio.NpzFile(f, allow_pickle=False) as file:
        return {key: np.asarray(file[key]) for key in file.files}
    except Exception as e:  # NumPy and zipfile raise errors of every kind.
      raise errors.UserError(
        f'{path} is no .npz of plain arrays ({e!s:.80}); write one with '
        'numpy.savez(path, train=..., test=...).'
      ) from e


def _check_keys(arrays, path):
  for key in ('train', 'test'):
    if key not in arrays:
      raise errors.UserError(
        f'{path} has no array {key!r}, only {_listed(arrays)}; expected '
        f'train and test, and optionally {_listed(set(_KEYS[1:]) - {"test"})}'
        f'{_guess(arrays)}'
      )
  if unknown := set(arrays) - set(_KEYS):
    # If a misspelt `valid` were ignored, train would be split unnoticed.
    raise errors.UserError(
      f'{path} holds {_listed(unknown)}, which mean nothing here; rename or '
      f'remove them: the names are {_listed(_KEYS)}{_guess(unknown)}'
    )
  for key in arrays:
    split = key.removesuffix('_labels')
    if split not in arrays:
      raise errors.UserError(
        f'{path} holds {key!r} but no {split!r}; add the images or remove the '
        'labels.'
      )


def _shape(arrays, split, path):
  """Replaces images and labels of a split by checked ones of our shape."""
  what = f'{split!r} of {path}'
  arrays[split] = values = _with_channel(arrays[split], what)
  if (labels := arrays.get(f'{split}_labels')) is not None:
    checks.check_labels(labels, len(values), what=what)
    arrays[f'{split}_labels'] = labels.astype(np.int64)


def _with_channel(values, what):
  """Returns `[N, H, W, 1]` of numbers in 0..255."""
  if values.dtype.kind not in 'biuf':
    raise errors.UserError(
      f'{what} has type {values.dtype}; expected booleans, integers or floats.'
    )
  values = values[..., np.newaxis] if values.ndim == 3 else values
  checks.check_images(values, what)
  low, high = values.min(), values.max()
  if low < 0 or high > 255:
    raise errors.UserError(
      f'{what} holds values from {low:g} to {high:g}; expected 0 and 1, or '
      f'greys in 0..255 or in [0, 1] with {_HOW}.'
    )
  return values


def _white(splits, data):
  """Returns what is white in the greys of a whole file: 255 or 1.

  Raises:
    UserError: It is neither.
  """
  high = max(values.max() for values in splits)
  if not data.binarize or high >= _THRESHOLD or not high > 0:
    return 255
  if high > 1:
    raise errors.UserError(
      f'{data.dataset} holds values up to {high:g}, which are neither bits nor '
      'greys up to 255 or 1; scale them so that white is 255.'
    )
  if all(((values == 0) | (values == 1)).all() for values in splits):
    raise errors.UserError(
      f'{data.dataset} holds no value but 0 and 1, and '
      f'--binarize={data.binarize} is for greys; leave it out for bits.'
    )
  return 1


def _on_probability(values, binarize, white, what):
  """Returns float32 in [0, 1], which is {0, 1} unless dynamic."""
  high = values.max()
  if not binarize:
    _check_plain_bits(values, high, what)
    return values.astype(np.float32)
  if white == 255 and 0 < high <= 1:
    raise errors.UserError(
      f'{what} holds no value above 1, but other splits hold greys up to 255; '
      'save all splits in the same units.'
    )
  if binarize == 'threshold':
    # In [0, 1] the half, as 128 is of 0..255.
    return (values >= (_THRESHOLD if white == 255 else 0.5)).astype(np.float32)
  return values.astype(np.float32) / white


def _check_plain_bits(values, high, what):
  if ((values == 0) | (values == 1)).all():
    return
  raise errors.UserError(
    f'{what} holds values up to {high:g} that are not bits; choose {_HOW}.'
  )


def _take_validation(arrays, path):
  num = len(arrays['train'])
  if num < 2:
    raise errors.UserError(
      f"'train' of {path} has a single image, so none is left to validate; "
      "add images, or an array 'validation'."
    )
  order = images.permutation(num, seed=0)
  train, validation = np.split(order, [num - max(1, num // 10)])
  for suffix in ('', '_labels'):
    if (values := arrays.get(f'train{suffix}')) is not None:
      arrays[f'train{suffix}'] = values[train]
      arrays[f'validation{suffix}'] = values[validation]


def _guess(keys):
  """Returns what the names of arrays may mean, as the end of a sentence."""
  known = [key for key in keys if key in _OTHER_NAMES]
  meant = ', '.join(f'{_OTHER_NAMES[key]} for {key}' for key in sorted(known))
  return f'; did you mean {meant}?' if meant else '.'


def _listed(keys):
  return ', '.join(sorted(keys)) or 'nothing'
