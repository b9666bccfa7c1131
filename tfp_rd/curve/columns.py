# SPDX-License-Identifier: Apache-2.0
"""Points of a curve as columns of numbers, the form that they have in files.

Names of columns are made here and nowhere else.  A column is the test split's
unless its name says other: `train_rate_nats`.  No TensorFlow here.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tfp_rd import errors
from tfp_rd import objective as objective_lib
from tfp_rd.curve.point import (
  CurvePoint,
  PointValue,
  SPLITS,
  SplitValues,
  STATUS,
)
from tfp_rd.estimate import Estimate

__all__ = ['PREFIXES', 'from_points', 'names', 'to_points', 'value']

PREFIXES = {name: '' if name == 'test' else f'{name}_' for name in SPLITS}
_FIELDS = {
  '{}_nats': 'nats',
  'seed_std_{}_nats': 'seed_std_nats',
  '{}_stderr_nats': 'stderr_nats',
  '{}_status': 'status',
}


class _Column(NamedTuple):
  """Where a column's numbers are, and which attribute must be there for it."""

  path: tuple[str, ...]
  needs: tuple[str, ...]


def _table() -> dict[str, _Column]:
  """Returns every column but the settings, in the order of the files."""
  table = {
    'beta': _Column(('beta',), ()),
    'objective': _Column(('objective',), ('objective',)),
    'found_beta': _Column(('found_beta',), ('found_beta',)),
    'is_one_run': _Column(('is_one_run',), ()),
  }
  for split, prefix in PREFIXES.items():
    path = (split, 'num_examples')
    table[f'{prefix}num_examples'] = _Column(path, path)
  table['is_infeasible'] = _Column(('is_infeasible',), ('excess',))
  table['num_seeds'] = _Column(('num_seeds',), ('seeds',))
  table['seeds'] = _Column(('seeds',), ('seeds',))
  for split, prefix in PREFIXES.items():
    for name in STATUS:
      for pattern, field in _FIELDS.items():
        path = (split, name)
        table[prefix + pattern.format(name)] = _Column((*path, field), path)
    for name in ('bpp', 'total_bpp'):
      table[prefix + name] = _Column((split, name), (split, 'num_examples'))
  for name in ('nats', 'stderr_nats'):
    table[f'entropy_{name}'] = _Column(('entropy', name), ('entropy',))
  for pattern, field in list(_FIELDS.items())[:3]:
    table[pattern.format('excess')] = _Column(('excess', field), ('excess',))
  return table


_TABLE = _table()
_BEFORE_SETTINGS = ('beta', 'objective', 'found_beta', 'is_one_run')


def names(
  points: Sequence[CurvePoint], settings: Sequence[str]
) -> tuple[str, ...]:
  """Returns the columns that some of the points have a number for.

  Args:
    points: Of one curve or of several.
    settings: Names of the settings, which have a column each.
  """
  known = [name for name in _TABLE if _is_there(name, points)]
  first = [name for name in known if name in _BEFORE_SETTINGS]
  return (*first, *settings, *known[len(first) :])


def value(point: CurvePoint, name: str) -> Any:
  """Returns a point's entry of a column, `None` where there is none.

  Raises:
    KeyError: There is no such column.
  """
  if name in _TABLE:
    return _walk(point, _TABLE[name].path)
  return point.settings[name]


def from_points(
  points: Sequence[CurvePoint], settings: Sequence[str]
) -> dict[str, tuple]:
  """Returns a mapping from the name of each column to its entries."""
  return {
    name: tuple(value(point, name) for point in points)
    for name in names(points, settings)
  }


def to_points(
  columns: Mapping[str, Sequence],
) -> tuple[tuple[str, ...], tuple[CurvePoint, ...]]:
  """Reads columns.

  Args:
    columns: Name to one entry a point, `beta` among them.  A column `status`
      may hold the mapping that is in a result.  A column of any other name is
      a setting.

  Returns:
    settings: The names of the settings.
    points: The points.

  Raises:
    UserError: The columns are of different lengths, or there is no `beta`.
  """
  lengths = {name: len(column) for name, column in columns.items()}
  if 'beta' not in lengths or len(set(lengths.values())) > 1:
    raise errors.UserError(
      f'got columns of lengths {lengths}; give a column beta, and columns of '
      'one length.'
    )
  known = {*_TABLE, *(f'{prefix}status' for prefix in PREFIXES.values())}
  settings = tuple(name for name in columns if name not in known)
  rows = zip(*columns.values(), strict=True)
  return settings, tuple(
    _point(dict(zip(columns, row, strict=True)), settings) for row in rows
  )


def _is_there(name, points):
  column = _TABLE[name]
  if column.path[-1] == 'status':
    return not all(point.is_usual(*column.path[:-1]) for point in points)
  if not column.needs:
    return True
  # Neither a text nor a tuple that is empty counts.
  return any(_walk(p, column.needs) not in (None, '', ()) for p in points)


def _walk(record, path):
  for name in path:
    record = None if record is None else getattr(record, name)
  return record


def _point(row, settings):
  row = {name: _number(entry) for name, entry in row.items()}
  text = row.get('objective') or ''
  is_one_run = row.get('is_one_run')
  entropy = row.get('entropy_nats')
  if entropy is not None:
    entropy = Estimate(entropy, row.get('entropy_stderr_nats') or 0.0)
  return CurvePoint(
    beta=None if row['beta'] is None else float(row['beta']),
    objective=text,
    is_one_run=_is_one_run(text) if is_one_run is None else bool(is_one_run),
    found_beta=row.get('found_beta'),
    settings={name: row[name] for name in settings},
    seeds=tuple(row.get('seeds') or ()),
    **{split: _split(row, prefix) for split, prefix in PREFIXES.items()},
    entropy=entropy,
    excess=_value(row, 'excess', status='upper_bound'),
    is_infeasible=bool(row.get('is_infeasible')),
  )


def _split(row, prefix):
  status = row.get(f'{prefix}status') or {}
  values = {
    name: _value(
      row, name, prefix=prefix, status=status.get(f'{name}_nats', usual)
    )
    for name, usual in STATUS.items()
  }
  values['elbo'] = values['elbo'] or _elbo(values)
  others = ('bpp', 'total_bpp', 'num_examples')
  return SplitValues(**values, **{n: row.get(prefix + n) for n in others})


def _elbo(values):
  """Returns -(D + R), without an error, where both are known."""
  parts = [values[name] for name in ('rate', 'distortion')]
  if None in parts:
    return None
  is_bound = all(p.status in ('exact', 'upper_bound') for p in parts)
  nats = -sum(part.nats for part in parts)
  return PointValue(nats, status='lower_bound' if is_bound else 'estimate')


def _value(row, name, *, status, prefix=''):
  columns = [prefix + pattern.format(name) for pattern in _FIELDS]
  nats, seed_std, stderr, given = map(row.get, columns)
  if nats is None:
    return None
  errors_nats = (None if n is None else float(n) for n in (stderr, seed_std))
  return PointValue(float(nats), *errors_nats, given or status)


def _number(entry):
  """Returns the entry, `None` for NaN, which JSON has not."""
  is_nan = isinstance(entry, float) and math.isnan(entry)
  return None if is_nan else entry


def _is_one_run(text):
  """Returns whether the objective of a file is one for a whole curve."""
  try:
    return objective_lib.parse(text).is_curve
  except errors.UserError:
    return False  # A curve from elsewhere, which does not say.
