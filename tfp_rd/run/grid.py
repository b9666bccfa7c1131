# SPDX-License-Identifier: Apache-2.0
"""A grid is axes times a base configuration: a table of runs, and no more.

Which of them are left to do `tfp_rd.run.pending` says.  No TensorFlow here.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from tfp_rd import architecture as architecture_lib
from tfp_rd import config as config_lib

__all__ = ['beta_elbos', 'Grid']


def beta_elbos(
  betas: Iterable[float], *, kl_annealing_steps: int = 0
) -> tuple[str, ...]:
  """Writes the beta-ELBO of each beta as `repr` of the objective does.

  Args:
    betas: The weights of the rate.
    kl_annealing_steps: Steps over which the weight grows from 0 to beta.

  Returns:
    One canonical text a beta.
  """
  more = (
    f', kl_annealing_steps={kl_annealing_steps}' if kl_annealing_steps else ''
  )
  return tuple(f'beta_elbo(beta={float(beta)!r}{more})' for beta in betas)


@dataclasses.dataclass(frozen=True)
class Grid:
  """Axes times a base configuration.

  Attributes:
    base: What all runs share.
    architectures: Three signs each, as in `'-+v'`.
    objectives: Canonical texts, as in `'beta_elbo(beta=0.5)'`.
    seeds: Integers.
    curve_changes: For one-run curves, by the sign of the decoder, fields of
      training, model, evaluation and objective that are not those of the base.
    warm_start: `'up'` or `'down'` to start each beta from the weights of the
      one below, or above; the first of a family is as without.
  """

  base: config_lib.Config = config_lib.Config()
  architectures: tuple[str, ...] = tuple(map(str, architecture_lib.PAPER))
  objectives: tuple[str, ...] = beta_elbos((0.1, 0.3, 1, 3))
  seeds: tuple[int, ...] = (0,)
  curve_changes: Mapping[str, Mapping[str, Any]] = dataclasses.field(
    default_factory=dict
  )
  warm_start: str = ''

  def cells(self) -> tuple[config_lib.Config, ...]:
    """Returns the runs, in the order in which they are best done.

    The runs of one family are neighbours: they share one compiled program,
    and a grid that is stopped early has whole curves of some families, which
    can be read, rather than one point of each, which cannot.  Seeds come
    outermost, so that the whole plane is there before any of it is repeated.
    """
    families = itertools.product(self.seeds, self.architectures)
    cells = itertools.chain.from_iterable(
      itertools.starmap(self._family, families)
    )
    # A value given twice is one run; `dict` keeps the first place of each.
    return tuple(dict.fromkeys(cells))

  def _family(self, seed, architecture):
    """Yields the runs of one family; warm ones name the run before them."""
    cells = [self._cell(seed, architecture, o) for o in self.objectives]
    if not self.warm_start:
      yield from cells
      return
    parent = ''
    betas = dict.fromkeys(cells)
    for cell in sorted(
      betas, key=lambda c: c.beta, reverse=self.warm_start == 'down'
    ):
      if parent:
        cell = dataclasses.replace(
          cell, warm_start=self.warm_start, parent=parent
        )
      parent = cell.identity
      yield cell

  def _cell(self, seed, architecture, objective):
    decoder = architecture_lib.parse(architecture).decoder
    is_curve = config_lib.is_curve(objective)
    changes = self.curve_changes.get(decoder, {}) if is_curve else {}
    return dataclasses.replace(
      self.base,
      model=_changed(
        self.base.model, {'architecture': architecture, **changes}
      ),
      training=_changed(self.base.training, changes),
      evaluation=_changed(self.base.evaluation, changes)
      if is_curve
      else _without_betas(self.base),
      objective=_with_weight(objective, changes.get('weight_power')),
      seed=seed,
    )


def _with_weight(objective, weight_power):
  """Returns the text with a last field, as the objective's repr has it."""
  if not weight_power or 'weight_power' in objective:
    return objective
  return f'{objective[:-1]}, weight_power={weight_power!r})'


def _without_betas(config):
  return dataclasses.replace(config.evaluation, eval_betas=())


def _changed(record, changes):
  """Returns the record with those of the changes that are fields of it."""
  names = {field.name for field in dataclasses.fields(record)}
  known = {name: changes[name] for name in changes if name in names}
  return dataclasses.replace(record, **known)
