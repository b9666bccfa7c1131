# SPDX-License-Identifier: Apache-2.0
"""Images, validation and labels as `fit` takes them, and their checks."""

from typing import Any, NamedTuple, Optional

import numpy as np

from tfp_rd import argument, errors
from tfp_rd import dataset as dataset_lib
from tfp_rd.model import examples as examples_lib
from tfp_rd.model import movable_model
from tfp_rd.model.conditional_model import ConditionalModel
from tfp_rd.model.latent_variable_model import LatentVariableModel

__all__ = ['Examples', 'read', 'trace']


class Examples(NamedTuple):
  """What a model is trained on.

  Attributes:
    images: `[N, ...]`.
    validation: `[M, ...]`, or `None`.
    labels: `[N]`, or `None`.
    dynamic: Whether images are on-probabilities.
  """

  images: Any
  validation: Optional[Any]
  labels: Optional[Any]
  dynamic: bool


def read(
  model, images, *, validation, labels, dynamic: bool, objective
) -> Examples:
  """Returns what is given as arrays, data sets of tf.data, or as a `Dataset`.

  Args:
    model: What is trained.
    images: `[N, ...]`; or a `tf.data.Dataset` that ends; or a `Dataset`, whose
      training images, validation, labels and `dynamic` count, but for what is
      given beside it.
    validation: `[M, ...]`, or `None`.
    labels: `[N]`, or `None`.
    dynamic: Whether images are on-probabilities.
    objective: The objective, which may require labels.

  Raises:
    UserError: They are something else, or do not fit each other.
  """
  if isinstance(images, dataset_lib.Dataset):
    data, images = images, images.train
    validation = data.validation if validation is None else validation
    dynamic = dynamic or data.dynamic
    if labels is None and 'labels' in objective.requires:
      labels = data.train_labels
  if isinstance(validation, dataset_lib.Dataset):
    validation = validation.validation
  one = _at_one_beta(model)
  images = examples_lib.as_array(images, one)
  if validation is not None:
    validation = examples_lib.as_array(validation, one, name='validation')
  _check_arrays(images, validation, labels)
  if dynamic:
    images = _as_probabilities(images)
  return Examples(images, validation, labels, bool(dynamic))


def trace(program, inputs, examples: Examples) -> None:
  """Traces the step, which tells whether the model takes bits; moves nothing.

  Args:
    program: The program.
    inputs: What it is given.
    examples: From `read`.

  Raises:
    UserError: As `Program.trace` does; or the decoder is a distribution of
      bits, and the images, or those of validation, are none.
  """
  program.trace(inputs)
  if not program.takes_bits:
    return
  if not examples.dynamic:
    images = np.asarray(examples.images)
    argument.check_bits(images, 'images', may_be_dynamic=True)
  if examples.validation is not None:
    argument.check_bits(np.asarray(examples.validation), 'validation')


def _at_one_beta(model):
  if not isinstance(model, (LatentVariableModel, ConditionalModel)):
    raise errors.UserError(
      f'the model is a {type(model).__name__}; give a '
      'tfp_rd.LatentVariableModel, or a tfp_rd.ConditionalModel, first.'
    )
  beta = getattr(model, 'beta_range', (None,))[0]
  return movable_model.MovableModel(model).to(beta)


def _check_arrays(images, validation, labels):
  shape = _shape('images', images)
  if validation is not None:
    found = _shape('validation', validation)
    if found[1:] != shape[1:]:
      raise errors.UserError(
        f'images of validation have shape {list(found[1:])} and images '
        f'{list(shape[1:])}; give validation images of the same shape.'
      )
  if labels is not None:
    found = _shape('labels', labels)
    if found[0] != shape[0]:
      raise errors.UserError(
        f'there are {found[0]} labels and {shape[0]} images; give one label '
        'for each image.'
      )


def _shape(name, values):
  """Returns the shape of an array with at least one entry."""
  shape = tuple(np.shape(values))
  if not shape:
    raise errors.UserError(
      f'{name} is a {type(values).__name__} that is no array; give an array '
      'whose first axis goes through the images.'
    )
  argument.check_examples(np.asarray(values), name)
  return shape


def _as_probabilities(images):
  low, high = np.min(images), np.max(images)
  if not 0 <= low <= high <= 1:
    raise errors.UserError(
      f'images hold values from {low:g} to {high:g}; with dynamic=True they '
      'are probabilities in [0, 1], so divide greys by 255.'
    )
  # Bits of integers are probabilities too.
  whole = np.asarray(images).dtype.kind in 'biu'
  return np.asarray(images, np.float32) if whole else images
