# SPDX-License-Identifier: Apache-2.0
"""A curve as a file: JSON that people can read, one column a line."""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Iterable

from tfp_rd import errors
from tfp_rd.curve import columns as columns_lib
from tfp_rd.curve import curve as curve_lib
from tfp_rd.run import atomic_file, sealed

__all__ = ['read_curve', 'write_curve', 'write_curves']

_DIGITS = 4


def write_curves(
  curves: Iterable[curve_lib.Curve], folder: atomic_file.Path
) -> list[pathlib.Path]:
  """Writes a file for each way in which each curve was trained.

  So the points of a file lie on one line, for programs that draw one.

  Args:
    curves: The curves.
    folder: Where to write.

  Returns:
    The paths: `curve_NAME.json` with the curve of one run, or that of the most
    points; and for others `curve_NAME_OBJECTIVE_DIGITS.json`.

  Raises:
    OSError: A file cannot be written.
  """
  paths = []
  for curve in curves:
    parts = curve.of_one_setting()
    for n, part in enumerate(parts):
      text = _setting(part) if len(parts) > 1 else ''
      description = ': '.join(filter(None, (curve.description, text)))
      name = f'curve_{curve.name}{_suffix(part, text) if n else ""}.json'
      paths.append(pathlib.Path(folder) / name)
      write_curve(dataclasses.replace(part, description=description), paths[-1])
  return paths


def _setting(curve):
  """Returns how the points of a curve were trained, in words."""
  point = curve.points[0]
  pairs = {'objective': point.objective, **point.settings}.items()
  return ', '.join(f'{name} {value}' for name, value in pairs if value != '')


def _suffix(curve, text):
  """Returns the end of a name, the same in every report of the same runs."""
  objective = curve.points[0].objective.partition('(')[0]
  digits = hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
  return ''.join(f'_{part}' for part in (objective, digits) if part)


def write_curve(curve: curve_lib.Curve, path: atomic_file.Path) -> None:
  """Writes a curve file, whole or not at all.

  Args:
    curve: The curve.
    path: The file.

  Raises:
    OSError: It cannot be written.
  """
  columns = columns_lib.from_points(curve.points, curve.settings)
  lines = [f'\n {_json(name)}: {_json(columns[name])}' for name in columns]
  fields = {
    'name': curve.name,
    'description': curve.description,
    'results': columns,
  }
  digest = sealed.digest(json.loads(_json(fields)))
  text = (
    f'{{"name": {_json(curve.name)}, '
    f'"description": {_json(curve.description)}, '
    f'"results": {{{", ".join(lines)}}},\n'
    f' "{sealed.KEY}": {_json(digest)}}}\n'
  )
  atomic_file.write_atomically(path, text)


def read_curve(path: atomic_file.Path) -> curve_lib.Curve:
  """Returns the curve that `write_curve` wrote, or that a user did.

  Raises:
    UserError: The file is no curve.
    OSError: It cannot be read.
  """
  try:
    fields = json.loads(pathlib.Path(path).read_bytes())
    # A curve from elsewhere has no digest.
    expected = fields.pop(sealed.KEY, None)
    if expected not in (None, sealed.digest(fields)):
      raise ValueError('its content does not have the digest that it names')
    return curve_lib.Curve.from_columns(
      fields['name'], fields['description'], fields['results']
    )
  # Not JSON, nested too deeply, or something else.
  except (
    *(ValueError, KeyError, TypeError, AttributeError),
    *(RecursionError, errors.UserError),
  ) as e:
    raise errors.UserError(f'{path} is no curve file ({e!r:.80}).') from e


def _json(value):
  return json.dumps(value, allow_nan=False)
