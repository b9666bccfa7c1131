# SPDX-License-Identifier: Apache-2.0
"""A curve is what one family of models reaches in the plane, beta by beta.

Finished runs become curves here, and curves become files, without TensorFlow.
A column is the test split's unless its name says other: `train_rate_nats`.
"""

import collections
import dataclasses
import pathlib
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

import numpy as np

from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd.curve import row as row_lib
from tfp_rd.run import atomic_file
from tfp_rd.run import directory as run_lib

__all__ = [
  'Collection',
  'Curve',
  'collect',
  'load_curves',
]

# Settings that are always told; others where they differ among the runs.
_SETTINGS = ('objective', 'size', 'num_steps')


@dataclasses.dataclass(frozen=True)
class Curve:
  """One family's points, sorted by beta.

  Points of one beta under several settings (steps, sizes) stand side by side;
  seeds of one setting are averaged, and so are their standard errors: all saw
  the same images, so that more seeds do not shrink them.

  Attributes:
    name: The architecture, such as `'-+v'`.
    description: What it is, in words.
    results: Column name to one value a point, `None` where there is none.
  """

  name: str
  description: str
  results: Mapping[str, tuple]

  def __len__(self):
    return len(self.results['beta'])

  def column(self, name: str) -> np.ndarray:
    """Return a column of numbers as float64 `[P]`, NaN where there is none.

    Raises:
      UserError: The curve has no such column.
    """
    if name not in self.results:
      raise errors.UserError(
        f'curve {self.name} has no column {name!r}; it has {[*self.results]}.'
      )
    return np.array(self.results[name], np.float64)

  def is_one_run(self) -> np.ndarray:
    """Return which points, `[P]`, are of a run that trained a whole curve."""
    # Curves from elsewhere do not tell.
    objectives = self.results.get('objective', ('',) * len(self))
    return np.array([o.startswith('multi_rate') for o in objectives], bool)

  def one_run_lines(self) -> list[np.ndarray]:
    """Return the places of each one-run curve's points, curve by curve."""
    names = list(self.results)
    stop = 'num_examples' if 'num_examples' in names else names[1]
    settings = [self.results[n] for n in names[1 : names.index(stop)]]
    lines = collections.defaultdict(list)
    for place in np.flatnonzero(self.is_one_run()):
      lines[tuple(str(column[place]) for column in settings)].append(place)
    return [np.array(places) for places in lines.values()]


class Collection(NamedTuple):
  """What was found below a root.

  Attributes:
    curves: For each data set, its curves in the order of the architectures.
    num_runs: Runs behind them.
    corrupt: For each run that was left out, a sentence that names it.
    infeasible: For each point that no model can have, a sentence.
  """

  curves: Mapping[config_lib.DataConfig, tuple[Curve, ...]]
  num_runs: int
  corrupt: tuple[str, ...]
  infeasible: tuple[str, ...]


def collect(root: atomic_file.Path) -> Collection:
  """Read every finished run below `root`; unfinished ones are passed over.

  Args:
    root: A folder with runs at any depth.

  Returns:
    The curves of each data set, and what could not be read.

  Raises:
    UserError: There is no such folder.
  """
  found, corrupt, infeasible = {}, [], []
  settings = {}
  for run in run_lib.runs_below(root, on_refused=corrupt.append):
    if run.is_done and run.config not in found:
      try:
        found[run.config] = row_lib.rows(run)
        settings[run.config] = _settings(run)
        infeasible += row_lib.infeasible(run, found[run.config])
      except errors.UserError as e:
        corrupt.append(str(e))
  by_data = collections.defaultdict(dict)
  for config in found:
    by_data[config.data.key][config] = found[config]
  curves = {
    runs_data(runs): _curves(runs, [settings[c] for c in runs])
    for runs in by_data.values()
  }
  return Collection(curves, len(found), tuple(corrupt), tuple(infeasible))


def runs_data(runs):
  """The data set of runs that share one; a file by its first path."""
  return next(iter(runs)).data


def load_curves(
  root: atomic_file.Path, *, data: Optional[config_lib.DataConfig] = None
) -> tuple[Curve, ...]:
  """Read the curves of one data set from the finished runs below `root`.

  Args:
    root: A folder with runs at any depth.  Those whose result cannot be read
      are left out, each with a warning.
    data: The data set meant, if the folder holds several.

  Returns:
    One curve a family, in the order of the architectures.

  Raises:
    UserError: There is no finished run, or several data sets to choose from.
  """
  found = collect(root)
  for sentence in found.corrupt:
    warnings.warn(sentence, stacklevel=2)
  choice = [d for d in found.curves if data in (None, d)]
  if not choice:
    raise errors.UserError(
      f'no finished run below {root}; train some first, or name another folder.'
    )
  if len(choice) > 1:
    raise errors.UserError(
      f'{root} holds runs of several data sets; choose one by data=: {choice}.'
    )
  return found.curves[choice[0]]


def _curves(runs, settings):
  """Groups the rows of each run's config: by family, then all but the seed."""
  differs = {k: len({s[k] for s in settings}) > 1 for k in settings[0]}
  varied = [k for k in differs if differs[k] or k in _SETTINGS]
  families = collections.defaultdict(lambda: collections.defaultdict(dict))
  for (config, rows), setting in zip(runs.items(), settings, strict=True):
    told = {key: setting[key] for key in varied}
    for row in rows:
      cell = (row['beta'], *told.values())
      family = families[config.model.architecture]
      if config.seed in family[cell]:  # Warm from another parent.
        cell = (*cell, config.parent)
      family[cell][config.seed] = {'beta': row['beta'], **told, **row}
  return tuple(
    _curve(name, families[name], config.data.dataset)
    for name in sorted(families, key=lambda n: [*map('-+v'.find, n)])
  )


def _settings(run) -> dict[str, Any]:
  config = run.config
  settings = {'objective': config.objective.label}
  settings['warm_start'] = config.warm_start
  for part in (run.model_settings, config.training, config.evaluation):
    settings |= vars(part)
  # Which points there are, not what they are; and a mapping of its own.
  for name in ('architecture', 'eval_betas', 'options'):
    del settings[name]
  return settings


def _curve(name, cells, dataset):
  order = sorted(cells, key=lambda c: (c[0], *(f'{v!s:>20}' for v in c[1:])))
  points = [_average(cells[cell]) for cell in order]
  return Curve(
    name,
    f'{name} on {pathlib.Path(dataset).name}, on test unless named otherwise',
    {key: tuple(point[key] for point in points) for key in points[0]},
  )


def _average(by_seed):
  """Averages over seeds; spread as the standard deviation of one seed."""
  first = next(iter(by_seed.values()))
  measured = [key for key in first if key.endswith(('_nats', 'bpp'))]
  point = {key: first[key] for key in first if key not in measured}
  point |= {'num_seeds': len(by_seed), 'seeds': sorted(by_seed)}
  if 'is_infeasible' in first:
    point['is_infeasible'] = any(r['is_infeasible'] for r in by_seed.values())
  for key in measured:
    values = np.array([row[key] for row in by_seed.values()])
    point[key] = values.mean().item()
    prefix, _, value = key.removesuffix('_nats').rpartition('_')
    if value in row_lib.VALUES:
      name = f'{prefix}_seed_std_{value}_nats'.removeprefix('_')
      point[name] = values.std(ddof=1).item() if len(values) > 1 else None
  return {k: None if v != v else v for k, v in point.items()}  # NaN != NaN.
