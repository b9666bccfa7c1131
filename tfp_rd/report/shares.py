# SPDX-License-Identifier: Apache-2.0
"""Shares of losses beside the runs that they were measured on, and their table.

`shares.json` in a run's directory holds what `tfp_rd.measure` found at each of
its betas; the table is made of these files alone.  No TensorFlow here.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional

from tfp_rd import errors
from tfp_rd.estimate import Estimate
from tfp_rd.run import atomic_file
from tfp_rd.run import directory as run_lib

__all__ = ['COLUMNS', 'Row', 'cells', 'header', 'read', 'table_md', 'write']

# Names of measures, and of their columns.
COLUMNS = {
  'rate': 'R',
  'distortion': 'D',
  'information': 'I',
  'excess': 'D + R \N{MINUS SIGN} H',
  'marginal_share': 'marginal: R \N{MINUS SIGN} I',
  'decoder_share': 'decoder: D \N{MINUS SIGN} (H \N{MINUS SIGN} I)',
  'encoder_share': 'encoder',
}


class Row(NamedTuple):
  """What was measured at one beta of a run.

  Attributes:
    family: The architecture.
    beta: The price of rate.
    measures: Name to estimate in nats, the names those of `COLUMNS`; there is
      no `encoder_share` where z has more than two dimensions.
    checks: Name to number: what tells whether the integrals are sound, `None`
      where they are known not to be.
    run: The name of the run's directory.
  """

  family: str
  beta: float
  measures: Mapping[str, Estimate]
  checks: Mapping[str, Optional[float]]
  run: str


def write(
  run: run_lib.Run, rows: Sequence[Row], *, settings: Mapping[str, Any]
) -> None:
  """Writes `shares.json`, whole or not at all.

  Args:
    run: The run.
    rows: One for each of its betas.
    settings: How it was measured, plain numbers; others are other shares.
  """
  points = [
    {
      'beta': row.beta,
      'measures': [
        {
          'name': name,
          'value_nats': value.nats,
          'stderr_nats': value.stderr_nats,
          'status': 'estimate',
        }
        for name, value in row.measures.items()
      ],
      'checks': {
        # JSON has no infinity.
        name: value if math.isfinite(value) else None
        for name, value in row.checks.items()
      },
    }
    for row in rows
  ]
  content = {'schema': 1, 'settings': dict(settings), 'points': points}
  text = json.dumps(content, indent=1, allow_nan=False)
  atomic_file.write_atomically(run.path / 'shares.json', text)


def read(run: run_lib.Run, settings: Mapping[str, Any]) -> list[Row]:
  """Returns the rows of a run; none if they are not there with these settings.

  Raises:
    UserError: The file is not what `write` wrote.
  """
  path = run.path / 'shares.json'
  if not path.exists():
    return []
  try:
    content = json.loads(path.read_text())
    if content['settings'] != dict(settings):
      return []
    return [_row(run, point) for point in content['points']]
  except (ValueError, KeyError, TypeError) as e:
    raise errors.UserError(f'{path} is corrupt ({e!r:.80}); remove it.') from e


def _row(run, point):
  measures = {
    m['name']: Estimate(m['value_nats'], m['stderr_nats'])
    for m in point['measures']
  }
  if unknown := measures.keys() - COLUMNS.keys():
    raise ValueError(f'unknown {unknown}')
  family = run.config.model.architecture
  return Row(family, point['beta'], measures, point['checks'], run.path.name)


def header() -> list[str]:
  """Returns the titles of the columns of `cells`."""
  return ['family', 'beta', *COLUMNS.values()]


def cells(row: Row) -> list[str]:
  """Returns a row as words: values with their standard errors, in nats."""
  found = [row.measures.get(name) for name in COLUMNS]
  words = [
    '' if v is None else f'{v.nats:.3f} ± {v.stderr_nats:.3f}' for v in found
  ]
  if words[-1] and not row.checks.get('is_sound'):
    words[-1] += ' (not resolved)'
  return [row.family, f'{row.beta:g}', *words]


def table_md(rows: Sequence[Row]) -> str:
  """Returns the table as Markdown, sorted by beta and then as given.

  Runs go by their families, and by their own names where these are not enough.
  """
  points = [(row.family, row.beta) for row in rows]
  is_plain = len(set(points)) == len(points)
  lines = [header(), ['---'] + ['---:'] * (len(COLUMNS) + 1)]
  for row in sorted(rows, key=lambda r: r.beta):
    family, *values = cells(row)
    lines.append([f'`{family if is_plain else row.run}`', *values])
  return ''.join(f'| {" | ".join(line)} |\n' for line in lines)
