# SPDX-License-Identifier: Apache-2.0
"""The players of a training: whose variables move by which loss, and how."""

import math
import numbers
from collections.abc import Collection, Mapping, Sequence

import tensorflow as tf

from tfp_rd import errors
from tfp_rd.model import variables as variables_lib
from tfp_rd.objective import player as player_lib
from tfp_rd.training import optimizer

__all__ = ['Players']


class Players(tf.Module):
  """Who learns: variables, optimisers and moves.

  Args:
    model: The model.
    records: Mapping from name to `tfp_rd.objective.Player`.
    fixed: Variables that no player moves.
    normalize_gradients: Divide each variable's gradient by its norm.

  Raises:
    UserError: There is no player, two have one variable, or a record is
      something else.
  """

  def __init__(
    self,
    model,
    records: Mapping[str, player_lib.Player],
    *,
    fixed: Sequence[tf.Variable] = (),
    normalize_gradients=False,
  ):
    super().__init__()
    _check_records(records)
    self.records = dict(records)
    # What checkpoints find; objectives are given it too.
    self.held = {name: r.variables for name, r in self.records.items()}
    names = self._names(model)
    of_model = {id(v) for v in variables_lib.named({'': model}).values()}
    self._brought = {
      f'players/{names[id(v)]}': v
      for held in self.held.values()
      for v in _as_module(held).variables
      if id(v) not in of_model
    }
    fixed = {id(v) for v in fixed}
    moved = {
      name: {names[id(v)]: v for v in _trainable(record) if id(v) not in fixed}
      for name, record in self.records.items()
    }
    _check_disjoint(moved)
    self.optimizers = {
      name: optimizer.make(
        self.records[name].optimizer,
        variables,
        beta_1=self.records[name].beta_1,
        normalize_gradients=normalize_gradients,
      )
      for name, variables in moved.items()
    }
    self._owned = {id(v) for v in (*model.variables, *self.variables)}

  def _names(self, model):
    roots = {name: _as_module(held) for name, held in self.held.items()}
    return {
      id(v): name
      for name, v in variables_lib.named({'model': model, **roots}).items()
    }

  @property
  def brought(self) -> dict[str, tf.Variable]:
    """Variables that are not the model's, as `players/NAME/...`."""
    return dict(self._brought)

  @property
  def settings(self) -> dict[str, tuple]:
    """By player what a compiled step cannot change: fields and shapes."""
    return {
      name: (record[1:], [(v.dtype, v.shape) for v in self._moved(name)])
      for name, record in self.records.items()
    }

  def _moved(self, name):
    return self.optimizers[name].moved.values()

  def move(
    self, tape, losses: Mapping[str, tf.Tensor], learning_rate, step
  ) -> dict[str, tf.Tensor]:
    """Moves every player whose turn it is.

    Args:
      tape: A persistent tape that saw the losses.
      losses: One scalar a player.
      learning_rate: Scalar.
      step: Number of the step, from 0.

    Returns:
      The norm of each player's gradient.

    Raises:
      UserError: A loss is missing, or depends on variables that nobody owns.
    """
    if losses.keys() != self.records.keys():
      raise errors.UserError(
        f'the objective has players {sorted(self.records)} and losses of '
        f'{sorted(losses)}; it must return one loss for each player.'
      )
    # All gradients first: no player sees another's move of the same step.
    gradients = {
      name: tape.gradient(
        losses[name],
        [*self._moved(name)],
        unconnected_gradients='zero',
      )
      for name in self.records
    }
    self._refuse_unowned(tape, losses)
    for name, gradient in gradients.items():
      self._move(name, gradient, learning_rate, step)
    return {
      name: tf.linalg.global_norm(g) if g else tf.zeros([])
      for name, g in gradients.items()
    }

  def _move(self, name, gradient, learning_rate, step):
    record, moves = self.records[name], self.optimizers[name]
    every = record.steps_between_moves
    rate = learning_rate * record.learning_rate_factor
    if every == 1:
      moves.update(gradient, rate, step)
      return

    def move():
      moves.update(gradient, rate, step // every)
      return True

    tf.cond(step % every == 0, move, lambda: False)

  def _refuse_unowned(self, tape, losses):
    """Refuses, as the step is traced, gradients that would be lost."""
    for variable in tape.watched_variables():
      if id(variable) not in self._owned and any(
        tape.gradient(loss, variable) is not None for loss in losses.values()
      ):
        raise errors.UserError(
          f'the loss depends on {variable.name} {tuple(variable.shape)}, which '
          'no part of the model owns and so nobody would train; make it an '
          'attribute of the part that uses it.'
        )


def _check_records(records):
  if not records:
    raise errors.UserError(
      'the objective has no players; its players(model, seed) returns a '
      'mapping from a name to a Player.'
    )
  for name, record in records.items():
    if not isinstance(record, player_lib.Player):
      raise errors.UserError(
        f'player {name!r} is a {type(record).__name__}; expected a '
        'tfp_rd.objective.Player.'
      )
    _check_record(name, record)


def _check_record(name, record):
  every = record.steps_between_moves
  expected = {
    'learning_rate_factor': _is_in(record.learning_rate_factor, 0, math.inf)
    and record.learning_rate_factor > 0,
    'beta_1': _is_in(record.beta_1, 0, 1),
    'optimizer': record.optimizer in ('adam', 'ascent'),
    'steps_between_moves': isinstance(every, int) and every >= 1,
  }
  for field, is_fine in expected.items():
    if not is_fine:
      raise errors.UserError(
        f'{field} of player {name!r} is {getattr(record, field)!r}; expected a '
        "positive factor, a beta_1 in [0, 1), the optimizer 'adam' or "
        "'ascent', and a whole number of steps from 1."
      )


def _is_in(value, low, high):
  """Whether a value is a number from `low` on and below `high`."""
  return isinstance(value, numbers.Real) and low <= value < high


def _check_disjoint(moved: Mapping[str, Collection]):
  mover = {}
  for player, variables in moved.items():
    for name, variable in variables.items():
      other = mover.setdefault(id(variable), player)
      if other != player:
        raise errors.UserError(
          f'players {other!r} and {player!r} both move {name}; give each '
          'player variables of its own.'
        )


def _trainable(record):
  if isinstance(record.variables, tf.Module):
    return variables_lib.trainable_variables(record.variables)
  return [v for v in record.variables if v.trainable]


def _as_module(held):
  if isinstance(held, tf.Module):
    return held
  module = tf.Module()
  module.variables_moved = list(held)
  return module
