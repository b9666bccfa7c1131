# SPDX-License-Identifier: Apache-2.0
"""A grid is axes times a base configuration: a table of runs, and no more.

`tfp_rd.run.pending` returns those that have no result yet.  No TensorFlow here.
"""

import dataclasses
import itertools
from collections.abc import Collection, Iterable, Mapping
from typing import Optional

from tfp_rd import architecture as architecture_lib
from tfp_rd import config as config_lib
from tfp_rd import errors, field
from tfp_rd import objective as objective_lib
from tfp_rd.objective.beta_elbo import BetaElbo
from tfp_rd.objective.objective import Objective

__all__ = ['beta_elbos', 'Changes', 'Grid']


def beta_elbos(
  betas: Iterable[float], *, kl_annealing_steps: int = 0
) -> tuple[BetaElbo, ...]:
  """Returns the beta-ELBO of each beta.

  Args:
    betas: The weights of the rate.
    kl_annealing_steps: Steps over which the weight grows from 0 to beta.
  """
  return tuple(
    BetaElbo(beta, kl_annealing_steps=kl_annealing_steps) for beta in betas
  )


@dataclasses.dataclass(frozen=True)
class Changes:
  """Fields in which runs of one decoder differ from the base.

  `None` leaves a field as it is in the base.

  Attributes:
    num_steps: Of `TrainingConfig`.
    dropout: Of `ModelConfig`.
    eval_samples: Of `EvaluationConfig`.
    eval_train_examples: Likewise.
    weight_power: Of the objective, where that has its default.
  """

  num_steps: Optional[int] = None
  dropout: Optional[float] = None
  eval_samples: Optional[int] = None
  eval_train_examples: Optional[int] = None
  weight_power: Optional[float] = None

  def without(self, names: Collection[str]) -> 'Changes':
    """Returns the changes but for those of some fields."""
    return dataclasses.replace(self, **dict.fromkeys(names))

  def apply(self, config: config_lib.Config) -> config_lib.Config:
    """Returns a configuration with these changes."""
    changes = dataclasses.asdict(self)
    changes = {k: v for k, v in changes.items() if v is not None}
    objective = config.objective
    weight_power = getattr(objective, 'weight_power', None)
    if changes.get('weight_power') and weight_power == 0:
      objective = dataclasses.replace(objective, weight_power=self.weight_power)
    return dataclasses.replace(
      config,
      objective=objective,
      model=_changed(config.model, changes),
      training=_changed(config.training, changes),
      evaluation=_changed(config.evaluation, changes),
    )


@dataclasses.dataclass(frozen=True)
class Grid:
  """Axes times a base configuration.

  Attributes:
    base: What all runs share.
    architectures: Three signs each, as in `'-+v'`.
    objectives: Records, or their texts.
    seeds: Integers.
    curve_changes: By the sign of the decoder, as in `'+'`, or by those of
      decoder and marginal, as in `'+v'`, which come first: what their curves
      have other than the base.
    separate_changes: Likewise, what its runs of one beta have.
    warm_start: `'up'` or `'down'` to start each beta from the weights of the
      one below, or above; the first of a family is as without.

  Raises:
    UserError: An objective cannot be read.
  """

  base: config_lib.Config = config_lib.Config()
  architectures: tuple[str, ...] = tuple(map(str, architecture_lib.PAPER))
  objectives: tuple[Objective, ...] = beta_elbos((0.1, 0.3, 1, 3))
  seeds: tuple[int, ...] = (0,)
  curve_changes: Mapping[str, Changes] = dataclasses.field(default_factory=dict)
  separate_changes: Mapping[str, Changes] = dataclasses.field(
    default_factory=dict
  )
  warm_start: str = ''

  def __post_init__(self):
    objectives = [
      objective_lib.parse(o) if isinstance(o, str) else o
      for o in self.objectives
    ]
    for value in objectives:
      if not isinstance(value, Objective):
        raise errors.UserError(
          f'objectives hold {value!r:.80}; give objectives, or their texts.'
        )
    self._check_changes('curve_changes')
    self._check_changes('separate_changes')
    field.set_field(self, 'objectives', tuple(objectives))
    field.check_choice(self, 'warm_start', ('', 'up', 'down'))
    if self.warm_start and None in [o.beta for o in objectives]:
      raise errors.UserError(
        'warm_start is for separate runs of a beta_elbo that differ in beta '
        'alone; give objectives with a beta.'
      )

  def _check_changes(self, name):
    changes = getattr(self, name)
    decoders, marginals = (
      [sign.letter for sign in architecture_lib.SIGNS[part]]
      for part in ('decoder', 'marginal')
    )
    both = map(''.join, itertools.product(decoders, marginals))
    known = [*decoders, *both]
    for sign, value in changes.items():
      if not isinstance(value, Changes):
        raise errors.UserError(
          f'{name} of {sign!r} is {value!r:.80}; give Changes.'
        )
      if sign not in known:
        raise errors.UserError(
          f'{name} has {sign!r}; its keys are signs of decoders, or of '
          f'decoder and marginal: {", ".join(known)}.'
        )

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
    evaluation = self.base.evaluation
    if not objective.is_curve:
      evaluation = dataclasses.replace(
        evaluation, eval_betas=(), eval_max_points=0
      )
    config = dataclasses.replace(
      self.base,
      model=dataclasses.replace(self.base.model, architecture=architecture),
      evaluation=evaluation,
      objective=objective,
      seed=seed,
    )
    changes = self.curve_changes
    if not objective.is_curve:
      changes = self.separate_changes
    _, decoder, marginal = architecture_lib.parse(architecture)
    both = decoder + marginal
    return changes.get(both, changes.get(decoder, Changes())).apply(config)


def _changed(record, changes):
  """Returns the record with those of the changes that are fields of it."""
  names = {field.name for field in dataclasses.fields(record)}
  known = {name: changes[name] for name in changes if name in names}
  return dataclasses.replace(record, **known)
