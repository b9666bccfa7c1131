# SPDX-License-Identifier: Apache-2.0
"""Tables of whatever measures lie beside the results of runs.

No TensorFlow here: values are read from files, and no measure is known by name.
"""

import csv
import io
import math
import pathlib
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Optional, TYPE_CHECKING

from tfp_rd import architecture
from tfp_rd.estimate import Value
from tfp_rd.run import atomic_file, measures

if TYPE_CHECKING:
  from tfp_rd.run import directory

__all__ = ['Row', 'cell', 'rows_of', 'table_csv', 'table_md', 'write_measures']

_NAMES = ('family', 'run', 'beta', 'measure')
_COLUMNS = ('name', 'value', 'stderr', 'unit', 'status', 'of', 'cap_nats')
_COLUMNS += ('split', 'num_examples', 'num_samples', 'reason')
_TITLE = """\
# Measures

Each value stands with its standard error.  A status in brackets says what the
expectation of the value is to the quantity that is measured; without one they
are equal.  `measures.csv` has the numbers of images and draws, too."""


class Row(NamedTuple):
  """What one measure returned at one beta of a run.

  Attributes:
    family: The architecture.
    run: The name of the run's directory.
    beta: The price of rate; `None` for a run without.
    measure: The measure's text.
    values: The values.
  """

  family: str
  run: str
  beta: Optional[float]
  measure: str
  values: tuple[Value, ...]


def write_measures(
  runs: 'Iterable[directory.Run]',
  folder: atomic_file.Path,
  *,
  on_refused: Callable[[str], Any] = warnings.warn,
) -> list[pathlib.Path]:
  """Writes `measures.md` and `measures.csv`, if any run has measures.

  Args:
    runs: Finished runs of one data set.
    folder: Where to write.
    on_refused: Called with a sentence for each file of a measure that is
      left out.

  Returns:
    The paths.

  Raises:
    OSError: A file cannot be written.
  """
  rows, sentences = rows_of(runs)
  for sentence in sentences:
    on_refused(sentence)
  if not rows:
    return []
  folder = pathlib.Path(folder)
  paths = [folder / 'measures.md', folder / 'measures.csv']
  atomic_file.write_atomically(paths[0], table_md(rows))
  atomic_file.write_atomically(paths[1], table_csv(rows))
  return paths


def rows_of(
  runs: 'Iterable[directory.Run]',
) -> tuple[list[Row], list[str]]:
  """Reads the measures of runs.

  Args:
    runs: Finished runs.

  Returns:
    rows: By measure, then by family, beta and run.
    sentences: One for each file that was left out.
  """
  rows, sentences = [], []
  for run in runs:
    files, refused = measures.read_all(run)
    sentences += refused
    family = run.config.model.architecture
    rows += [
      Row(family, run.path.name, point.beta, file.measure, point.values)
      for file in files
      for point in file.points
    ]
  return sorted(rows, key=_order), sentences


def _order(row):
  beta = math.inf if row.beta is None else row.beta
  return row.measure, beta, architecture.order(row.family), row.run


def table_csv(rows: Sequence[Row]) -> str:
  """Returns a line for each value, with all of its fields."""
  buffer = io.StringIO()
  writer = csv.writer(buffer, lineterminator='\n')
  writer.writerow((*_NAMES, *_COLUMNS))
  for row in rows:
    names = [getattr(row, name) for name in _NAMES]
    for value in row.values:
      fields = {
        **value._asdict(),
        'value': value.number,
        'stderr': value.error,
        'unit': value.unit or 'nats',
      }
      writer.writerow([*names, *(fields[name] for name in _COLUMNS)])
  return buffer.getvalue()


def table_md(rows: Sequence[Row]) -> str:
  """Returns a page with a table for each measure, and a column for each value.

  A row goes by its family, and by its run where the family is not enough.
  """
  sections = [_TITLE]
  for text in dict.fromkeys(row.measure for row in rows):
    here = [row for row in rows if row.measure == text]
    sections += [f'## `{text}`', _table(here), _notes(here)]
  return '\n\n'.join(filter(None, sections)) + '\n'


def _table(rows):
  columns = {}
  for row in rows:
    columns |= {value.name: value.unit or 'nats' for value in row.values}
  keys = [(row.family, row.beta) for row in rows]
  is_plain = len(set(keys)) == len(keys)
  header = ['family' if is_plain else 'run', 'beta']
  header += [f'{name} ({unit})' for name, unit in columns.items()]
  lines = [header, ['---'] + ['---:'] * (len(header) - 1)]
  for row in rows:
    found = {value.name: value for value in row.values}
    beta = '' if row.beta is None else f'{row.beta:g}'
    cells = [cell(found[n]) if n in found else '' for n in columns]
    lines.append([f'`{row.family if is_plain else row.run}`', beta, *cells])
  return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def cell(value: Value) -> str:
  """Returns a value with its error, and what is to be said of it, in words."""
  if value.number is None:
    return 'undefined'
  text = f'{value.number:.3f}'
  text += '' if value.error is None else f' ± {value.error:.3f}'
  words = [] if value.status == 'exact' else [value.status.replace('_', ' ')]
  if value.cap_nats is not None:
    words.append(f'at most {value.cap_nats:.3f}')
  return f'{text} ({", ".join(words)})' if words else text


def _notes(rows):
  """Returns the reasons, each once with the values and points that have it."""
  points = {}
  for row in rows:
    beta = '' if row.beta is None else f' at beta {row.beta:g}'
    for value in row.values:
      if value.reason:
        key = (value.name, value.status, value.reason)
        points.setdefault(key, []).append(f'`{row.family}`{beta}')
  return '\n'.join(
    f'- {name} ({status.replace("_", " ")}): {reason}; '
    f'{"everywhere" if len(where) == len(rows) else ", ".join(where)}.'
    for (name, status, reason), where in points.items()
  )
