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
import tensorflow as tf

import tfp_rd
from benchmarks import artifact, flops
from tfp_rd import config as config_lib
from tfp_rd.cli import command
from tfp_rd.marginal import vamp
from tfp_rd.training import inputs as inputs_lib
from tfp_rd.training import program as program_lib

__all__ = ['export', 'training_program']

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


def export(
  program: program_lib.Program, arguments, *, about: Mapping[str, Any], tf32
) -> artifact.Artifact:
  """Lowers a training program to StableHLO, with its variables as they are.

  Args:
    program: With XLA; not to be used afterwards, since counting changes it.
    arguments: Those of its compiled function.
    about: Description of the program, kept with it.
    tf32: Whether factors of float32 products may be rounded to 10 bits, on
      devices that can; this is TensorFlow's default.

  Returns:
    The program with its inputs.
  """
  text, portable = _lowered(program, arguments, tf32=tf32)
  concrete = program._run.get_concrete_function(*arguments)
  last, means = concrete.structured_outputs
  by_handle = {id(v.handle): v for v in program.variables}
  # An input that an objective does not ask for is none of the program's.
  given = [x for x in tf.nest.flatten(arguments) if x is not None]
  # Captured tensors that are no variables are constants.
  captured = [by_handle.get(id(x), x) for x in concrete.captured_inputs]
  header = text[text.index('\nmodule @') :].split('\n', 2)[1]
  return artifact.Artifact(
    program=portable,
    inputs=tuple(x.numpy() for x in (*given, *captured)),
    outputs=(*(f'last_{name}' for name in sorted(last)), *sorted(means)),
    fed_back={int(o): int(i) for i, o in _ALIAS.findall(header)},
    about={**about, 'flops_a_step': _flops_a_step(program, arguments)},
  )


def _lowered(program, arguments, *, tf32):
  """Returns the program as text and in the portable form."""
  config = tf.config.experimental
  before = config.tensor_float_32_execution_enabled()
  config.enable_tensor_float_32_execution(tf32)
  try:
    with command.silence_startup():
      lower = program._run.experimental_get_compiler_ir(*arguments)
      return lower('stablehlo'), lower('stablehlo_serialized')
  finally:
    config.enable_tensor_float_32_execution(before)


def _flops_a_step(program, arguments):
  """Counts the operations of a step with all densities of a VampPrior at once.

  In chunks they would be computed in a loop, which counts as one iteration, and
  again for the gradient, which is not work of the model.
  """
  for part in program.submodules:
    if isinstance(part, vamp.Vamp):
      part._max_densities = 2**62
  steps = tf.function(program._run_steps, autograph=False)
  return flops.count(steps.get_concrete_function(*arguments).graph)
