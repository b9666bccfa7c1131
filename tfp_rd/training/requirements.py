# SPDX-License-Identifier: Apache-2.0
"""What an objective requires of a model and of its data, checked before use."""

import tensorflow_probability as tfp

from tfp_rd import errors, rate_distortion
from tfp_rd.model import movable_model
from tfp_rd.objective import objective as objective_lib

__all__ = ['check']

tfd = tfp.distributions


def check(objective, model, *, images, has_labels: bool) -> None:
  """Checks that model and data have what an objective requires.

  Args:
    objective: An objective.
    model: A `LatentVariableModel`, or a `ConditionalModel`.
    images: `[N, ...]`; one is drawn from.
    has_labels: Whether the images have labels.

  Raises:
    UserError: Something is missing; names it, and what lacks it.
  """
  known = objective_lib.REQUIREMENTS
  for name in objective.requires:
    if name not in known:
      raise errors.UserError(
        f'{objective.name} requires {name!r}, which is none of '
        f'{", ".join(known)}.'
      )
  of_model = [name for name in objective.requires if name in _LACKING]
  if of_model:
    draws = _draws(model, objective, images)
    for name in of_model:
      lacking = _LACKING[name](draws)
      if lacking:
        raise _refusal(objective, name, lacking)
  if 'labels' in objective.requires and not has_labels:
    raise _refusal(objective, 'labels', 'these images have none')


def _refusal(objective, name, lacking):
  return errors.UserError(
    f'{objective.name} requires {name}, {objective_lib.REQUIREMENTS[name]}, '
    f'and {lacking}; choose another family, data set or objective.'
  )


def _draws(model, objective, images):
  movable = movable_model.MovableModel(model)
  beta = objective.beta_range[0] if objective.beta_range else objective.beta
  return rate_distortion.draw(movable.to(beta), images[:1], seed=0)


def _not_factorised(draws):
  encoding = draws.encoding
  if _is_factorised(encoding):
    return ''
  return f'dimensions of {encoding.name} depend on each other'


def _is_factorised(distribution):
  """Whether the dimensions of a draw are independent given x."""
  if isinstance(distribution, (tfd.BatchReshape, tfd.BatchBroadcast)):
    return _is_factorised(distribution.distribution)
  if isinstance(distribution, (tfd.Independent, tfd.Sample)):
    return distribution.distribution.event_shape.rank == 0
  return isinstance(
    distribution, (tfd.MultivariateNormalDiag, tfd.VectorDeterministic)
  )


def _without_density(draws):
  try:
    draws.encoding.log_prob(draws.latent)
  except NotImplementedError:
    return f'{draws.encoding.name} has none'
  return ''


def _without_mean(draws):
  try:
    draws.decoding.mean()
  except NotImplementedError:
    return f'{draws.decoding.name} has none'
  return ''


# Functions of draws that say what is lacking, or nothing.
_LACKING = {
  'factorised_encoder': _not_factorised,
  'encoder_density': _without_density,
  'decoder_mean': _without_mean,
}
