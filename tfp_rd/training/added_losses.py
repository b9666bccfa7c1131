# SPDX-License-Identifier: Apache-2.0
"""Losses of layers of tf_keras, added to those of the players they concern."""

import tensorflow as tf

from tfp_rd import rate_distortion

__all__ = ['NAME', 'add', 'are_made']

# Name of the metric.
NAME = 'regularization'


def are_made(model, example) -> bool:
  """Whether the model's layers add losses, which a trial call alone tells.

  Args:
    model: What is trained, a `LatentVariableModel`.
    example: `[1, ...]`.
  """
  found = []

  def call():
    draws = rate_distortion.draw(model, example, seed=0, training=True)
    found.append(draws.regularization is not None)

  tf.function(call, autograph=False).get_concrete_function()
  return found[-1]


def add(losses, draws, players, model):
  """Adds what the model's layers add to the loss of who moves the model.

  Args:
    losses: `Losses` of an objective.
    draws: The step's `Draws`.
    players: The `Players` of the training.
    model: What is trained.

  Returns:
    Losses with the sum of the layers' losses in that of each player who
    minimises and moves variables of the model, and as a metric of its own; the
    same where there are none.
  """
  added = draws.regularization
  if added is None:
    return losses
  movers = {
    name
    for name, record in players.records.items()
    if record.optimizer != 'ascent' and players.move_any(model, by=name)
  }
  of_players = {
    name: loss + tf.cast(added, loss.dtype) if name in movers else loss
    for name, loss in losses.players.items()
  }
  return losses._replace(
    players=of_players, metrics={**losses.metrics, NAME: added}
  )
