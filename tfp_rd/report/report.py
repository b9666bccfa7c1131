# SPDX-License-Identifier: Apache-2.0
"""A report is what a folder of runs says: a figure, two tables and the curves.

It is drawn from result files alone, so that it can be drawn again years later.
No TensorFlow here.
"""

import pathlib
import re
from typing import NamedTuple

from tfp_rd import config as config_lib
from tfp_rd import errors, source
from tfp_rd.curve import curve as curve_lib
from tfp_rd.curve import diagonal, file, judges
from tfp_rd.curve import families as families_lib
from tfp_rd.report import measures, plot, table
from tfp_rd.run import atomic_file
from tfp_rd.run import directory as run_lib

__all__ = ['Report', 'write_report']

Path = atomic_file.Path


class Report(NamedTuple):
  """What was written, and what deserves a word.

  Attributes:
    paths: The files, figures first.
    num_runs: Finished runs behind them.
    corrupt: For each run that was left out, a sentence that names it.
    below_diagonal: For each test point too good to be believed, a sentence.
    infeasible: For each test point below a known entropy, a sentence: whatever
      measured it is wrong.
  """

  paths: tuple[pathlib.Path, ...]
  num_runs: int
  corrupt: tuple[str, ...]
  below_diagonal: tuple[str, ...]
  infeasible: tuple[str, ...]


def write_report(run_root: Path, report_dir: Path) -> Report:
  """Draw and tabulate every finished run below a folder.

  Writes `rd_plane.png`, `rd_plane.svg`, `table.csv`, `table.md` and
  `curves/curve_NAME.json`; where curves of one run stand beside separate runs,
  also `one_run_gaps.png` and `one_run_gaps.md`; where runs were measured,
  `measures.md` and `measures.csv`.  Where images come from a
  source of known entropy, its diagonal is drawn and each point tested against
  it.  Runs of several data sets never share a figure: each set has a folder of
  its own inside `report_dir`.
  Costs a second or two for hundreds of runs, and one for each family with
  gaps.

  Args:
    run_root: A folder with runs at any depth.
    report_dir: Where to write; made if need be.

  Returns:
    The record of what was written.  A caller with an exit status fails if
    `corrupt` or `infeasible` is not empty.

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
  paths, offenders, corrupt = [], [], [*found.corrupt]
  for data, curves in found.curves.items():
    folder = pathlib.Path(report_dir)
    if len(found.curves) > 1:
      folder /= _label(data)
    sentences = _offenders(curves)
    notes = (*sentences, *(f'Left out: {s}' for s in found.corrupt))
    paths += _write(curves, folder, label=_title(data), notes=notes)
    runs = _runs(run_root, data)
    paths += _write_gaps(runs, folder)
    paths += measures.write_measures(runs, folder, on_refused=corrupt.append)
    offenders += sentences
  return Report(
    tuple(paths),
    found.num_runs,
    tuple(corrupt),
    tuple(offenders),
    found.infeasible,
  )


def _write(curves, folder, *, label, notes):
  (folder / 'curves').mkdir(parents=True, exist_ok=True)
  title = f'{label}, test split: {sum(map(len, curves))} points'
  figure = plot.overview(curves, title=title)
  paths = [folder / 'rd_plane.png', folder / 'rd_plane.svg']
  for path in paths:
    plot.save(figure, path)
  for name, text in (
    ('table.csv', table.table_csv(curves)),
    ('table.md', table.table_md(curves, label=label, notes=notes)),
  ):
    atomic_file.write_atomically(folder / name, text)
    paths.append(folder / name)
  for curve in curves:
    paths.append(folder / 'curves' / f'curve_{curve.name}.json')
    file.write_curve(curve, paths[-1])
  return paths


def _runs(run_root, data):
  """Returns the finished runs on a data set."""
  return [
    run
    for run in run_lib.runs_below(run_root)
    if run.config.data == data and run.is_done
  ]


def _write_gaps(runs, folder):
  """Writes what curves of one run lose to separate runs, if there are both."""
  families = judges.compare_runs(runs)
  if not families:
    return []
  paths = [folder / 'one_run_gaps.png', folder / 'one_run_gaps.md']
  plot.save(plot.one_run_gaps(families), paths[0])
  atomic_file.write_atomically(paths[1], families_lib.table_md(families))
  return paths


def _title(data):
  """The set as people call it: a source by its text."""
  is_source = source.is_source(data.dataset) and not data.fake_data
  return data.dataset if is_source else _label(data)


def _label(data: config_lib.DataConfig) -> str:
  """A name for people and for a folder, another one for each data set."""
  if source.is_source(data.dataset):
    name = re.sub(r'[^\w.-]+', '_', data.dataset).strip('_')
  else:
    # A user's file goes by its name; the digest tells two of them apart.
    name = pathlib.PurePath(data.dataset).stem.lstrip('-.') or 'data'
  parts = (name, data.binarize, 'fake' * data.fake_data, data.sha256[:8])
  return '_'.join(filter(None, parts))


def _offenders(curves):
  if diagonal.diagonal_of(curves).is_true:
    return []  # Each point was tested against the truth.
  best, index = diagonal.best_point(curves)
  bar = best.results['elbo_nats'][index]
  return [
    f'{curve.name} at beta {curve.results["beta"][i]:g} is '
    f'{curve.results["elbo_nats"][i] - bar:.2f} nats below the diagonal on '
    f'test, with a standard error of '
    f'{curve.results["elbo_stderr_nats"][i]:.2f} nats.'
    for curve, i in diagonal.below_diagonal(curves)
  ]
