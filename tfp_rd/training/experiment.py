# SPDX-License-Identifier: Apache-2.0
"""A run on disk, trained and evaluated from wherever it was left."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd.run import directory as run_lib
from tfp_rd.run import evaluated
from tfp_rd.training import (
  ancestry,
  loop,
  provenance,
  run_parts,
  tensorboard,
  trainer,
)
from tfp_rd.training import inputs as inputs_lib
from tfp_rd.training import program as program_lib
from tfp_rd.training import result as result_lib

__all__ = ['Prepared', 'execute', 'prepare']


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


def execute(
  run: run_lib.Run,
  execution: config_lib.Execution,
  *,
  on_progress: loop.OnProgress = lambda step, num_steps, metrics: None,
  on_warning: Callable[[str], Any] = lambda sentence: None,
) -> Mapping[str, Any]:
  """Trains and evaluates a run, from wherever it was left.

  Args:
    run: Made by `tfp_rd.run.directory.create_run`.
    execution: Folders, checkpoints and compilation.
    on_progress: Called with the step, the number of steps and the metrics.
    on_warning: Called with a sentence when a checkpoint cannot be read, or a
      run that has its result is evaluated further.

  Returns:
    The content of `result.json`, written last.

  Raises:
    UserError: Another process holds the run, or its images cannot be had.
    FloatingPointError: A term, which it names, stopped being finite.
    Stopped: Ctrl-C, or what a command takes for it; a checkpoint is written.
    OSError: A file cannot be written.
  """
  config = run.config
  if run.is_done:
    _refuse_without_weights(run)  # Before a lock is left there.
  data = run_parts.load_data(config.data, execution.data_dir)
  with run_lib.lock(run):
    if run.is_done:
      result = _evaluate_again(run, data, on_warning)
    else:
      state = _train(
        run, execution, on_progress=on_progress, on_warning=on_warning
      )
      result = result_lib.write(run, state, data)
    if execution.tensorboard:
      tensorboard.finish(run)
    return result


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
  data = run_parts.load_data(config.data, execution.data_dir)
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


def _train(run, execution, **callbacks):
  """Trains a run to its end; returns the state with the kept weights."""
  config = run.config
  ready = prepare(config, execution)
  origin = ancestry.start(run, ready.program) if config.parent else None
  state, _ = trainer.train(
    ready.program,
    ready.inputs,
    objective=config.objective,
    training=config.training,
    execution=execution,
    validation=ready.validation,
    run_dir=run.path,
    owner=config.digest,
    origin=origin,
    **callbacks,
  )
  return state


def _refuse_without_weights(run):
  """Refuses to evaluate again what was kept without weights."""
  wanted = run.config.evaluation
  if not (run.has_weights or evaluated.satisfies(run, wanted)):
    raise errors.HeldBackError(
      f'{run.path} is finished and kept without weights, so that it cannot be '
      'evaluated at other betas, with more draws or on more images; leave '
      'those out, or remove its result.json to train it again.'
    )


def _evaluate_again(run, data, on_warning):
  """Adds to a run with a result what its configuration asks and it has not."""
  if evaluated.satisfies(run, run.config.evaluation):
    return run.result
  on_warning(f'{run.path.name} is evaluated further, not trained.')
  provenance.check_images(run, provenance.digest_of_splits(data))
  return result_lib.extend(run, ancestry.restore(run), data)


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
  data = run_parts.load_data(config.data, execution.data_dir)
  return _make_program(config, execution, data)


def _make_program(config, execution, data):
  return trainer.make_program(
    run_parts.build_model(
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
