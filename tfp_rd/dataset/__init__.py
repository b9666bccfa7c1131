# SPDX-License-Identifier: Apache-2.0
"""Binary images by name or by path: one table, one file a data set.

TensorFlow, tensorflow-datasets and scikit-learn are imported only when a set
that needs them is loaded.  A new set is one module with `TRAITS` and
`load(data, *, data_dir)`, and one line in the table.  Sources are named by
`tfp_rd.source`, with fields as in `'templates(noise=0.1)'`.
"""

import difflib
import hashlib
import importlib
import pathlib
from typing import NamedTuple, Optional, Union

from tfp_rd import errors, record_text
from tfp_rd import source as source_lib
from tfp_rd.dataset import checks, images, settings
from tfp_rd.dataset.images import binarize, Dataset

__all__ = [
  'Dataset',
  'binarize',
  'canonical',
  'fingerprint',
  'fingerprint_if_any',
  'known_traits',
  'load',
  'names',
  'short',
  'traits',
]

_SOURCES = 'tfp_rd.dataset.sources'

_SETS = {
  'digits': 'tfp_rd.dataset.digits',
  'binarized_mnist': 'tfp_rd.dataset.binarized_mnist',
  'mnist': 'tfp_rd.dataset.mnist',
  'omniglot': 'tfp_rd.dataset.omniglot',
}

_FILES = {
  '.npz': 'tfp_rd.dataset.arrays',
  '.mat': 'tfp_rd.dataset.chardata',
}

# What else people have, and are told of .npz.
_OTHER_FILES = {
  '.npy': 'a single array, which says nothing of train and test',
  '.csv': 'a table of text',
  '.tsv': 'a table of text',
  '.txt': 'text',
  '.h5': 'an HDF5 file',
  '.hdf5': 'an HDF5 file',
  '.pkl': 'a pickle, which could run any program',
  '.pt': 'a file of PyTorch',
  '.parquet': 'a table of Parquet',
  '.gz': 'compressed',
  '.zip': 'an archive',
  '.png': 'a single picture',
  '.jpg': 'a single picture',
}


class _Named(NamedTuple):
  """What a `DataConfig` says, where nothing but its name is given."""

  dataset: str
  binarize: str = ''
  fake_data: bool = False
  sha256: str = ''


def names() -> tuple[str, ...]:
  """Returns the names of the data sets that come without a path."""
  return (*_SETS, *source_lib.names())


def canonical(name: str) -> str:
  """Returns the canonical text of a set: for a source, its name and all fields.

  Raises:
    UserError: It names a source with a field that is wrong.
  """
  if not source_lib.is_source(name):
    return name
  return record_text.write(source_lib.parse(name), whole=True)


def short(name: str) -> str:
  """Returns the text of a set without fields at their default.

  The identity of a run holds this text.

  Args:
    name: As `DataConfig.dataset`.
  """
  if not source_lib.is_source(name):
    return name
  return record_text.write(source_lib.parse(name), only_changed=True)


def load(
  data: Union[settings.DataSettings, str], *, data_dir: str = ''
) -> Dataset:
  """Loads, checks and binarises a data set.

  Args:
    data: A `DataConfig`, or the text of its `dataset` alone; that is one of
      `names()`, a source with its fields, or the path of a user's .npz (see
      `tfp_rd.dataset.arrays`) or of Burda's chardata.mat.
    data_dir: Where tensorflow-datasets keeps its prepared sets; empty for its
      own default.  A set that is missing is downloaded to it.

  Returns:
    The data set, each split float32 `[N, H, W, 1]`.  With `data.fake_data`,
    200, 100 and 100 images of random bits of the same shape; then a set with a
    name needs neither the network nor `data_dir`.

  Raises:
    UserError: There is no such set, it cannot be read or downloaded, or its
      content is not what was expected.

  Takes seconds for sets of tensorflow-datasets, since every image is decoded;
  load once and keep the record.
  """
  if isinstance(data, str):
    data = _Named(data)
  module = _module(data.dataset)
  _check_binarize(data)
  if data.sha256 and data.sha256 != fingerprint(data.dataset):
    raise errors.UserError(
      f'{data.dataset} has changed: its SHA-256 is no longer '
      f'{data.sha256[:8]}...; put the old file back, or start a new run.'
    )
  if not data.fake_data:
    return module.load(data, data_dir=data_dir)
  if _is_file(data.dataset):
    real = module.load(data)
    return images.fake(images.traits_of(real), name=real.name)
  return images.fake(traits(data), name=data.dataset)


def fingerprint(path_or_name: str) -> str:
  """Returns the SHA-256 of a user's file, `''` for a set with a name.

  Args:
    path_or_name: As `DataConfig.dataset`.

  Returns:
    64 hexadecimal digits, or `''`.

  Raises:
    UserError: There is no such set, or the file cannot be read.

  Costs one pass over the file.
  """
  _module(path_or_name)
  if not _is_file(path_or_name):
    return ''
  digest = hashlib.sha256()
  with images.open_file(path_or_name) as f:
    while block := f.read(1 << 20):
      digest.update(block)
  return digest.hexdigest()


def fingerprint_if_any(path_or_name: str) -> str:
  """Returns the SHA-256 of a user's file that can be read, else `''`."""
  try:
    return fingerprint(path_or_name)
  except errors.UserError:
    return ''  # The error is raised when the images are loaded.


def traits(data: settings.DataSettings) -> images.Traits:
  """Returns what is known of a set without its images.

  Args:
    data: A `DataConfig`: which images.

  Raises:
    UserError: There is no such set, or a user's file is not what was expected.

  Costs nothing for a set with a name, and one reading of a user's file.
  """
  known = known_traits(data.dataset)
  if known is not None:
    return known
  return images.traits_of(_module(data.dataset).load(data))


def known_traits(name: str) -> Optional[images.Traits]:
  """Returns the traits that follow from the name alone.

  Args:
    name: As `DataConfig.dataset`.

  Returns:
    The traits; `None` for a user's file and for an unknown name.
  """
  if source_lib.is_source(name):
    return _module(name).traits(name)
  return _module(name).TRAITS if name in _SETS else None


def _suffix(name):
  return pathlib.PurePath(name).suffix.lower()


def _is_file(name):
  return _module(name).__name__ in _FILES.values()


def _module(name):
  if source_lib.is_source(name):
    return importlib.import_module(_SOURCES)
  path = _SETS.get(name) or _FILES.get(_suffix(name))
  if path is None:
    raise errors.UserError(_unknown(name))
  return importlib.import_module(path)


def _unknown(name):
  """Returns the sentence of a name that is no data set."""
  bare = name.partition('(')[0]
  if bare in source_lib.names() and name.count('(') > name.count(')'):
    return f"{name!r} has no ')' at its end; add it, within quotes for a shell."
  if _suffix(name) in _OTHER_FILES:
    return (
      f'{name} is {_OTHER_FILES[_suffix(name)]}; {checks.SAVE_NPZ}, and give '
      'that file.'
    )
  close = difflib.get_close_matches(bare.lower(), names(), n=1)
  guess = f' (did you mean {close[0]!r}?)' if close else ''
  return (
    f'there is no data set {name!r}{guess}; choose one of '
    f'{", ".join(names())}, or give the path of a file that ends in .npz or '
    '.mat.'
  )


def _check_binarize(data):
  if data.binarize and _suffix(data.dataset) != '.npz':
    raise errors.UserError(
      f'--binarize={data.binarize} is only for an .npz of your own with greys; '
      f'{data.dataset} has its own rule, so leave it out.'
    )
