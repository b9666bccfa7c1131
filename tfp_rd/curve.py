# SPDX-License-Identifier: Apache-2.0
"""A curve is what one family of models reaches in the plane, beta by beta.

Finished runs become curves here, and curves become files, without TensorFlow.
The columns of a curve are the test split's where their name says no other:
`rate_nats`, but `train_rate_nats` and `validation_rate_nats`.
"""

import collections
import dataclasses
import json
import math
import os
import pathlib
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional, Union

import numpy as np

from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd import run as run_lib

__all__ = [
  'Collection',
  'Curve',
  'collect',
  'load_curves',
  'read_curve',
  'write_curve',
]

Path = Union[str, os.PathLike]

_VALUES = ('rate', 'distortion', 'elbo')
_PREFIXES = {'test': '', 'train': 'train_', 'validation': 'validation_'}
# Settings that are always told; others only where they differ among the runs.
_SETTINGS = ('objective', 'size', 'num_steps')


@dataclasses.dataclass(frozen=True)
class Curve:
  """One family's points, sorted by beta.

  Points of one beta under several settings (steps, sizes) stand side by side;
  seeds of one setting are averaged.  Standard errors are those of one seed on
  average: all seeds saw the same images, so that more seeds do not shrink them.

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
    """Returns a column of numbers as float64 `[P]`, NaN where there is none.

    Raises:
      UserError: The curve has no such column.
    """
    if name not in self.results:
      raise errors.UserError(
        f'curve {self.name} has no column {name!r}; it has '
        f'{", ".join(self.results)}.'
      )
    return np.array(self.results[name], np.float64)


class Collection(NamedTuple):
  """What was found below a root.

  Attributes:
    curves: For each data set, its curves in the order of the architectures.
    num_runs: Runs behind them.
    corrupt: For each run that was left out, a sentence that names it.
  """

  curves: Mapping[config_lib.DataConfig, tuple[Curve, ...]]
  num_runs: int
  corrupt: tuple[str, ...]


def collect(root: Path) -> Collection:
  """Reads every finished run below `root`; unfinished ones are passed over.

  Args:
    root: A folder with runs at any depth.

  Returns:
    The curves of each data set, and what could not be read.

  Raises:
    UserError: There is no such folder.
  """
  found, corrupt = {}, []
  for run in run_lib.runs_below(root):
    if run.is_done and run.config not in found:
      try:
        found[run.config] = _rows(run)
      except errors.UserError as e:
        corrupt.append(str(e))
  by_data = collections.defaultdict(dict)
  for config, rows in found.items():
    by_data[config.data][config] = rows
  curves = {data: _curves(runs) for data, runs in by_data.items()}
  return Collection(curves, len(found), tuple(corrupt))


def load_curves(
  root: Path, *, data: Optional[config_lib.DataConfig] = None
) -> tuple[Curve, ...]:
  """Reads the curves of one data set from the finished runs below `root`.

  Runs whose result cannot be read are left out, each with a warning.

  Args:
    root: A folder with runs at any depth.
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
      f'{root} holds runs of {len(choice)} data sets; choose one by data=: '
      f'{", ".join(map(repr, choice))}.'
    )
  return found.curves[choice[0]]


def write_curve(curve: Curve, path: Path) -> None:
  """Writes a curve file, whole or not at all."""
  text = json.dumps(vars(curve), indent=1, allow_nan=False) + '\n'
  run_lib.write_atomically(path, text)


def read_curve(path: Path) -> Curve:
  """Returns the curve that `write_curve` wrote.

  Raises:
    UserError: The file is no curve.
    OSError: It cannot be read.
  """
  try:
    fields = json.loads(pathlib.Path(path).read_text())
    results = {key: tuple(value) for key, value in fields['results'].items()}
    if len({len(results['beta']), *map(len, results.values())}) != 1:
      raise ValueError('columns of different lengths')
    return Curve(fields['name'], fields['description'], results)
  except (ValueError, KeyError, TypeError, AttributeError) as e:
    raise errors.UserError(f'{path} is no curve file ({e!r:.80}).') from e


