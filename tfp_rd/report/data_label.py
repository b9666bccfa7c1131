# SPDX-License-Identifier: Apache-2.0
"""What a data set is called in titles, and as a folder.  No TensorFlow here."""

import pathlib
import re

from tfp_rd import config as config_lib
from tfp_rd import source

__all__ = ['label', 'title']


def title(data: config_lib.DataConfig) -> str:
  """Returns the name of a data set in titles: a source by its text."""
  is_source = source.is_source(data.dataset) and not data.fake_data
  return data.dataset if is_source else label(data)


def label(data: config_lib.DataConfig) -> str:
  """Returns a short name of a data set that is also the name of a folder.

  Letters, digits, `_`, `.` and `-` alone, none of the last two at the
  beginning, so that no string of a configuration leads out of a folder.
  """
  is_file = not source.is_source(data.dataset)
  name = pathlib.PurePath(data.dataset).stem if is_file else data.dataset
  parts = [_plain(name) or 'data', _plain(data.binarize)]
  if data.fake_data:
    parts.append('fake')
  # A user's file goes by its name; the digest tells two of them apart.
  parts.append(_plain(data.sha256[:8]))
  return '_'.join(filter(None, parts))


def _plain(text):
  return re.sub(r'[^\w.-]+', '_', text).lstrip('-._').rstrip('_')
