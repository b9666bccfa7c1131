# SPDX-License-Identifier: Apache-2.0
"""The numbers of a step: what must stay finite, and what is recorded."""

from collections.abc import Iterable, Mapping

import tensorflow as tf

from tfp_rd import errors

__all__ = ['check_losses', 'columns', 'metrics_of', 'names', 'terms_of']

# Causes first: a z that is not finite spoils all that follows.
_OF_DRAWS = ('encoding_log_prob', 'marginal_log_prob', 'distortion_nats')
_OF_PLAYERS = ('loss', 'gradient_norm')


def names(players: Iterable[str]) -> tuple[str, ...]:
  """Returns what must stay finite, causes before what they spoil."""
  players = [*players]
  of_players = (f'{q} of player {p!r}' for q in _OF_PLAYERS for p in players)
  return (*_OF_DRAWS, *of_players)


def columns(players: Iterable[str]) -> tuple[str, ...]:
  """Returns the names of what every objective records."""
  players = [*players]
  of_players = (_column(q, p) for q in _OF_PLAYERS for p in players)
  return (*_OF_DRAWS, 'rate_nats', 'elbo_nats', *of_players)


def terms_of(draws, losses, norms) -> dict[str, tf.Tensor]:
  """Returns what must stay finite, by the names of `names`.

  Args:
    draws: The step's `Draws`.
    losses: Mapping from player to loss.
    norms: Mapping from player to the norm of its gradient.
  """
  means = _means(draws)
  values = [means[name] for name in _OF_DRAWS]
  values += [of[player] for of in (losses, norms) for player in norms]
  return _as_float32(dict(zip(names(norms), values, strict=True)))


def metrics_of(draws, losses, norms, own) -> dict[str, tf.Tensor]:
  """Returns what is recorded, by the names of `columns` and the objective's.

  Args:
    draws: The step's `Draws`.
    losses: Mapping from player to loss.
    norms: Mapping from player to the norm of its gradient.
    own: The objective's own metrics.
  """
  of_players = {
    _column(quantity, player): of[player]
    for quantity, of in zip(_OF_PLAYERS, (losses, norms), strict=True)
    for player in norms
  }
  return _as_float32({**_means(draws), **of_players, **own})


def check_losses(objective, losses) -> None:
  """Checks what an objective returned: scalars, and the metrics that it names.

  Args:
    objective: The objective, with `metric_names`.
    losses: A `tfp_rd.objective.Losses`.

  Raises:
    UserError: A number is no scalar, or a metric is missing or not named; names
      it.
  """
  for name, value in {**losses.players, **losses.metrics}.items():
    shape = tf.convert_to_tensor(value).shape
    if shape.rank:
      raise errors.UserError(
        f'{name!r} of {objective.name or objective!r} has shape {list(shape)}; '
        'losses returns scalars: take a mean over draws and images.'
      )
  named, returned = set(objective.metric_names), set(losses.metrics)
  for names, what in (
    (returned - named, 'is returned by losses and not in metric_names'),
    (named - returned, 'is in metric_names and not returned by losses'),
  ):
    if names:
      raise errors.UserError(
        f'the metric {min(names)!r} of {objective.name or objective!r} {what}; '
        'an objective returns the metrics that it names, and no others.'
      )


def _column(quantity, player):
  """Returns the name of a column; the model's has no player in it."""
  return quantity if player == 'model' else f'{quantity}_{player}'


def _means(draws):
  rate = tf.reduce_mean(draws.rate)
  distortion = tf.reduce_mean(draws.distortion)
  return {
    'distortion_nats': distortion,
    'encoding_log_prob': tf.reduce_mean(draws.encoding_log_prob),
    'marginal_log_prob': tf.reduce_mean(draws.marginal_log_prob),
    'rate_nats': rate,
    'elbo_nats': -(rate + distortion),
  }


def _as_float32(values: Mapping[str, tf.Tensor]):
  return {name: tf.cast(value, tf.float32) for name, value in values.items()}
