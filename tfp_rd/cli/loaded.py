# SPDX-License-Identifier: Apache-2.0
"""A data set, loaded once for all runs in a row that had it."""

import functools

from tfp_rd import config as config_lib
from tfp_rd import dataset as dataset_lib

__all__ = ['load']


@functools.lru_cache(maxsize=1)
def load(data: config_lib.DataConfig, data_dir: str) -> dataset_lib.Dataset:
  """Returns the images, as `tfp_rd.dataset.load`."""
  return dataset_lib.load(data, data_dir=data_dir)
