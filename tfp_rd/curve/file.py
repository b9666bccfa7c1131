# SPDX-License-Identifier: Apache-2.0
"""A curve as a file: JSON that people can read, one column a line."""

import json
import pathlib

from tfp_rd import errors
from tfp_rd.curve import curve as curve_lib
from tfp_rd.run import atomic_file

__all__ = ['read_curve', 'write_curve']


def write_curve(curve: curve_lib.Curve, path: atomic_file.Path) -> None:
  """Write a curve file, whole or not at all."""
  text = json.dumps(vars(curve), allow_nan=False)
  for name in curve.results:  # One line each, so that people can read them.
    text = text.replace(f'"{name}": [', f'\n "{name}": [', 1)
  atomic_file.write_atomically(path, text + '\n')


def read_curve(path: atomic_file.Path) -> curve_lib.Curve:
  """Return the curve that `write_curve` wrote.

  Raises:
    UserError: The file is no curve.
    OSError: It cannot be read.
  """
  try:
    fields = json.loads(pathlib.Path(path).read_text())
    results = {key: tuple(value) for key, value in fields['results'].items()}
    if {len(results['beta'])} != set(map(len, results.values())):
      raise ValueError('columns of different lengths')
    return curve_lib.Curve(fields['name'], fields['description'], results)
  except (ValueError, KeyError, TypeError, AttributeError) as e:
    raise errors.UserError(f'{path} is no curve file ({e!r:.80}).') from e
