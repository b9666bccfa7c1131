# SPDX-License-Identifier: Apache-2.0
"""A run on disk, trained and evaluated from wherever it was left."""

import dataclasses
import functools
import io
import json
import math
import platform
from collections.abc import Callable, Mapping
from typing import Any, Optional

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd import (
  architecture,
  checkpoint,
  errors,
  loop,
  rate_distortion,
  version,
)
from tfp_rd import config as config_lib
from tfp_rd import dataset as dataset_lib
from tfp_rd import objective as objective_lib
from tfp_rd import point as point_lib
from tfp_rd import program as program_lib
from tfp_rd import run as run_lib
from tfp_rd.network import initial

__all__ = ['execute', 'restore_model']

_SPLITS = ('train', 'validation', 'test')


def execute(
  run: run_lib.Run,
  execution: config_lib.Execution,
  *,
  on_progress: loop.OnProgress = lambda step, num_steps, metrics: None,
  on_warning: Callable[[str], Any] = lambda sentence: None,
) -> Mapping[str, Any]:
  """Trains and evaluates a run, from wherever it was left.

  Args:
    run: Made by `tfp_rd.run.create_run`.
    execution: Folders, checkpoints and compilation.
    on_progress: Is told the step, the number of steps and the metrics.
    on_warning: Is told a sentence when a checkpoint cannot be read.

  Returns:
    The content of `result.json`, which is written last.

  Raises:
    UserError: Another process holds the run, or its images cannot be had.
    FloatingPointError: A term stopped being finite; the error names it, and
      the last checkpoint is good.
    OSError: A file cannot be written.
  """
  config = run.config
  data = _load_data(config.data, execution.data_dir)
  objective = objective_lib.parse(config.objective)
  with run_lib.lock(run):
    if run.is_done:  # By another process, since the caller looked.
      return run.result
    program = _program(config, execution, data)
    state = loop.State(program)
    inputs = loop.make_inputs(
      data.train,
      seed=initial.fold_in(config.seed, 1),
      objective=objective,
      learning_rate=config.training.learning_rate,
      num_steps=config.training.num_steps,
    )
    loop.train_program(
      state,
      inputs,
      _schedule(config.training, execution),
      objective=objective,
      validation=data.validation[: config.training.validation_examples],
      run_dir=run.path,
      on_progress=_with_summaries(run, execution, on_progress),
      on_warning=on_warning,
    )
    return _write_result(run, state, data)


def restore_model(run: run_lib.Run, beta: Optional[float] = None):
  """Builds the model of a finished run with its kept weights.

  Args:
    run: A finished run.
    beta: The beta that is meant, where a run has several points.

  Returns:
    A `LatentVariableModel`.

  Raises:
    UserError: The run has no result, not this beta, or no readable weights.
  """
  result = run.result
  if beta is not None and beta not in run.points('test'):
    known = ', '.join(f'{b:g}' for b in run.points('test'))
    raise errors.UserError(
      f'{run.path} has no point at beta {beta:g}: {known}.'
    )
  model = _build(run.config, tuple(result['image_shape']), images=None)
  checkpoint.read_weights(model, run.path / 'checkpoint' / 'kept')
  return model


@functools.lru_cache(maxsize=1)
def _load_data(data, data_dir):
  """Loads a data set once for all runs in a row that want it."""
  return dataset_lib.load(data, data_dir=data_dir)


def _program(config, execution, data):
  """Returns the program of a run at step 0, traced before if it can be.

  Runs of one family differ in beta, seed, learning rate and length, all of
  which are inputs; the variables take the values of a program made afresh.
  """
  key = dataclasses.replace(
    config,
    seed=0,
    objective=repr(
      objective_lib.with_beta(objective_lib.parse(config.objective), 1.0)
    ),
    training=dataclasses.replace(
      config.training, num_steps=1, learning_rate=1.0, validate_every=0
    ),
    evaluation=config_lib.EvaluationConfig(),
  )
  jit_compile = execution.jit_compile == 'true' or (
    execution.jit_compile == 'auto'
    and bool(tf.config.list_physical_devices('GPU'))
  )
  program = _traced_program(
    key, execution.steps_per_call, jit_compile, execution.data_dir
  )
  fresh = _make_program(
    config, data, execution.steps_per_call, jit_compile=jit_compile
  )
  for variable, value in zip(program.variables, fresh.variables, strict=True):
    variable.assign(value)
  return program


