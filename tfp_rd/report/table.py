# SPDX-License-Identifier: Apache-2.0
"""The tables of a report: `table.csv` for programs, `table.md` for people.

No TensorFlow here.
"""

import csv
import io
from collections.abc import Iterator, Sequence

from tfp_rd.curve import columns as columns_lib
from tfp_rd.curve import curve as curve_lib
from tfp_rd.curve import diagonal
from tfp_rd.curve.point import STATUS

__all__ = ['table_csv', 'table_md']

_SPLITS = ('test', 'train')
_VALUES = {'rate': 'R', 'distortion': 'D', 'elbo': '\N{MINUS SIGN}ELBO'}
_EXCESS = 'D + R \N{MINUS SIGN} H'
_SUFFIXES = ('{}_nats', '{}_stderr_nats', 'seed_std_{}_nats', '{}_status')


def table_csv(curves: Sequence[curve_lib.Curve]) -> str:
  """Returns every column of every point.

  Args:
    curves: Of one data set, with the same settings.
  """
  points = [point for curve in curves for point in curve.points]
  there = columns_lib.names(points, curves[0].settings)
  titles = {n: t for n, t in _titles(curves[0].settings) if n in there}
  buffer = io.StringIO()
  writer = csv.writer(buffer, lineterminator='\n')
  writer.writerow(['architecture', *titles.values()])
  for curve in curves:
    writer.writerows(
      [curve.name, *(columns_lib.value(point, name) for name in titles)]
      for point in curve.points
    )
  return buffer.getvalue()


def _titles(settings) -> Iterator[tuple[str, str]]:
  """Yields the name of each column in a curve and its title in the table."""
  first = ('beta', 'objective', 'found_beta', *settings, 'num_seeds')
  yield from ((name, name) for name in first)
  for split in _SPLITS:
    names = [suffix.format(v) for v in _VALUES for suffix in _SUFFIXES]
    for name in (*names, 'bpp', 'num_examples'):
      yield f'{columns_lib.PREFIXES[split]}{name}', f'{split}_{name}'
  last = ('entropy_nats', 'entropy_stderr_nats', 'excess_nats')
  last += ('excess_stderr_nats', 'seed_std_excess_nats', 'is_infeasible')
  yield from ((name, name) for name in last)


def table_md(curves: Sequence[curve_lib.Curve], *, label: str, notes) -> str:
  """Returns a page: a summary, a row for each point, and notes.

  Args:
    curves: Of one data set, with the same settings.
    label: Of the data set.
    notes: Sentences below the table.
  """
  points = [point for curve in curves for point in curve.points]
  values = {
    name: [columns_lib.value(point, name) for point in points]
    for name in ('objective', *curves[0].settings)
  }
  # What is the same everywhere is written once, above the table.
  shown = [
    name
    for name, column in values.items()
    if len(set(map(str, column))) > 1 or name == 'num_steps'
  ]
  same = [f'{n} {column[0]}' for n, column in values.items() if n not in shown]
  has_excess = any(point.excess is not None for point in points)
  header = ['family', 'beta', *shown, 'seeds']
  header += [
    f'{split} {v} (nats)' for split in _SPLITS for v in _VALUES.values()
  ]
  header += [f'test {_EXCESS} (nats)'] * has_excess
  lines = [header, ['---'] * 2 + ['---:'] * (len(header) - 2)]
  for curve in curves:
    lines += [_cells(curve.name, p, shown, has_excess) for p in curve.points]
  table = '\n'.join(f'| {" | ".join(line)} |' for line in lines)
  paragraphs = (f'# {label}', _summary(curves, same), table)
  bullets = '\n'.join(f'- {note}' for note in notes)
  return '\n\n'.join(filter(None, (*paragraphs, bullets))) + '\n'


def _summary(curves, same):
  best = diagonal.best_point(curves)
  sentence = 'No point is a bound, so that none is the best.'
  if best is not None:
    sentence = (
      f'Best on validation: `{best.name}` {best.point.phrase}, whose '
      f'{_VALUES["elbo"]} on test is {-best.point.test.elbo.nats:.2f} nats.'
    )
  return (
    f'{sentence}  Each value stands with its standard error over examples and, '
    'where there are several seeds, with the standard deviation over them in '
    f'brackets.  All: {", ".join(same)}.{_entropy(curves)}'
  )


def _entropy(curves):
  """Returns the sentences on the known entropy, empty where it is not known."""
  line = diagonal.diagonal_of(curves)
  if line is None or not line.is_true:
    return ''
  error = 'nats, exact'
  if line.entropy_stderr_nats:
    error = f'± {line.entropy_stderr_nats:.1g} nats'
  return (
    f'  The entropy H of the source is {line.entropy_nats:.4f} {error}; '
    f'{_EXCESS} is from paired differences with log p\\*(x), and negative by '
    'chance alone.  The line is drawn where these test images have it, at '
    f'{line.nats:.4f} nats.'
  )


def _cells(name, point, shown, has_excess):
  cells = [f'`{name}`', point.label]
  cells += [str(columns_lib.value(point, n)) for n in (*shown, 'num_seeds')]
  for split in _SPLITS:
    values = getattr(point, split)
    for value, usual in STATUS.items():
      number = getattr(values, value)
      is_usual = number is None or number.status == usual
      mark = '' if is_usual else f' ({number.status.replace("_", " ")})'
      cells.append(_cell(number, sign=-1 if value == 'elbo' else 1) + mark)
  if has_excess:
    mark = ' below the truth' if point.is_infeasible else ''
    cells.append(_cell(point.excess, digits=3) + mark)
  return cells


def _cell(value, *, sign=1, digits=2):
  """Returns a value with its errors, nats."""
  if value is None:
    return ''
  cell = f'{sign * value.nats:.{digits}f}'
  for error, pattern in (
    (value.stderr_nats, ' ± {}'),
    (value.seed_std_nats, ' [{}]'),
  ):
    if error is not None:
      cell += pattern.format(f'{error:.{digits}f}')
  return cell
