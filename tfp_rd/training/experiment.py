# SPDX-License-Identifier: Apache-2.0
"""A run on disk, trained and evaluated from wherever it was left."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Optional

from tfp_rd import config as config_lib
from tfp_rd import dataset as dataset_lib
from tfp_rd import errors
from tfp_rd.model import build, movable_model
from tfp_rd.network import initial
from tfp_rd.run import directory as run_lib
from tfp_rd.run import evaluated
from tfp_rd.training import ancestry, loop, provenance, tensorboard, trainer
from tfp_rd.training import result as result_lib

__all__ = ['execute', 'restore', 'restore_models']


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
  data = _load_data(config.data, execution.data_dir)
  with run_lib.lock(run):
    if run.is_done:
      result = _evaluate_again(run, data, on_warning)
    else:
      state = _train(
        run, execution, data, on_progress=on_progress, on_warning=on_warning
      )
      result = result_lib.write(run, state, data)
    if execution.tensorboard:
      tensorboard.finish(run)
    return result


def restore(run: run_lib.Run, beta: Optional[float] = None) -> Any:
  """Builds the model of a finished run with its kept weights.

  Args:
    run: A finished run.
    beta: The beta that is meant, where a run has a whole curve.

  Returns:
    A `LatentVariableModel`; for a whole curve and no beta the
    `ConditionalModel`.

  Raises:
    UserError: The run has no result, not this beta, or no readable weights of
      its result.
  """
  model = _restore(run)
  if beta is None:
    return model
  if run.config.objective.is_curve:
    return model.at(beta)
  if beta not in run.points('test'):
    raise errors.UserError(
      f'{run.path} has no point at beta {beta:g}; its betas are: '
      f'{", ".join(f"{b:g}" for b in run.points("test") if b) or "none"}.'
    )
  return model


def restore_models(
  run: run_lib.Run, betas: Sequence[float] = ()
) -> Iterator[tuple[float, Any]]:
  """Yields betas of a run, and the model at each until the next is asked for.

  Args:
    run: A finished run.
    betas: Of a curve; by default those of its points.

  Raises:
    UserError: As of `restore`.
  """
  known = run.points('test')
  if not run.config.objective.is_curve:
    betas = known
  yield from movable_model.models_along(_restore(run), betas or known)


def _restore(run):
  model = _build(run.config, tuple(run.result['image_shape']), images=None)
  ancestry.read_kept(run, model)
  return model


def _train(run, execution, data, **callbacks):
  """Trains a run to its end; returns the state with the kept weights."""
  config = run.config
  program = _program(config, execution, data)
  origin = ancestry.start(run, program) if config.parent else None
  state, _ = trainer.train(
    program,
    trainer.make_inputs(
      program,
      data.train,
      objective=config.objective,
      training=config.training,
      seed=config.seed,
      labels=data.train_labels,
    ),
    objective=config.objective,
    training=config.training,
    execution=execution,
    validation=data.evaluation_images(
      'validation', count=config.training.validation_examples
    ),
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
  return result_lib.extend(run, _restore(run), data)


@functools.lru_cache(maxsize=1)
def _load_data(data, data_dir):
  """Loads a data set once for all runs in a row that want it."""
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
  data = _load_data(config.data, execution.data_dir)
  return _make_program(config, execution, data)


def _make_program(config, execution, data):
  return trainer.make_program(
    _build(config, data.image_shape, images=data.train, dropout=data.dropout),
    data.train,
    objective=config.objective,
    training=config.training,
    execution=execution,
    dynamic=data.dynamic,
    seed=config.seed,
    labels=data.train_labels,
  )


def _build(config, image_shape, *, images, dropout=0.0):
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