@functools.lru_cache(maxsize=1)
def _traced_program(config, steps_per_call, jit_compile, data_dir):
  data = _load_data(config.data, data_dir)
  return _make_program(config, data, steps_per_call, jit_compile=jit_compile)


def _make_program(config, data, steps_per_call, *, jit_compile):
  model = _build(
    config, data.image_shape, images=data.train, dropout=data.dropout
  )
  return program_lib.Program(
    model,
    objective_lib.parse(config.objective),
    batch_size=config.training.batch_size,
    steps_per_call=steps_per_call,
    dynamic=data.dynamic,
    normalize_gradients=config.training.normalize_gradients,
    weight_averaging=config.training.weight_averaging,
    jit_compile=jit_compile,
    seed=initial.fold_in(config.seed, 2),
  )


def _build(config, image_shape, *, images, dropout=0.0):
  settings = config.model
  if settings.dropout is not None:
    dropout = settings.dropout
  elif settings.size == 'paper':
    dropout = 0.0
  return architecture.build(
    settings.architecture,
    image_shape=image_shape,
    latent_size=settings.latent_size,
    size=settings.size,
    seed=initial.fold_in(config.seed, 0),
    pseudo_inputs=images,
    num_pseudo_inputs=settings.num_pseudo_inputs,
    conditioning=settings.conditioning,
    dropout=dropout,
  )


def _schedule(training, execution):
  return loop.Schedule(
    num_steps=training.num_steps,
    validate_every=training.validate_every,
    checkpoint_every=execution.checkpoint_every,
    steps_per_call=execution.steps_per_call,
  )


def _write_result(run, state, data):
  """Evaluates the kept weights and writes what remains of the run's files."""
  model = state.program.model
  checkpoint.write_weights(model, run.path / 'checkpoint' / 'kept')
  points = {}
  for split in _SPLITS:
    rate, distortion = _evaluate(run.config, model, data, split)
    points[split] = point_lib.Point.from_examples(
      rate, distortion, num_samples=run.config.evaluation.eval_samples
    )
    if not math.isfinite(points[split].elbo_nats):
      raise FloatingPointError(
        f'rate or distortion of {run.path.name} is not finite on the {split} '
        'split; lower the learning rate, or train it with another seed.'
      )
  buffer = io.BytesIO()
  np.savez_compressed(
    buffer,
    beta=[run.config.beta],
    rate_nats=rate[np.newaxis],
    distortion_nats=distortion[np.newaxis],
  )
  run_lib.write_atomically(run.path / 'examples.npz', buffer.getvalue())
  result = _result(run, state, data, points)
  run_lib.write_atomically(
    run.path / 'result.json', json.dumps(result, indent=1, allow_nan=False)
  )
  return result


def _result(run, state, data, points):
  records = {split: point.to_dict() for split, point in points.items()}
  return {
    'schema': 1,
    'config': dataclasses.asdict(run.config),
    'versions': {
      'tfp_rd': version.__version__,
      'tensorflow': tf.__version__,
      'tensorflow_probability': tfp.__version__,
      'numpy': np.__version__,
      'python': platform.python_version(),
    },
    'seed': run.config.seed,
    'wall_time_s': float(state.seconds),
    'num_parameters': state.program.model.num_parameters,
    'image_shape': list(data.image_shape),
    'kept': {
      'step': int(state.selection.step) or run.config.training.num_steps,
      'is_averaged': bool(state.selection.is_averaged),
    },
    'points': [{'beta': run.config.beta, **records}],
    **records,
  }


def _evaluate(config, model, data, split):
  """Returns rate and distortion of each image of a split."""
  return rate_distortion.evaluate_examples(
    model,
    data.evaluation_images(split, count=config.evaluation.eval_examples),
    num_samples=config.evaluation.eval_samples,
    seed=initial.fold_in(config.seed, 3 + _SPLITS.index(split)),
  )


def _with_summaries(run, execution, on_progress):
  """Adds TensorBoard summaries to what happens at every call."""
  if not execution.tensorboard:
    return on_progress
  writer = tf.summary.create_file_writer(str(run.path / 'tensorboard'))

  def write(step, num_steps, metrics):
    with writer.as_default(step=step):
      for name, value in metrics.items():
        tf.summary.scalar(name, value)
    writer.flush()
    on_progress(step, num_steps, metrics)

  return write