def _rows(run):
  """One mapping from column to number for each point of a run."""
  result = run.result
  try:
    num_pixels = math.prod(result.get('image_shape') or [0])
    return [_row(entry, num_pixels) for entry in result['points']]
  except (ValueError, KeyError, TypeError, OverflowError) as e:
    path = run.path / 'result.json'
    raise errors.UserError(f'{path} is corrupt ({e!r:.80}).') from e


def _row(entry, num_pixels):
  row = {'beta': float(entry['beta'])}
  for split, prefix in _PREFIXES.items():
    row[f'{prefix}num_examples'] = int(entry[split]['num_examples'])
    for value in _VALUES:
      number = float(entry[split][f'{value}_nats'])
      error = entry[split][f'{value}_stderr_nats']
      if not math.isfinite(number):
        raise ValueError(f'{split} {value}_nats is {number}')
      row[f'{prefix}{value}_nats'] = number
      row[f'{prefix}{value}_stderr_nats'] = (
        math.nan if error is None else float(error)
      )
    bits = -row[f'{prefix}elbo_nats'] / math.log(2)
    row[f'{prefix}bpp'] = bits / num_pixels if num_pixels else math.nan
  return row


def _curves(runs):
  """Groups the rows of each run's config: by family, then all but the seed."""
  settings = {config: _settings(config) for config in runs}
  varied = [
    key
    for key in next(iter(settings.values()))
    if key in _SETTINGS or len({s[key] for s in settings.values()}) > 1
  ]
  families = collections.defaultdict(lambda: collections.defaultdict(dict))
  for config, rows in runs.items():
    told = {key: settings[config][key] for key in varied}
    for row in rows:
      cell = (row['beta'], *told.values())
      family = families[config.model.architecture]
      family[cell][config.seed] = {'beta': row['beta'], **told, **row}
  return tuple(
    _curve(name, families[name], next(iter(runs)).data.dataset)
    for name in sorted(families, key=lambda n: [*map('-+v'.find, n)])
  )


def _settings(config) -> dict[str, Any]:
  settings = vars(config.model) | vars(config.training)
  settings |= vars(config.evaluation)
  del settings['architecture']
  kind, fields = config_lib.parse_call(config.objective)
  told = ', '.join(f'{k}={v!r}' for k, v in fields.items() if k != 'beta')
  return {'objective': f'{kind}({told})' if told else kind} | settings


def _curve(name, cells, dataset):
  order = sorted(cells, key=lambda c: (c[0], *(f'{v!s:>20}' for v in c[1:])))
  points = [_average(cells[cell]) for cell in order]
  return Curve(
    name,
    f'encoder {name[:1]}, decoder {name[1:2]}, marginal {name[2:]} on '
    f'{pathlib.PurePath(dataset).name}; test split unless a name says other',
    {key: tuple(point[key] for point in points) for key in points[0]},
  )


def _average(by_seed):
  """Averages over seeds; spread as the standard deviation of one seed."""
  first = next(iter(by_seed.values()))
  point = {key: first[key] for key in first if not _is_measured(key)}
  point |= {'num_seeds': len(by_seed), 'seeds': sorted(by_seed)}
  for key in filter(_is_measured, first):
    values = np.array([row[key] for row in by_seed.values()])
    point[key] = _or_none(values.mean())
    prefix, _, value = key.rpartition('_nats')[0].rpartition('_')
    if value in _VALUES:
      spread = values.std(ddof=1) if len(values) > 1 else math.nan
      name = f'{prefix}_seed_std_{value}_nats'.removeprefix('_')
      point[name] = _or_none(spread)
  return point


def _is_measured(key):
  return key.endswith(('_nats', 'bpp'))


def _or_none(value):
  return None if math.isnan(value) else float(value)
