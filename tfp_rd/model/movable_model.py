# SPDX-License-Identifier: Apache-2.0
"""What differs between a model of one beta and one of a range, in one place.

Everything else takes the models that come from here.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Optional

import tensorflow as tf

from tfp_rd import errors
from tfp_rd.model import latent_variable_model
from tfp_rd.model.conditional_model import ConditionalModel

__all__ = [
  'MovableModel',
  'check_objective',
  'model_of_step',
  'models_along',
  'parts_of',
]


class MovableModel:
  """The model at one beta after the other, with one compiled evaluation.

  Of a model without betas it is that model, at every beta.

  Args:
    model: A `ConditionalModel`, or a `LatentVariableModel`.

  #### Examples

  ```python
  conditional = tfp_rd.build(
      '---', image_shape=(4, 4, 1), latent_size=2, conditional=True)
  images = tf.ones([8, 4, 4, 1])
  movable = MovableModel(conditional)
  points = [tfp_rd.evaluate(movable.to(beta), images) for beta in (0.1, 1.0)]
  ```
  """

  def __init__(self, model):
    self._curve = model if isinstance(model, ConditionalModel) else None
    self._model = model
    if self._curve is not None:
      self._beta, self._model = model.at_variable()

  def to(self, beta: Optional[float]):
    """Moves to a beta; the model is the same object at every call."""
    if self._curve is not None:
      self._curve.check_beta(beta)
      self._beta.assign(beta)
    return self._model


def models_along(
  model, betas: Iterable[Optional[float]]
) -> Iterator[
  tuple[Optional[float], latent_variable_model.LatentVariableModel]
]:
  """Yields each beta, and the model there until the next is asked for.

  Args:
    model: As of `MovableModel`.
    betas: Betas; a model without betas is the same at each.
  """
  movable = MovableModel(model)
  for beta in betas:
    yield beta, movable.to(beta)


def model_of_step(model, objective, *, beta, batch_size: int, seed):
  """Returns the model that a step draws from.

  Args:
    model: The model that is trained.
    objective: Draws betas, where the model is a curve.
    beta: Scalar, the objective's; `None` where it has none.
    batch_size: Images of the step.
    seed: Of the betas.

  Returns:
    model: The model at the step's betas.
    beta: Scalar, 1 where there is none; or `[batch_size]`.
  """
  dtype = model.dtype or tf.float32
  if not isinstance(model, ConditionalModel):
    return model, tf.ones([], dtype) if beta is None else beta
  betas = objective.draw_betas(seed=seed, dtype=dtype)
  num_repeats = batch_size // betas.shape[0]
  at_betas = model.at(betas, num_repeats=num_repeats)
  return at_betas, tf.repeat(betas, num_repeats)


def parts_of(model) -> Mapping[str, Any]:
  """Returns encoder, marginal and decoder of a model by name."""
  model = model.parts if isinstance(model, ConditionalModel) else model
  return {
    'encoder': model.encoder,
    'marginal': model.marginal,
    'decoder': model.decoder,
  }


def check_objective(model, objective, *, batch_size: int) -> None:
  """Checks that an objective of one beta, or of a range, suits a model.

  Raises:
    UserError: It does not, or the batch is not a multiple of its groups.
  """
  is_conditional = isinstance(model, ConditionalModel)
  wanted = objective.beta_range
  if is_conditional != (wanted is not None):
    raise errors.UserError(
      f'the model is for {"a range of betas" if is_conditional else "one beta"}'
      f' and the objective is {objective!r}; a ConditionalModel goes with '
      'an objective of many betas, such as multi_rate, and no other model does.'
    )
  if not is_conditional:
    return
  least, largest = model.beta_range
  if not least <= wanted[0] < wanted[1] <= largest:
    raise errors.UserError(
      f'the model is for betas from {least:g} to {largest:g} and the objective '
      f'is {objective!r}; give both the same range.'
    )
  if batch_size % objective.num_groups:
    raise errors.UserError(
      f'batch_size is {batch_size}; it must be a multiple of the '
      f'{objective.num_groups} groups of {objective.name}.'
    )
