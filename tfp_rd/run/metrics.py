# SPDX-License-Identifier: Apache-2.0
"""`metrics.csv`: what was measured during training, one row a call.

No TensorFlow here.
"""

import csv
import io
import pathlib
from collections.abc import Mapping, Sequence

from tfp_rd import errors
from tfp_rd.run import atomic_file

__all__ = ['NAME', 'read_metrics', 'write_metrics']

NAME = 'metrics.csv'


def read_metrics(folder: atomic_file.Path) -> list[dict[str, float]]:
  """Returns the rows in the order of the steps; none without a file.

  Args:
    folder: The run's directory.

  Raises:
    UserError: The file is not what `write_metrics` wrote.
    OSError: It cannot be read.
  """
  path = pathlib.Path(folder) / NAME
  if not path.exists():
    return []
  try:
    with path.open(newline='') as f:
      return [
        {k: float(v) for k, v in row.items() if v} for row in csv.DictReader(f)
      ]
  # Half a row, odd bytes, or more cells than names.
  except (ValueError, TypeError, csv.Error) as e:
    raise errors.UserError(f'{path} is corrupt ({e!s:.80}).') from e


def write_metrics(
  folder: atomic_file.Path, rows: Sequence[Mapping[str, float]]
) -> None:
  """Writes all rows, whole or not at all.

  Args:
    folder: The run's directory.
    rows: One mapping from name to number a row; names may differ.

  Raises:
    OSError: The file cannot be written.
  """
  names = dict.fromkeys(name for row in rows for name in row)
  text = io.StringIO()
  writer = csv.DictWriter(text, names, lineterminator='\n')
  writer.writeheader()
  writer.writerows(rows)
  atomic_file.write_atomically(pathlib.Path(folder) / NAME, text.getvalue())
