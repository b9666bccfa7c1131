# SPDX-License-Identifier: Apache-2.0
"""A user's own images, from the arrays of an .npz file.

    np.savez('mine.npz', train=x, test=y)

`train` and `test`, and optionally `validation`, are `[N, H, W]` or
`[N, H, W, 1]` of booleans, of 0 and 1, or of 0..255 with `binarize`; optional
`train_labels`, `validation_labels` and `test_labels` are integers `[N]`.
"""

import pathlib
from typing import Any

import numpy as np

from tfp_rd import errors
from tfp_rd.dataset import checks, images

__all__ = ['load']

_SPLITS = ('train', 'validation', 'test')
_KEYS = _SPLITS + tuple(f'{split}_labels' for split in _SPLITS)
_THRESHOLD = 128
_HOW = (
  'binarize=threshold (on from 128) or binarize=dynamic (on with probability '
  'value / 255, drawn anew in training)'
)


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
  for split in _SPLITS:
    if split in arrays:
      _convert(arrays, split, data)
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
        f'train and test, and optionally {_listed(set(_KEYS[1:]) - {"test"})}.'
      )
  if unknown := set(arrays) - set(_KEYS):
    # If a misspelt `valid` were ignored, train would be split unnoticed.
    raise errors.UserError(
      f'{path} holds {_listed(unknown)}, which mean nothing here; rename or '
      f'remove them: the names are {_listed(_KEYS)}.'
    )
  for key in arrays:
    split = key.removesuffix('_labels')
    if split not in arrays:
      raise errors.UserError(
        f'{path} holds {key!r} but no {split!r}; add the images or remove the '
        'labels.'
      )


def _convert(arrays, split, data):
  """Replaces images and labels of a split by checked ones of our types."""
  what = f'{split!r} of {data.dataset}'
  values = _with_channel(arrays[split], what)
  arrays[split] = _on_probability(values, data.binarize, what)
  if (labels := arrays.get(f'{split}_labels')) is not None:
    checks.check_labels(labels, len(values), what=what)
    arrays[f'{split}_labels'] = labels.astype(np.int64)


def _with_channel(values, what):
  """Returns `[N, H, W, 1]`, checked except for the range of the values."""
  if values.dtype.kind not in 'biuf':
    raise errors.UserError(
      f'{what} has type {values.dtype}; expected booleans, integers or floats.'
    )
  values = values[..., np.newaxis] if values.ndim == 3 else values
  checks.check_images(values, what)
  return values


def _on_probability(values, binarize, what):
  """Returns float32 in [0, 1], which is {0, 1} unless dynamic."""
  low, high = values.min(), values.max()
  if low < 0 or high > 255:
    raise errors.UserError(
      f'{what} holds values from {low:g} to {high:g}; expected 0 and 1, or '
      f'0..255 with {_HOW}.'
    )
  if not binarize:
    _check_plain_bits(values, high, what)
    return values.astype(np.float32)
  if 0 < high <= 1:
    raise errors.UserError(
      f'{what} holds no value above 1, but binarize={binarize} is for 0..255; '
      'leave it out for bits, or multiply greys in [0, 1] by 255.'
    )
  if binarize == 'threshold':
    return (values >= _THRESHOLD).astype(np.float32)
  return values.astype(np.float32) / 255


def _check_plain_bits(values, high, what):
  if ((values == 0) | (values == 1)).all():
    return
  advice = 'multiply them by 255 and choose' if high <= 1 else 'choose'
  raise errors.UserError(
    f'{what} holds values up to {high:g} that are not bits; {advice} {_HOW}.'
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


def _listed(keys):
  return ', '.join(sorted(keys)) or 'nothing'
