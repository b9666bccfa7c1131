# SPDX-License-Identifier: Apache-2.0
"""A report is what a folder of runs says: a figure, two tables and the curves.

It is drawn from result files alone, so that it can be drawn again years later.
No TensorFlow here.
"""

import csv
import io
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

from tfp_rd import (
  compare_table,
  curve_file,
  diagonal,
  errors,
  one_run,
  plot,
)
from tfp_rd import config as config_lib
from tfp_rd import curve as curve_lib
from tfp_rd import run as run_lib

__all__ = ['Report', 'write_report']

Path = run_lib.Path

_SPLITS = {'test': '', 'train': 'train_'}  # To the prefix of a curve's columns.
_VALUES = {'rate': 'R', 'distortion': 'D', 'elbo': '\N{MINUS SIGN}ELBO'}


class Report(NamedTuple):
  """What was written, and what deserves a word.

  Attributes:
    paths: The files, figures first.
    num_runs: Finished runs behind them.
    corrupt: For each run that was left out, a sentence that names it.
    below_diagonal: For each test point too good to be believed, a sentence.
  """

  paths: tuple[pathlib.Path, ...]
  num_runs: int
  corrupt: tuple[str, ...]
  below_diagonal: tuple[str, ...]


def write_report(run_root: Path, report_dir: Path) -> Report:
  """Draw and tabulate every finished run below a folder.

  Writes `rd_plane.png`, `rd_plane.svg`, `table.csv`, `table.md` and
  `curves/curve_NAME.json`; where curves of one run stand beside separate runs,
  also `one_run_gaps.png` and `one_run_gaps.md`.  Runs of several data sets
  never share a figure: each set has a folder of its own inside `report_dir`.
  Costs a second or two for hundreds of runs, and one for each family with
  gaps.

  Args:
    run_root: A folder with runs at any depth.
    report_dir: Where to write; made if need be.

  Returns:
    The record of what was written.  A caller with an exit status fails if
    `corrupt` is not empty.

  Raises:
    UserError: There is no such folder, or no finished run below it.
    OSError: The report cannot be written.
  """
  found = curve_lib.collect(run_root)
  if not found.curves:
    raise errors.UserError(
      f'no finished run below {run_root}; train some first, or name another '
      'folder.' + ''.join(f' {sentence}' for sentence in found.corrupt)
    )
  paths, offenders = [], []
  for data, curves in found.curves.items():
    folder = pathlib.Path(report_dir)
    if len(found.curves) > 1:
      folder /= _label(data)
    sentences = _offenders(curves)
    notes = (*sentences, *(f'Left out: {s}' for s in found.corrupt))
    paths += _write(curves, folder, label=_label(data), notes=notes)
    paths += _write_gaps(run_root, data, folder)
    offenders += sentences
  return Report(tuple(paths), found.num_runs, found.corrupt, tuple(offenders))


def _write(curves, folder, *, label, notes):
  (folder / 'curves').mkdir(parents=True, exist_ok=True)
  title = f'{label}, test split: {sum(map(len, curves))} points'
  figure = plot.overview(curves, title=title)
  paths = [folder / 'rd_plane.png', folder / 'rd_plane.svg']
  for path in paths:
    plot.save(figure, path)
  for name, text in (
    ('table.csv', _table_csv(curves)),
    ('table.md', _table_md(curves, label=label, notes=notes)),
  ):
    run_lib.write_atomically(folder / name, text)
    paths.append(folder / name)
  for curve in curves:
    paths.append(folder / 'curves' / f'curve_{curve.name}.json')
    curve_file.write_curve(curve, paths[-1])
  return paths


def _write_gaps(run_root, data, folder):
  """Writes what curves of one run lose to separate runs, if there are both."""
  runs = [
    run
    for run in run_lib.runs_below(run_root)
    if run.config.data == data and run.is_done
  ]
  families = one_run.compare_runs(runs)
  if not families:
    return []
  paths = [folder / 'one_run_gaps.png', folder / 'one_run_gaps.md']
  plot.save(plot.one_run_gaps(families), paths[0])
  run_lib.write_atomically(paths[1], compare_table.table_md(families))
  return paths


def _label(data: config_lib.DataConfig) -> str:
  """A name for people and for a folder, another one for each data set."""
  # A user's file goes by its name alone; the digest tells two of them apart.
  name = pathlib.PurePath(data.dataset).stem.lstrip('-.') or 'data'
  parts = (name, data.binarize, 'fake' * data.fake_data, data.sha256[:8])
  return '_'.join(filter(None, parts))


def _offenders(curves):
  best, index = diagonal.best_point(curves)
  bar = best.results['elbo_nats'][index]
  return [
    f'{curve.name} at beta {curve.results["beta"][i]:g} is '
    f'{curve.results["elbo_nats"][i] - bar:.2f} nats below the diagonal on '
    f'test, with a standard error of '
    f'{curve.results["elbo_stderr_nats"][i]:.2f} nats.'
    for curve, i in diagonal.below_diagonal(curves)
  ]


def _rows(curves):
  for curve in curves:
    for values in zip(*curve.results.values(), strict=True):
      row = dict(zip(curve.results, values, strict=True))
      yield {'architecture': curve.name, **row}


def _settings(curves) -> list[str]:
  """Names of the columns that tell points of one beta apart."""
  names = list(curves[0].results)
  return names[1 : names.index('num_examples')]


def _table_csv(curves: Sequence[curve_lib.Curve]) -> str:
  columns = {name: name for name in ('architecture', 'beta')}
  columns |= {name: name for name in (*_settings(curves), 'num_seeds')}
  for split, prefix in _SPLITS.items():
    for name in _measured():
      columns[f'{split}_{name}'] = f'{prefix}{name}'
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


def _table_md(curves, *, label, notes):
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
  )


def _cells(row, told):
  cells = [f'`{row["architecture"]}`', f'{row["beta"]:g}']
  cells += [str(row[name]) for name in (*told, 'num_seeds')]
  for prefix in _SPLITS.values():
    for value in _VALUES:
      number = row[f'{prefix}{value}_nats'] * (-1 if value == 'elbo' else 1)
      error = row[f'{prefix}{value}_stderr_nats']
      spread = row[f'{prefix}seed_std_{value}_nats']
      cell = f'{number:.2f}'
      cell += '' if error is None else f' ± {error:.2f}'
      cells.append(cell + ('' if spread is None else f' [{spread:.2f}]'))
  return cells
