# SPDX-License-Identifier: Apache-2.0
"""The tables of a report: one for programs, one for people.

No TensorFlow here.
"""

import csv
import io
from collections.abc import Sequence

from tfp_rd.curve import curve as curve_lib
from tfp_rd.curve import diagonal

__all__ = ['table_csv', 'table_md']

_SPLITS = {'test': '', 'train': 'train_'}  # To the prefix of a curve's columns.
_VALUES = {'rate': 'R', 'distortion': 'D', 'elbo': '\N{MINUS SIGN}ELBO'}
_TRUTH = (
  *('entropy_nats', 'entropy_stderr_nats', 'excess_nats'),
  *('excess_stderr_nats', 'seed_std_excess_nats', 'is_infeasible'),
)
_EXCESS = 'D + R \N{MINUS SIGN} H'


def _rows(curves):
  for curve in curves:
    for values in zip(*curve.results.values(), strict=True):
      row = dict(zip(curve.results, values, strict=True))
      yield {'architecture': curve.name, **row}


def _settings(curves) -> list[str]:
  """Names of the columns that tell points of one beta apart."""
  names = list(curves[0].results)
  return names[1 : names.index('num_examples')]


def table_csv(curves: Sequence[curve_lib.Curve]) -> str:
  """Returns every column of every point."""
  columns = {name: name for name in ('architecture', 'beta')}
  columns |= {name: name for name in (*_settings(curves), 'num_seeds')}
  for split, prefix in _SPLITS.items():
    for name in _measured():
      columns[f'{split}_{name}'] = f'{prefix}{name}'
  columns |= {name: name for name in _TRUTH if name in curves[0].results}
  buffer = io.StringIO()
  writer = csv.writer(buffer, lineterminator='\n')
  writer.writerow(columns)
  writer.writerows(
    [row[key] for key in columns.values()] for row in _rows(curves)
  )
  return buffer.getvalue()


def _measured():
  for value in _VALUES:
    yield from (f'{value}_nats', f'{value}_stderr_nats')
    yield f'seed_std_{value}_nats'
  yield from ('bpp', 'num_examples')


def table_md(curves: Sequence[curve_lib.Curve], *, label: str, notes) -> str:
  """Returns a page: a summary, a row for each point, and notes.

  Args:
    curves: Of one data set.
    label: Of the data set.
    notes: Sentences below the table.
  """
  rows = list(_rows(curves))
  differing = {
    name: len({str(row[name]) for row in rows}) > 1
    for name in _settings(curves)
  }
  # What is the same everywhere is said once, above the table.
  told = [n for n, differs in differing.items() if differs or n == 'num_steps']
  same = [f'{n} {rows[0][n]}' for n in differing if n not in told]
  header = ['family', 'beta', *told, 'seeds']
  header += [
    f'{split} {v} (nats)' for split in _SPLITS for v in _VALUES.values()
  ]
  if diagonal.diagonal_of(curves).is_true:
    header.append(f'test {_EXCESS} (nats)')
  lines = [header, ['---'] * 2 + ['---:'] * (len(header) - 2)]
  lines += [_cells(row, told) for row in rows]
  table = '\n'.join(f'| {" | ".join(line)} |' for line in lines)
  paragraphs = (f'# {label}', _summary(curves, same), table)
  bullets = '\n'.join(f'- {note}' for note in notes)
  return '\n\n'.join(filter(None, (*paragraphs, bullets))) + '\n'


def _summary(curves, same):
  best, index = diagonal.best_point(curves)
  return (
    f'Best on validation: `{best.name}` at beta '
    f'{best.results["beta"][index]:g}, whose {_VALUES["elbo"]} on test is '
    f'{-best.results["elbo_nats"][index]:.2f} nats.  Each value stands with '
    'its standard error over examples and, where there are several seeds, with '
    f'the standard deviation over them in brackets.  All: {", ".join(same)}.'
    f'{_truth(curves)}'
  )


def _truth(curves):
  bar = diagonal.diagonal_of(curves)
  if not bar.is_true:
    return ''
  error = 'nats, exact'
  if bar.entropy_stderr_nats:
    error = f'± {bar.entropy_stderr_nats:.1g} nats'
  return (
    f'  The entropy H of the source is {bar.entropy_nats:.4f} {error}; '
    f'{_EXCESS} is from paired differences with log p\\*(x), and negative by '
    'chance alone.  The line is drawn where these test images have it, at '
    f'{bar.nats:.4f} nats.'
  )


def _cells(row, told):
  cells = [f'`{row["architecture"]}`', f'{row["beta"]:g}']
  cells += [str(row[name]) for name in (*told, 'num_seeds')]
  for prefix in _SPLITS.values():
    cells += [_cell(row, value, prefix) for value in _VALUES]
  if 'excess_nats' in row:
    mark = ' below the truth' if row['is_infeasible'] else ''
    cells.append(_cell(row, 'excess', digits=3) + mark)
  return cells


def _cell(row, value, prefix='', *, digits=2):
  """Returns a value with its errors, nats."""
  number = row[f'{prefix}{value}_nats'] * (-1 if value == 'elbo' else 1)
  error = row[f'{prefix}{value}_stderr_nats']
  spread = row[f'{prefix}seed_std_{value}_nats']
  cell = f'{number:.{digits}f}'
  cell += '' if error is None else f' ± {error:.{digits}f}'
  return cell + ('' if spread is None else f' [{spread:.{digits}f}]')
