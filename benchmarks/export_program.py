# SPDX-License-Identifier: Apache-2.0
"""Turns the training program of a family into one that needs no TensorFlow.

The exported program is the input of XLA.  Its inputs are the arguments of the
compiled function, then the variables and constants that it captures.  Its
outputs are the results of the function, then the variables that it changes.
"""

import re
from collections.abc import Mapping
from typing import Any

import benchmarks.quiet  # noqa: F401, before TensorFlow itself

# isort: split
import numpy as np
import tensorflow as tf

import tfp_rd
from benchmarks import artifact, flops
from tfp_rd import config as config_lib
from tfp_rd.cli import command
from tfp_rd.marginal import vamp
from tfp_rd.training import inputs as inputs_lib
from tfp_rd.training import program as program_lib

__all__ = ['export', 'export_training', 'flops_a_step', 'training_program']

_DEFAULTS = config_lib.TrainingConfig()

_ALIAS = re.compile(
  r'parameter_number = (\d+)[^}]*}, output_index = array<i64: (\d+)>'
)


def training_program(
  architecture,
  images,
  *,
  conditional=False,
  size='small',
  batch_size=_DEFAULTS.batch_size,
  steps_per_call=100,
  dropout=0.0,
  dynamic=False,
):
  """Builds a family at its first step, as a run with XLA does.

  Args:
    architecture: Three signs, as in `'-+v'`.
    images: `[N, H, W, 1]`.
    conditional: Whether one network is trained for all betas.
    size: `'small'` or `'paper'`.
    batch_size: Images a step.
    steps_per_call: Steps of one call.
    dropout: As for `tfp_rd.build`.
    dynamic: Whether images are probabilities that pixels are on.

  Returns:
    program: A `tfp_rd.training.program.Program`.
    arguments: Those of its compiled function.

  Raises:
    UserError: There is no such family or size, or the batch does not fit.
  """
  model = tfp_rd.build(
    architecture,
    image_shape=images.shape[1:],
    size=size,
    pseudo_inputs=images,
    dropout=dropout,
    conditional=conditional,
  )
  objective = tfp_rd.MultiRate() if conditional else tfp_rd.BetaElbo()
  program = program_lib.Program(
    model,
    objective,
    batch_size=batch_size,
    steps_per_call=steps_per_call,
    dynamic=dynamic,
    weight_averaging=_DEFAULTS.weight_averaging,
    jit_compile=True,
  )
  inputs = inputs_lib.make_inputs(
    images,
    seed=0,
    objective=objective,
    learning_rate=_DEFAULTS.learning_rate,
    num_steps=_DEFAULTS.num_steps,
  )
  # Means over the steps of one call: there is no row that goes on.
  return program, (inputs, tf.constant(steps_per_call), None)


def export_training(
  program: program_lib.Program, arguments, variables, *, tf32
) -> tuple[artifact.Program, dict[str, np.ndarray]]:
  """Lowers a training program, as `export` does.

  Args:
    program: With XLA.
    arguments: Those of its compiled function; no row of metrics that goes on.
    variables: By name.
    tf32: As of `export`.
  """
  inputs, num_steps, _ = arguments
  concrete = program._run.get_concrete_function(*arguments)
  last, means = concrete.structured_outputs
  return export(
    program._run,
    {'inputs': inputs, 'num_steps': num_steps, 'goes_on': None},
    variables,
    outputs=(*(f'last_{name}' for name in sorted(last)), *sorted(means)),
    tf32=tf32,
  )


def export(
  function,
  arguments: Mapping[str, Any],
  variables,
  *,
  outputs,
  tf32,
  prefix='',
) -> tuple[artifact.Program, dict[str, np.ndarray]]:
  """Lowers a function to StableHLO.

  Args:
    function: A `tf.function` with XLA.
    arguments: Its arguments by name, in their order: tensors, or structures of
      them; `None` is none of the program's inputs.
    variables: By name; what the function captures is known by these names.
    outputs: A name for each tensor that it returns.
    tf32: Whether factors of float32 products may be rounded to 10 bits, on
      devices that can; this is TensorFlow's default.
    prefix: Begins the names of constants, which are of this program alone.

  Returns:
    program: The program.
    arrays: Its inputs by name, the variables with the values that they have.
  """
  text, portable = _lowered(function, arguments.values(), tf32=tf32)
  concrete = function.get_concrete_function(*arguments.values())
  names = {id(v.handle): name for name, v in variables.items()}
  arrays = dict(_named_leaves(arguments))
  for n, captured in enumerate(concrete.captured_inputs):
    # Captured tensors that are no variables are constants.
    name = names.get(id(captured), f'{prefix}constant_{n}')
    arrays[name] = variables.get(name, captured)
  inputs = tuple(arrays)
  header = text[text.index('\nmodule @') :].split('\n', 2)[1]
  changed = {int(o): inputs[int(i)] for i, o in _ALIAS.findall(header)}
  return (
    artifact.Program(
      portable, inputs, (*outputs, *(changed[n] for n in sorted(changed)))
    ),
    {name: x.numpy() for name, x in arrays.items()},
  )


def _named_leaves(structure, prefix=''):
  """Yields names and tensors of a structure in the order of TensorFlow."""
  if hasattr(structure, '_asdict'):
    items = structure._asdict().items()
  elif isinstance(structure, Mapping):
    # TensorFlow sorts mappings; the arguments are none of its own.
    items = sorted(structure.items()) if prefix else structure.items()
  elif isinstance(structure, (tuple, list)):
    items = enumerate(structure)
  else:
    if structure is not None:
      yield prefix.removesuffix('/'), structure
    return
  for name, value in items:
    yield from _named_leaves(value, f'{prefix}{name}/')


def _lowered(function, arguments, *, tf32):
  """Returns a function as text and in the portable form."""
  config = tf.config.experimental
  before = config.tensor_float_32_execution_enabled()
  config.enable_tensor_float_32_execution(tf32)
  try:
    with command.silence_startup():
      lower = function.experimental_get_compiler_ir(*arguments)
      return lower('stablehlo'), lower('stablehlo_serialized')
  finally:
    config.enable_tensor_float_32_execution(before)


def flops_a_step(program, arguments) -> float:
  """Counts the operations of a step with all densities of a VampPrior at once.

  In chunks they would be computed in a loop, which counts as one iteration, and
  again for the gradient, which is not work of the model.  The program is not to
  be used afterwards, since counting changes it.
  """
  for part in program.submodules:
    if isinstance(part, vamp.Vamp):
      part._max_densities = 2**62
  steps = tf.function(program._run_steps, autograph=False)
  return flops.count(steps.get_concrete_function(*arguments).graph)
