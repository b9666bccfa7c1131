# SPDX-License-Identifier: Apache-2.0
"""The training of a run, put together from its configuration."""

import dataclasses
import functools
from typing import NamedTuple

import numpy as np

from tfp_rd import config as config_lib
from tfp_rd import dataset as dataset_lib
from tfp_rd.model import build
from tfp_rd.network import initial
from tfp_rd.training import inputs as inputs_lib
from tfp_rd.training import program as program_lib
from tfp_rd.training import trainer

__all__ = ['Prepared', 'build_model', 'load_data', 'prepare']


class Prepared(NamedTuple):
  """A run's training before its first step.

  Attributes:
    program: The program, its weights those of step 0.
    inputs: What the run brings to it.
    validation: `[M, ...]` images on which the kept weights are chosen.
  """

  program: program_lib.Program
  inputs: inputs_lib.Inputs
  validation: np.ndarray


def prepare(
  config: config_lib.Config, execution: config_lib.Execution
) -> Prepared:
  """Puts the training of a run together, and takes no step.

  The weights are those of a run that starts by itself.  The program serves all
  runs of a family in turn: a second call moves the first one's back to step 0.

  Args:
    config: What the run is.
    execution: Folders and compilation.

  Raises:
    UserError: Its images cannot be had, or model and objective do not fit.
  """
  data = load_data(config.data, execution.data_dir)
  program = _program(config, execution, data)
  inputs = trainer.make_inputs(
    program,
    data.train,
    objective=config.objective,
    training=config.training,
    seed=config.seed,
    labels=data.train_labels,
  )
  validation = data.evaluation_images(
    'validation', count=config.training.validation_examples
  )
  return Prepared(program, inputs, validation)


@functools.lru_cache(maxsize=1)
def load_data(data, data_dir):
  """Returns a `Dataset`, loaded once for all runs in a row that want it.

  Args:
    data: Its `DataConfig`.
    data_dir: Where tensorflow-datasets keeps its prepared sets.
  """
  return dataset_lib.load(data, data_dir=data_dir)


def _program(config, execution, data):
  """Returns the program of a run at step 0, traced before if it can be.

  Runs of one family differ in numbers of the objective, seed, learning rate and
  length, all of which are inputs; the variables take the values of a program
  made afresh.
  """
  key = dataclasses.replace(
    config,
    seed=0,
    warm_start='',
    parent='',
    objective=config.objective.structure(),
    training=dataclasses.replace(
      config.training,
      num_steps=1,
      learning_rate=1.0,
      validate_every=1,
      validation_examples=1,
    ),
    evaluation=config_lib.EvaluationConfig(),
  )
  how = config_lib.Execution(
    data_dir=execution.data_dir,
    steps_per_call=execution.steps_per_call,
    jit_compile=execution.jit_compile,
  )
  program, fresh = _traced_program(key, how), _make_program(config, how, data)
  if program.players.settings != fresh.players.settings:
    return fresh  # An objective made them of its numbers.
  for variable, value in zip(program.variables, fresh.variables, strict=True):
    variable.assign(value)
  return program


@functools.lru_cache(maxsize=1)
def _traced_program(config, execution):
  data = load_data(config.data, execution.data_dir)
  return _make_program(config, execution, data)


def _make_program(config, execution, data):
  return trainer.make_program(
    build_model(
      config, data.image_shape, images=data.train, dropout=data.dropout
    ),
    data.train,
    objective=config.objective,
    training=config.training,
    execution=execution,
    dynamic=data.dynamic,
    seed=config.seed,
    labels=data.train_labels,
  )


def build_model(config: config_lib.Config, image_shape, *, images, dropout=0.0):
  """Builds the model of a run.

  Args:
    config: What the run is.
    image_shape: `(H, W, C)`.
    images: `[N, H, W, C]`, from which pseudo-inputs begin, or `None`.
    dropout: The data set's.
  """
  settings = config.complete_model(image_shape)
  beta_range = config.objective.beta_range
  return build.build(
    settings.architecture,
    image_shape=image_shape,
    latent_size=settings.latent_size,
    size=settings.size,
    seed=initial.fold_in(config.seed, 0),
    pseudo_inputs=images,
    num_pseudo_inputs=settings.num_pseudo_inputs,
    latent_input=settings.latent_input,
    options=settings.options,
    dropout=settings.dropout,
    conditional=beta_range is not None,
    beta_range=beta_range,
  )
