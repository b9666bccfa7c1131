# SPDX-License-Identifier: Apache-2.0
"""The finished runs below a folder, as curves of each data set.

No TensorFlow here.
"""

import collections
import dataclasses
import functools
import itertools
import operator
import pathlib
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

import numpy as np

from tfp_rd import architecture, errors
from tfp_rd import config as config_lib
from tfp_rd.curve import row as row_lib
from tfp_rd.curve.curve import Curve
from tfp_rd.curve.point import CurvePoint, PointValue, SPLITS, STATUS
from tfp_rd.run import atomic_file
from tfp_rd.run import directory as run_lib

__all__ = ['Collection', 'collect', 'load_curves']

# Settings that each point has; others where they differ among the runs.
_ALWAYS = ('size', 'num_steps')
# Which points a run has, not what they are.
_NO_SETTINGS = ('architecture', 'eval_betas', 'eval_max_points')


class _Entry(NamedTuple):
  run: run_lib.Run
  points: tuple[CurvePoint, ...]
  settings: Mapping[str, Any]
  infeasible: list[str]

  @property
  def extent(self):
    """Draws, images and betas: how much was evaluated."""
    test = self.points[0].test
    draws = self.run.evaluation.eval_samples
    return draws, test.num_examples or 0, len(self.points)


class Collection(NamedTuple):
  """What is below a root.

  Attributes:
    curves: For each data set, its curves in the order of the architectures.
    runs: For each data set, the finished runs behind them.
    corrupt: For each run that was left out, a sentence that names it.
    infeasible: For each point that no model can have, a sentence.
  """

  curves: Mapping[config_lib.DataConfig, tuple[Curve, ...]]
  runs: Mapping[config_lib.DataConfig, tuple[run_lib.Run, ...]]
  corrupt: tuple[str, ...]
  infeasible: tuple[str, ...]

  @property
  def num_runs(self) -> int:
    """How many runs were read."""
    return sum(map(len, self.runs.values()))


def collect(*roots: atomic_file.Path) -> Collection:
  """Reads every finished run below folders; unfinished ones are passed over.

  A user's file counts by its content: runs on copies of it are of one data set.
  A run that cannot be read costs nothing but its own points.

  Args:
    *roots: Folders with runs at any depth.

  Returns:
    The curves of each data set, and what could not be read.

  Raises:
    UserError: There is no such folder.
  """
  entries, corrupt = {}, []
  runs = (run_lib.runs_below(r, on_refused=corrupt.append) for r in roots)
  for run in itertools.chain.from_iterable(runs):
    if not run.is_done:
      continue
    try:
      points = row_lib.read_points(run)
      infeasible = [*row_lib.infeasible(run, points)]
      entry = _Entry(run, points, _settings(run), infeasible)
    except errors.UserError as e:
      corrupt.append(str(e))
      continue
    # Of copies of a run that counts which was evaluated most.
    known = entries.get(run.config.digest)
    if known is None or entry.extent > known.extent:
      entries[run.config.digest] = entry
  by_key = collections.defaultdict(list)
  for entry in entries.values():
    by_key[entry.run.config.data.key].append(entry)
  # Of a file at several places the first names the data set.
  by_data = {group[0].run.config.data: group for group in by_key.values()}
  return Collection(
    {data: _curves(group) for data, group in by_data.items()},
    {data: tuple(e.run for e in group) for data, group in by_data.items()},
    tuple(corrupt),
    tuple(s for entry in entries.values() for s in entry.infeasible),
  )


def load_curves(
  root: atomic_file.Path, *, data: Optional[config_lib.DataConfig] = None
) -> tuple[Curve, ...]:
  """Reads the curves of one data set from the finished runs below `root`.

  Args:
    root: A folder with runs at any depth.  Those whose result cannot be read
      are left out, each with a warning.
    data: The data set meant, if the folder holds several.

  Returns:
    One curve a family, in the order of the architectures.  Where several seeds
    trained a whole curve each, betas that fewer seeds have than others are left
    out, and counted in `num_left_out`.

  Raises:
    UserError: There is no finished run, or several data sets to choose from.
  """
  collected = collect(root)
  for sentence in collected.corrupt:
    warnings.warn(sentence, stacklevel=2)
  choice = [
    known for known in collected.curves if data is None or known.key == data.key
  ]
  if not choice:
    raise errors.UserError(
      f'no finished run below {root}; train some first, or name another folder.'
    )
  if len(choice) > 1:
    raise errors.UserError(
      f'{root} holds runs of several data sets; choose one by data=: {choice}.'
    )
  return collected.curves[choice[0]]


