# SPDX-License-Identifier: Apache-2.0
"""What an objective requires of a model and of its data, checked before use."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd import errors, rate_distortion
from tfp_rd.model import movable_model
from tfp_rd.network import own_losses
from tfp_rd.objective import objective as objective_lib
from tfp_rd.training import added_losses

__all__ = ['adds_losses', 'check']

tfd = tfp.distributions


def check(objective, model, *, images, has_labels: bool) -> None:
  """Checks that model and data have what an objective requires.

  Args:
    objective: An objective.
    model: A `LatentVariableModel`, or a `ConditionalModel`.
    images: `[N, ...]`; codes are drawn for one of that shape.
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


def adds_losses(objective, model, *, images) -> bool:
  """Whether layers of tf_keras in a model add losses of their own.

  Args:
    objective: The objective.
    model: A `LatentVariableModel`, or a `ConditionalModel`.
    images: `[N, ...]`; the layers are called for one of that shape.
  """
  if not own_losses.outermost(model):
    return False
  return added_losses.are_made(*_trial(model, objective, images))


def _trial(model, objective, images):
  """Returns the model at a beta, and an example of zeros.

  What is no image of the model is told where training begins.
  """
  one = rate_distortion.as_examples(images[:1], model.dtype)
  beta = objective.beta_range[0] if objective.beta_range else objective.beta
  at_beta = movable_model.MovableModel(model).to(beta)
  return at_beta, tf.zeros_like(one)


def _draws(model, objective, images):
  return rate_distortion.draw(*_trial(model, objective, images), seed=0)


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
