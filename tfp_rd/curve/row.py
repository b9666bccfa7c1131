# SPDX-License-Identifier: Apache-2.0
"""The points of a run as rows of a table, from its result files.

A column is the test split's unless its name says other: `train_rate_nats`.
No TensorFlow here.
"""

import math
from collections.abc import Iterator
from typing import Any

from tfp_rd import errors
from tfp_rd.curve import excess as excess_lib
from tfp_rd.run import directory as run_lib

__all__ = ['VALUES', 'infeasible', 'rows']

# What is measured; the last, D + R - H, where H is known.
VALUES = ('rate', 'distortion', 'elbo', 'excess')
_MEASURED = [f'{v}{e}_nats' for v in VALUES[:3] for e in ('', '_stderr')]
_PREFIXES = {'test': '', 'train': 'train_', 'validation': 'validation_'}


def rows(run: run_lib.Run) -> list[dict[str, Any]]:
  """Returns one mapping from column to number for each point of a run.

  Raises:
    UserError: A file of the run is missing or holds something else.
  """
  result = run.result
  try:
    num_pixels = math.prod(result.get('image_shape') or [math.nan])
    found = [_row(entry, num_pixels) for entry in result['points']]
    return _with_truth(found, run)
  except (ValueError, KeyError, TypeError, ArithmeticError) as e:
    path = run.path / 'result.json'
    raise errors.UserError(f'{path} is corrupt ({e!r:.80}).') from e


def _with_truth(rows, run):
  """Adds H, and how far each point is above it, where H is known."""
  if 'entropy_nats' not in run.result:
    return rows
  excesses = _excesses(run, len(rows))
  names = ('entropy_nats', 'entropy_stderr_nats')
  entropy = {name: float(run.result[name]) for name in names}
  for row, excess in zip(rows, excesses, strict=True):
    row |= entropy
    row['excess_nats'] = excess.nats
    row['excess_stderr_nats'] = excess.stderr_nats
    row['is_infeasible'] = excess_lib.is_infeasible(excess)
  return rows


def _excesses(run, num):
  try:
    found = excess_lib.excesses(run.examples)
    if len(found) != num:
      raise ValueError(f'{len(found)} points')
    return found
  except (ValueError, KeyError) as e:
    raise errors.UserError(
      f'{run.path / "examples.npz"} does not go with the result ({e!r:.80}).'
    ) from e


def infeasible(run: run_lib.Run, rows) -> Iterator[str]:
  """Yields a sentence for each of its rows that no model can have."""
  for row in rows:
    if row.get('is_infeasible'):
      yield (
        f'{run.path.name} at beta {row["beta"]:g} has D + R - H = '
        f'{row["excess_nats"]:.3f} \N{PLUS-MINUS SIGN} '
        f'{row["excess_stderr_nats"]:.3f} nats on test.'
      )


def _row(entry, num_pixels):
  row = {'beta': float(entry['beta'])}
  for split, prefix in _PREFIXES.items():
    row[f'{prefix}num_examples'] = int(entry[split]['num_examples'])
    for name in _MEASURED:
      row[f'{prefix}{name}'] = _number(entry[split], name)
    bits = -row[f'{prefix}elbo_nats'] / math.log(2)
    row[f'{prefix}bpp'] = bits / num_pixels
  return row


def _number(fields, name):
  if fields[name] is None and name.endswith('stderr_nats'):
    return math.nan  # A single image has no standard error.
  if not math.isfinite(fields[name]):
    raise ValueError(f'{name} is {fields[name]}')
  return float(fields[name])
