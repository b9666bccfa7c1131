# SPDX-License-Identifier: Apache-2.0
"""What a data set is loaded by.

Modules of data sets need not know the configuration that has these fields.
"""

from typing import Protocol

__all__ = ['DataSettings']


class DataSettings(Protocol):
  """Which images: the fields of `tfp_rd.DataConfig`, described there."""

  @property
  def dataset(self) -> str:
    """A name, a source with its fields, or the path of a file."""

  @property
  def binarize(self) -> str:
    """How a user's values become bits."""

  @property
  def fake_data(self) -> bool:
    """Whether random bits of the same shape take the images' place."""

  @property
  def sha256(self) -> str:
    """Digest of a user's file."""
