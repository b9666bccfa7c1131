# SPDX-License-Identifier: Apache-2.0
"""What is given to `fit`, checked before anything is built or written."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd import objective as objective_lib
from tfp_rd.objective import beta_elbo

__all__ = ['check_arrays', 'check_run_dir', 'read_objective', 'read_settings']

# Steps enough for a first look; an average needs validation to be chosen.
_DEFAULTS = config_lib.TrainingConfig(num_steps=1000, weight_averaging=0.0)


def read_objective(objective) -> objective_lib.Objective:
  """Returns an objective that is given as a record, as text, or not at all.

  Raises:
    UserError: It is something else, or the text names none.
  """
  if objective is None:
    return beta_elbo.BetaElbo()
  if isinstance(objective, str):
    return objective_lib.parse(objective)
  if not isinstance(objective, objective_lib.Objective):
    raise errors.UserError(
      f'objective is {objective!r:.80}; give an objective, such as '
      "tfp_rd.BetaElbo(beta=0.5), or its text, 'beta_elbo(beta=0.5)'."
    )
  return objective


def read_settings(
  training, execution, *, typed: Mapping[str, Any], validation
) -> tuple[config_lib.TrainingConfig, config_lib.Execution]:
  """Returns the settings of a training, each from one place.

  Args:
    training: A `TrainingConfig`, or `None`.
    execution: An `Execution`, or `None`.
    typed: Fields of `TrainingConfig` that are given beside it, or `None`.
    validation: Images on which weights are chosen, or `None`.

  Raises:
    UserError: A setting is given twice or is no record, or the average of the
      weights would never be chosen.
  """
  _check_record('training', training, config_lib.TrainingConfig)
  _check_record('execution', execution, config_lib.Execution)
  given = {name: value for name, value in typed.items() if value is not None}
  if training is None:
    training = dataclasses.replace(_DEFAULTS, **given)
  elif given:
    name = next(iter(given))
    raise errors.UserError(
      f'{name} is given twice, as {given[name]!r} and in training, where it is '
      f'{getattr(training, name)!r}; leave out one of them.'
    )
  _check_average(training, validation)
  return training, execution or config_lib.Execution()


def check_arrays(images, *, validation, labels, dynamic: bool) -> None:
  """Checks that images, validation and labels fit each other.

  Args:
    images: `[N, ...]`.
    validation: `[M, ...]`, or `None`.
    labels: `[N]`, or `None`.
    dynamic: Whether images are probabilities.

  Raises:
    UserError: They do not, or there is no image.
  """
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
  if dynamic:
    _check_probabilities(images)


def check_run_dir(run_dir) -> None:
  """Checks that a folder is not that of a run, which has files of its own.

  Raises:
    UserError: It is.
  """
  if run_dir is not None and (pathlib.Path(run_dir) / 'config.json').exists():
    raise errors.UserError(
      f'{run_dir} holds a config.json: it is the folder of a run, which fit '
      'would overwrite; name another run_dir.'
    )


def _check_record(name, value, cls):
  if value is not None and not isinstance(value, cls):
    raise errors.UserError(
      f'{name} is {value!r:.80}; expected a record, such as '
      f'tfp_rd.{cls.__name__}().'
    )


def _shape(name, values):
  """Returns the shape of an array with at least one entry."""
  try:
    shape = tuple(np.shape(values))
  except (ValueError, TypeError):  # Arrays of several shapes, among others.
    shape = ()
  if not shape:
    raise errors.UserError(
      f'{name} is a {type(values).__name__} that is no array; give an array '
      'whose first axis goes through the images.'
    )
  if not shape[0]:
    raise errors.UserError(
      f'{name} has shape {list(shape)}; give at least one image, or leave out '
      'what may be left out.'
    )
  return shape


def _check_average(training, validation):
  is_validated = validation is not None and training.validate_every
  if training.weight_averaging and not is_validated:
    raise errors.UserError(
      f'weight_averaging is {training.weight_averaging:g}, and without '
      'validation the average would never be chosen; give validation images '
      'and a validate_every, or weight_averaging=0.'
    )


def _check_probabilities(images):
  low, high = np.min(images), np.max(images)
  if not 0 <= low <= high <= 1:
    raise errors.UserError(
      f'images hold values from {low:g} to {high:g}; with dynamic=True they '
      'are probabilities in [0, 1], so divide greys by 255.'
    )