def _settings(run) -> dict[str, Any]:
  config, versions = run.config, run.result.get('versions')
  # Steps that went on from a run are not those of one training.
  settings = {'warm_start': config.warm_start}
  for part in (run.model_settings, config.training, run.evaluation):
    settings |= vars(part)
  settings['options'] = _text(settings['options'])
  # Another version of the package may give other numbers.
  settings['tfp_rd'] = str(dict(versions or {}).get('tfp_rd', ''))
  return {k: v for k, v in settings.items() if k not in _NO_SETTINGS}


def _text(options):
  return ', '.join(f'{name}={options[name]!r}' for name in options)


def _curves(entries):
  """Groups the points of runs by family, then by all but the seed."""
  values = collections.defaultdict(set)
  for entry in entries:
    for name, value in entry.settings.items():
      values[name].add(str(value))
  names = [n for n in values if len(values[n]) > 1 or n in _ALWAYS]
  families = collections.defaultdict(lambda: collections.defaultdict(dict))
  for run, points, settings, _ in entries:
    family = families[run.config.model.architecture]
    shown = {name: settings[name] for name in names}
    for point in points:
      cell = (point.beta, point.objective, *map(str, shown.values()))
      if run.config.seed in family[cell]:  # Warm from another parent.
        cell = (*cell, run.config.parent)
      point = dataclasses.replace(point, settings=shown)
      family[cell].setdefault(run.config.seed, point)
  dataset = pathlib.PurePath(entries[0].run.config.data.dataset).name
  return tuple(
    _curve(name, families[name], dataset, tuple(names))
    for name in sorted(families, key=architecture.order)
  )


def _curve(name, cells, dataset, settings):
  order = sorted(cells, key=_order)
  points = tuple(_average(cells[cell]) for cell in order)
  description = f'{name} on {dataset}, on test unless named otherwise'
  return Curve(name, description, settings, points).of_all_seeds()


def _order(cell):
  """Sorts points by beta, those without one last, then by their settings."""
  beta, *texts = cell
  return beta is None, beta or 0.0, [f'{text:>20}' for text in texts]


def _average(by_seed) -> CurvePoint:
  """Averages a point over seeds."""
  points = [by_seed[seed] for seed in sorted(by_seed)]
  excess = [point.excess for point in points]
  return dataclasses.replace(
    points[0],
    seeds=tuple(sorted(by_seed)),
    **{
      split: _average_split([getattr(point, split) for point in points])
      for split in SPLITS
    },
    excess=None if None in excess else _average_value(excess),
    found_beta=_mean([point.found_beta for point in points]),
    is_infeasible=any(point.is_infeasible for point in points),
    images=_join([point.images for point in points]),
  )


def _join(images):
  return None if None in images else functools.reduce(operator.add, images)


def _average_split(splits):
  values = {
    name: _average_value([getattr(split, name) for split in splits])
    for name in STATUS
  }
  for name in ('bpp', 'total_bpp'):
    values[name] = _mean([getattr(split, name) for split in splits])
  return dataclasses.replace(splits[0], **values)


def _average_value(values) -> PointValue:
  """Averages numbers and standard errors; the spread is that of one seed."""
  nats = [value.nats for value in values]
  statuses = {value.status for value in values}
  return PointValue(
    _mean(nats),
    _mean([value.stderr_nats for value in values]),
    np.std(nats, ddof=1).item() if len(nats) > 1 else None,
    statuses.pop() if len(statuses) == 1 else 'estimate',
  )


def _mean(numbers):
  return None if None in numbers else np.mean(numbers).item()
