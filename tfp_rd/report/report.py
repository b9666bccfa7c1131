# SPDX-License-Identifier: Apache-2.0
"""Writes a report of the runs in a folder: figures, tables and curve files.

It reads result files alone, so that it can be written again years later.
No TensorFlow here.
"""

import collections
import hashlib
import pathlib
from typing import NamedTuple

from tfp_rd import errors
from tfp_rd.curve import collection, diagonal, file, judges
from tfp_rd.curve import families as families_lib
from tfp_rd.report import data_label, measures, picture_figures, plot, table
from tfp_rd.run import atomic_file

__all__ = ['Report', 'write_report']

Path = atomic_file.Path


_HEADLINES = {
  'by_beta': 'one curve, from a small beta to a large one',
  'at_beta_1': 'each family at beta 1',
  'on_frontier': 'along the frontier, by rising rate',
}


class Report(NamedTuple):
  """What was written, and what is wrong with the runs.

  Attributes:
    paths: The files, figures first.
    num_runs: Finished runs behind them.
    corrupt: For each run that was left out, a sentence that names it.
    below_diagonal: For each test point too good to be believed, a sentence.
    infeasible: For each test point below a known entropy, a sentence: whatever
      measured it is wrong.
    collected: The finished runs.
  """

  paths: tuple[pathlib.Path, ...]
  num_runs: int
  corrupt: tuple[str, ...]
  below_diagonal: tuple[str, ...]
  infeasible: tuple[str, ...]
  collected: collection.Collection


def write_report(run_root: Path, report_dir: Path) -> Report:
  """Draws and tabulates every finished run below a folder.

  Writes `rd_plane.png`, `rd_plane.svg`, `table.csv`, `table.md` and
  `curves/curve_NAME.json`, a file for each way in which a family was trained.
  Where curves of one run stand beside separate runs, `rd_plane` has the curves
  alone, and `rd_plane_separate.png` all points; `one_run_gaps.png` and
  `one_run_gaps.md` compare them.  Where runs were measured, `measures.md` and
  `measures.csv`.  Where images come from a source of known entropy, its
  diagonal is drawn and each point tested against it.  Runs of several data sets
  never share a figure: each set has a folder of its own inside `report_dir`.
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
  collected = collection.collect(run_root)
  if not collected.curves:
    raise errors.UserError(
      f'no finished run below {run_root}; train some first, or name another '
      'folder.' + ''.join(f' {sentence}' for sentence in collected.corrupt)
    )
  folders = _folders(list(collected.curves))
  paths, offenders, corrupt = [], [], [*collected.corrupt]
  for data, curves in collected.curves.items():
    folder = pathlib.Path(report_dir)
    if len(collected.curves) > 1:
      folder /= folders[data]
    sentences = _offenders(curves)
    notes = (*sentences, *(f'Left out: {s}' for s in collected.corrupt))
    paths += _write(curves, folder, label=data_label.title(data), notes=notes)
    runs = collected.runs[data]
    paths += _write_gaps(runs, folder)
    paths += _write_pictures(curves, runs, folder, label=data_label.title(data))
    paths += measures.write_measures(runs, folder, on_refused=corrupt.append)
    offenders += sentences
  return Report(
    tuple(paths),
    collected.num_runs,
    tuple(corrupt),
    tuple(offenders),
    collected.infeasible,
    collected,
  )


def _write(curves, folder, *, label, notes):
  (folder / 'curves').mkdir(parents=True, exist_ok=True)
  paths = _draw(curves, folder, label)
  for name, text in (
    ('table.csv', table.table_csv(curves)),
    ('table.md', table.table_md(curves, label=label, notes=notes)),
  ):
    atomic_file.write_atomically(folder / name, text)
    paths.append(folder / name)
  return paths + file.write_curves(curves, folder / 'curves')


def _draw(curves, folder, label):
  """Draws lines alone where there are lines, and beside it all points."""
  shown = [curve.lines_alone() for curve in curves]
  figure = plot.overview(shown, title=_headline(shown, label))
  paths = [folder / 'rd_plane.png', folder / 'rd_plane.svg']
  for path in paths:
    plot.save(figure, path)
  if shown != list(curves):
    paths.append(folder / 'rd_plane_separate.png')
    figure = plot.overview(curves, title=_headline(curves, label))
    plot.save(figure, paths[-1])
  return paths


def _headline(curves, label):
  num_lines = sum(len(curve.one_run_lines()) for curve in curves)
  num_single = sum(len(curve.without_lines()) for curve in curves)
  counts = {'curves of one run': num_lines, 'separate points': num_single}
  words = [f'{number} {name}' for name, number in counts.items() if number]
  return f'{label}, test split: {", ".join(words)}'


def _write_gaps(runs, folder):
  """Writes what curves of one run lose to separate runs, if there are both."""
  families = judges.compare_runs(runs)
  if not families:
    return []
  paths = [folder / 'one_run_gaps.png', folder / 'one_run_gaps.md']
  plot.save(plot.one_run_gaps(families), paths[0])
  atomic_file.write_atomically(paths[1], families_lib.table_md(families))
  return paths


def _write_pictures(curves, runs, folder, *, label):
  """Draws what models reconstruct and generate, where runs have pictures."""
  # What cannot be read is said with the page.
  shown = picture_figures.of_points(curves, runs)
  chosen = {
    'by_beta': picture_figures.along_beta(curves, shown),
    'at_beta_1': picture_figures.at_beta_1(shown),
    'on_frontier': picture_figures.along_frontier(curves, shown),
  }
  paths = []
  for name, points in chosen.items():
    if points:
      title = f'{label}: {_HEADLINES[name]}'
      paths.append(folder / f'pictures_{name}.png')
      plot.save(picture_figures.draw(points, title=title), paths[-1])
  return paths


def _folders(data_sets):
  """Returns a folder for each data set, no two the same."""
  labels = [data_label.label(data) for data in data_sets]
  # Some file systems take capital and small letters as equal.
  taken = collections.Counter(label.lower() for label in labels)
  return {
    data: label if taken[label.lower()] == 1 else f'{label}_{_digest(data)}'
    for data, label in zip(data_sets, labels, strict=True)
  }


def _digest(data):
  key = repr(data.key)
  return hashlib.sha256(key.encode()).hexdigest()[:16]


def _offenders(curves):
  line = diagonal.diagonal_of(curves)
  if line is None or line.is_true:
    return []  # With a known entropy each point was tested against it.
  return [
    f'{name} {point.phrase} is {point.test.elbo.nats + line.nats:.2f} nats '
    'below the diagonal on test, with a standard error of '
    f'{point.test.elbo.stderr_nats:.2f} nats.'
    for name, point in diagonal.below_diagonal(curves)
  ]
