# SPDX-License-Identifier: Apache-2.0
"""What the plane is asked: which model has the least D at a rate.

The first sections of `table.md`.  No TensorFlow here.
"""

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tfp_rd import errors
from tfp_rd.curve import best as best_lib
from tfp_rd.curve import diagonal
from tfp_rd.report import cell

if TYPE_CHECKING:
  from tfp_rd.curve.curve import Curve

__all__ = ['best_at_rates_md', 'best_elbo_md', 'families_md', 'rows']

_MINUS = '\N{MINUS SIGN}'
# Below, z tells next to nothing about the image.
_NO_RATE_NATS = 0.1
_BEFORE = (
  'Model and beta were chosen on validation; R and D are those of the test '
  'images, with standard errors over images.'
)
_MIXED = (
  'Two betas are neighbours of one curve, mixed by time-sharing: the second '
  'has the part of the images in brackets, and R and D are linear in it.'
)
_PAIRED = (
  'The last column is the least D less that of the next family on the same '
  'images, each moved along its line to the rate of the row (a family whose '
  'best model is a single point stays at that), with the standard error of '
  'the paired difference.'
)


def best_at_rates_md(curves: 'Sequence[Curve]') -> str:
  """Returns the section that says which model has the least D at some rates.

  Args:
    curves: Of one data set.

  Returns:
    The section; empty where no model has a rate to speak of.
  """
  found = _best_at_rates(curves)
  if not found:
    return ''
  words = [_BEFORE]
  if any(len(each.best.points) > 1 for each in found):
    words.append(_MIXED)
  if any(each.runner_up for each in found):
    words.append(_PAIRED)
  header, *lines = _rows(found)
  table = cell.table_md(header, lines, num_left=3)
  return f'## Least distortion at a rate\n\n{"  ".join(words)}\n\n{table}'


def rows(curves: 'Sequence[Curve]') -> list[list[str]]:
  """Returns that table as cells, its header first; none without a rate."""
  found = _best_at_rates(curves)
  return _rows(found) if found else []


def best_elbo_md(curves: 'Sequence[Curve]') -> str:
  """Returns the sentences on the point with the least -ELBO."""
  best = diagonal.best_point(curves)
  if best is None:
    return (
      f'No point is a bound that was measured on validation, so that none has '
      f'the least {_MINUS}ELBO.'
    )
  test = best.point.test
  text = (
    f'Least {_MINUS}ELBO, chosen on validation: `{best.name}` '
    f'{best.point.phrase}, with {cell.number(test.elbo, sign=-1)} nats at R = '
    f'{cell.number(test.rate)} nats on test.'
  )
  if test.rate.nats < _NO_RATE_NATS:
    text += (
      f'  **This model ignores z:** its rate is {max(test.rate.nats, 0):.2f}, '
      'so that z says nothing about the image, and the decoder alone has '
      'learned the images.'
    )
  return text


def families_md(curves: 'Sequence[Curve]') -> str:
  """Returns the section with a row for each family."""
  rates = [each.rate_nats for each in _best_at_rates(curves)]
  header = ['family', 'points', f'least {_MINUS}ELBO (nats)', 'its beta']
  header += ['its R (nats)', *(f'D at R = {rate:g} (nats)' for rate in rates)]
  rows = [_family(curve, rates) for curve in curves if len(curve)]
  table = cell.table_md(header, rows, num_left=1)
  words = (
    f'{_BEFORE}  Where a family has no model at a rate, the cell is empty.'
  )
  return f'## Families\n\n{words}\n\n{table}'


def _best_at_rates(curves):
  found = []
  for rate in best_lib.suiting_rates(curves):
    with contextlib.suppress(errors.UserError):  # No model has so little.
      found.append(best_lib.best_at_rate(curves, rate))
  return found


def _rows(found):
  header = ['R at most (nats)', 'family', 'beta', 'R (nats)', 'D (nats)']
  if any(each.runner_up for each in found):
    header += ['next family', 'its R (nats)', 'its D (nats)']
    header.append('D less the next one\N{RIGHT SINGLE QUOTATION MARK}s (nats)')
  return [header, *(_row(each, len(header)) for each in found)]


def _row(found, num_cells):
  cells = [f'{found.rate_nats:g}', *_model(found.best, with_label=True)]
  if found.runner_up is not None:
    cells += [*_model(found.runner_up), cell.estimate(found.difference, '+')]
  return cells + [''] * (num_cells - len(cells))


def _model(mixture, *, with_label=False):
  numbers = [cell.estimate(mixture.rate), cell.estimate(mixture.distortion)]
  return [f'`{mixture.name}`', *[mixture.label] * with_label, *numbers]


def _family(curve, rates):
  cells = [f'`{curve.name}`', str(len(curve))]
  best = diagonal.best_point([curve])
  if best is None:
    cells += [''] * 3
  else:
    test = best.point.test
    cells += [cell.number(test.elbo, sign=-1), best.point.label]
    cells.append(cell.number(test.rate))
  for rate in rates:
    try:
      at_rate = best_lib.best_at_rate([curve], rate).distortion
      cells.append(cell.estimate(at_rate))
    except errors.UserError:
      cells.append('')
  return cells
