# SPDX-License-Identifier: Apache-2.0
"""Objectives are values: what to minimise, by whom, and how to choose.

A new objective is one new file and one line in the table.  It is a frozen
dataclass of plain numbers that derives from `Objective`, with a name, the names
of its metrics, and

    losses(draws, context)  a scalar for each player, and the metrics
    score(point)            what the kept step minimises on validation

It may declare how z is drawn, what it requires, and players of its own: see
`Objective`.  One for a `ConditionalModel` derives from
`tfp_rd.objective.curve_objective.CurveObjective`; its `score` takes a mapping
from the betas of `compared_betas()` to points.
"""

from tfp_rd import record_text
from tfp_rd.objective.context import Context, Losses
from tfp_rd.objective.objective import Objective
from tfp_rd.objective.player import Player

__all__ = ['Context', 'Losses', 'Objective', 'Player', 'names', 'parse']

_CLASSES = {
  'beta_elbo': ('tfp_rd.objective.beta_elbo', 'BetaElbo'),
  'multi_rate': ('tfp_rd.objective.multi_rate', 'MultiRate'),
  'target_rate': ('tfp_rd.objective.target_rate', 'TargetRate'),
}


def names() -> tuple[str, ...]:
  """Returns the names that `parse` knows."""
  return tuple(_CLASSES)


def parse(text: str) -> Objective:
  """Reads an objective from its repr, without evaluating anything.

  Args:
    text: As in `'beta_elbo(beta=0.5)'`; fields left out have their defaults.

  Returns:
    The objective; `parse(repr(objective)) == objective`.

  Raises:
    UserError: Unknown objective or field, or a value out of range.
  """
  return record_text.parse(text, _CLASSES, kind='objective')
