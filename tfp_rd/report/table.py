# SPDX-License-Identifier: Apache-2.0
"""The tables of a report: `table.csv` for programs, `table.md` for people.

No TensorFlow here.
"""

import csv
import io
import math
from collections.abc import Iterator, Sequence

from tfp_rd.curve import columns as columns_lib
from tfp_rd.curve import curve as curve_lib
from tfp_rd.curve import diagonal, reach
from tfp_rd.curve.point import STATUS
from tfp_rd.report import answer, cell, training_kinds

__all__ = ['table_csv', 'table_md']

_SPLITS = ('test', 'train')
_VALUES = {'rate': 'R', 'distortion': 'D', 'elbo': '\N{MINUS SIGN}ELBO'}
_EXCESS = 'D + R \N{MINUS SIGN} H'
_POINTS = (
  'By rising R on test.  Each value stands with its standard error over images '
  'and, where there are several seeds, with the standard deviation over them '
  'in brackets.  A star marks the frontier: no point, and no line between '
  'neighbours of one curve, has less D at no more R.'
)
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
  writer.writerow(['architecture', *titles.values(), 'is_on_frontier'])
  for curve, marks in zip(curves, reach.on_frontier(curves), strict=True):
    for point, is_on in zip(curve.points, marks, strict=True):
      values = [columns_lib.value(point, name) for name in titles]
      writer.writerow([curve.name, *values, is_on])
  return buffer.getvalue()


def _titles(settings) -> Iterator[tuple[str, str]]:
  """Yields the name of each column in a curve and its title in the table."""
  first = ('beta', 'objective', 'found_beta', *settings, 'num_seeds')
  yield from ((name, name) for name in first)
  for split in _SPLITS:
    names = [suffix.format(v) for v in _VALUES for suffix in _SUFFIXES]
    for name in (*names, 'bpp', 'total_bpp', 'num_examples'):
      yield f'{columns_lib.PREFIXES[split]}{name}', f'{split}_{name}'
  last = ('entropy_nats', 'entropy_stderr_nats', 'excess_nats')
  last += ('excess_stderr_nats', 'seed_std_excess_nats', 'is_infeasible')
  yield from ((name, name) for name in last)


def table_md(curves: Sequence[curve_lib.Curve], *, label: str, notes) -> str:
  """Returns a page: answers, a row for each family, all points, and notes.

  Args:
    curves: Of one data set, with the same settings.
    label: Of the data set.
    notes: Sentences below the tables.
  """
  sections = (
    f'# {label}',
    answer.best_at_rates_md(curves),
    answer.best_elbo_md(curves) + _entropy(curves),
    answer.families_md(curves),
    _all_points(curves),
    '\n'.join(f'- {note}' for note in notes),
  )
  return '\n\n'.join(filter(None, sections)) + '\n'


def _all_points(curves):
  """Returns the section with a row for each point, by rising rate."""
  rows = [
    (curve.name, point, is_on)
    for curve, marks in zip(curves, reach.on_frontier(curves), strict=True)
    for point, is_on in zip(curve.points, marks, strict=True)
  ]
  rows.sort(key=lambda row: _rate(row[1]))
  points = [point for _, point, _ in rows]
  kinds = training_kinds.TrainingKinds.of(points, curves[0].settings)
  columns = {
    'family': [f'`{name}`' for name, _, _ in rows],
    'beta': [point.label for point in points],
    'frontier': ['*' if is_on else '' for _, _, is_on in rows],
    'training': [kinds.letter(point) for point in points],
    'seeds': [str(point.num_seeds) for point in points],
    **_numbers(points),
  }
  for name in ('training', 'seeds'):
    if len(set(columns[name])) == 1:
      del columns[name]
  rows = [*zip(*columns.values(), strict=True)]
  table = cell.table_md([*columns], rows, num_left=2)
  sections = (
    f'## All points\n\n{_POINTS}',
    kinds.text(),
    _left_out(curves),
    table,
  )
  return '\n\n'.join(filter(None, sections))


def _left_out(curves):
  """Returns a sentence on points that some seeds of a curve lack."""
  left_out = {curve.name: curve.num_left_out for curve in curves}
  listed = ', '.join(f'{n} of `{name}`' for name, n in left_out.items() if n)
  return listed and (
    f'Left out, since not all seeds of the curve have their betas: {listed}.  '
    '`tfp-rd grid` with all seeds in one command evaluates the others there.'
  )


def _numbers(points):
  """Returns columns of cells: R, D and -ELBO of each split, and D + R - H."""
  columns = {}
  for split in _SPLITS:
    values = [getattr(point, split) for point in points]
    for name, title in _VALUES.items():
      cells = [_cell(getattr(value, name), name) for value in values]
      columns[f'{split} {title} (nats)'] = cells
  if any(point.excess is not None for point in points):
    columns[f'test {_EXCESS} (nats)'] = [
      cell.number(point.excess, digits=3)
      + (' below the truth' if point.is_infeasible else '')
      for point in points
    ]
  return columns


def _cell(value, name):
  is_usual = value is None or value.status == STATUS[name]
  mark = '' if is_usual else f' ({value.status.replace("_", " ")})'
  return cell.number(value, sign=-1 if name == 'elbo' else 1) + mark


def _rate(point):
  rate = point.test.rate
  return math.inf if rate is None else rate.nats


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
