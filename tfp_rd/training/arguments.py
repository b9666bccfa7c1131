# SPDX-License-Identifier: Apache-2.0
"""What is given to `fit`, checked before anything is built or written."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd import objective as objective_lib
from tfp_rd.objective import beta_elbo

__all__ = [
  'check_moves',
  'check_run_dir',
  'check_strategy',
  'read_objective',
  'read_settings',
]

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


def check_moves(program) -> None:
  """Checks that there is something to train.

  Args:
    program: The program of a training.

  Raises:
    UserError: No variable of the model moves.
  """
  if not program.players.move_any(program.model):
    raise errors.UserError(
      'there is nothing to train: no part of the model has a trainable '
      'variable; give a part tf.Variable objects as attributes, or set '
      'layer.trainable = True on what is frozen; a model without any can be '
      'measured by tfp_rd.evaluate.'
    )


def check_strategy() -> None:
  """Checks that training is outside of the scope of tf.distribute.

  Raises:
    UserError: It is inside.
  """
  if tf.distribute.has_strategy():
    raise errors.UserError(
      'fit is called inside of the scope of a tf.distribute strategy, which is '
      'not supported; call it outside.'
    )


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


def _check_average(training, validation):
  is_validated = validation is not None and training.validate_every
  if training.weight_averaging and not is_validated:
    raise errors.UserError(
      f'weight_averaging is {training.weight_averaging:g}, and without '
      'validation the average would never be chosen; give validation images '
      'and a validate_every, or weight_averaging=0.'
    )
