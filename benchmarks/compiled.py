# SPDX-License-Identifier: Apache-2.0
"""Compiled training steps of a family, for the benchmarks that time them."""

import tensorflow as tf

import tfp_rd
from tfp_rd import config as config_lib
from tfp_rd.training import inputs as inputs_lib
from tfp_rd.training import program

__all__ = ['build', 'steps']

_DEFAULTS = config_lib.TrainingConfig()


def build(images, *, architecture='---', size='small', **settings):
  """Builds a family for images; settings are those of `tfp_rd.build`."""
  return tfp_rd.build(
    architecture,
    image_shape=images.shape[1:],
    size=size,
    pseudo_inputs=images,
    seed=0,
    **settings,
  )


def steps(
  images, *, batch_size, steps_per_call, weight_averaging=0.0, **settings
):
  """Returns a function that takes `steps_per_call` steps, and its graph."""
  objective = tfp_rd.BetaElbo()
  trained = program.Program(
    build(images, **settings),
    objective,
    batch_size=batch_size,
    steps_per_call=steps_per_call,
    weight_averaging=weight_averaging,
  )
  inputs = inputs_lib.make_inputs(
    images,
    seed=0,
    objective=objective,
    learning_rate=_DEFAULTS.learning_rate,
    num_steps=_DEFAULTS.num_steps,
  )
  arguments = inputs, tf.constant(steps_per_call)
  graph = trained._run.get_concrete_function(*arguments).graph
  return lambda: trained._run(*arguments), graph
