# SPDX-License-Identifier: Apache-2.0
"""Points and measures as aligned tables, each number with its error."""

from collections.abc import Iterable, Sequence

from tfp_rd import point as point_lib
from tfp_rd.run import measures

__all__ = ['SPLITS', 'of_measures', 'text']

SPLITS = ('train', 'validation', 'test')

_COLUMNS = ('R (nats)', 'D (nats)', '-ELBO (nats)', 'images', 'draws')
_LABELS = ('run', 'beta', 'measure', 'name')
_OF_MEASURES = ('value', 'unit', 'status', 'cap', 'reason')


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
  return _aligned(table, range(len(labels)))


def of_measures(
  rows: Iterable[tuple[str, str, measures.MeasuredPoint]],
) -> str:
  """Returns a table of measured values.

  Args:
    rows: For each beta of a run, the names of run and measure, and the point.

  Returns:
    A line for each value.
  """
  table = [(*_LABELS, *_OF_MEASURES)]
  for run, measure, point in rows:
    beta = '-' if point.beta is None else f'{point.beta:g}'
    for value in point.values:
      table.append((run, beta, measure, value.name, *_fields(value)))
  return _aligned(table, [0, 2, 3, *range(5, 7), 8])


def _fields(value):
  cap = '' if value.cap_nats is None else f'{value.cap_nats:.3f}'
  number = '-' if value.number is None else f'{value.number:.3f}'
  number += '' if value.error is None else f' ± {value.error:.3f}'
  return number, value.unit or 'nats', value.status, cap, value.reason


def _cells(point):
  return (
    _value(point.rate_nats, point.rate_stderr_nats),
    _value(point.distortion_nats, point.distortion_stderr_nats),
    _value(-point.elbo_nats, point.elbo_stderr_nats),
    f'{point.num_examples}',
    f'{point.num_samples}',
  )


def _value(value, stderr):
  return f'{value:.2f} ± {stderr:.2f}'


def _aligned(table, words):
  """Returns lines of equal columns, those of words to the left."""
  widths = [max(map(len, column)) for column in zip(*table, strict=True)]
  return '\n'.join(_line(row, widths, words) for row in table)


def _line(row, widths, words):
  aligned = [
    text.ljust(width) if i in words else text.rjust(width)
    for i, (text, width) in enumerate(zip(row, widths, strict=True))
  ]
  return '  '.join(aligned).rstrip()
