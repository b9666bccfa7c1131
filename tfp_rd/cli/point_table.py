# SPDX-License-Identifier: Apache-2.0
"""Points as an aligned table for a terminal, each with its standard error."""

from collections.abc import Iterable, Sequence

from tfp_rd import point as point_lib

__all__ = ['SPLITS', 'text']

SPLITS = ('train', 'validation', 'test')

_COLUMNS = ('R (nats)', 'D (nats)', 'ELBO (nats)', 'images', 'draws')


def text(
  labels: Sequence[str],
  rows: Iterable[tuple[Sequence[str], point_lib.Point]],
) -> str:
  """Returns the table.

  Args:
    labels: Names of the columns that say what a row is.
    rows: For each row, the entries of those columns, and the point.

  Returns:
    Lines of equal columns: words to the left, numbers to the right.
  """
  table = [(*labels, *_COLUMNS)]
  table += [(*entries, *_cells(point)) for entries, point in rows]
  widths = [max(map(len, column)) for column in zip(*table, strict=True)]
  return '\n'.join(_line(row, widths, len(labels)) for row in table)


def _cells(point):
  return (
    _value(point.rate_nats, point.rate_stderr_nats),
    _value(point.distortion_nats, point.distortion_stderr_nats),
    _value(point.elbo_nats, point.elbo_stderr_nats),
    f'{point.num_examples}',
    f'{point.num_samples}',
  )


def _value(value, stderr):
  return f'{value:.2f} ± {stderr:.2f}'


def _line(row, widths, num_labels):
  aligned = [
    text.ljust(width) if i < num_labels else text.rjust(width)
    for i, (text, width) in enumerate(zip(row, widths, strict=True))
  ]
  return '  '.join(aligned).rstrip()
