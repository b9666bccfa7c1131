# SPDX-License-Identifier: Apache-2.0
"""A curve as a file: JSON that people can read, one column a line."""

import json
import pathlib

from tfp_rd import errors
from tfp_rd.curve import columns as columns_lib
from tfp_rd.curve import curve as curve_lib
from tfp_rd.run import atomic_file, sealed

__all__ = ['read_curve', 'write_curve']


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
