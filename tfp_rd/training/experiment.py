# SPDX-License-Identifier: Apache-2.0
"""A run on disk, trained and evaluated from wherever it was left."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Optional

from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd.model import movable_model
from tfp_rd.run import directory as run_lib
from tfp_rd.run import evaluated
from tfp_rd.training import (
  ancestry,
  loop,
  prepared,
  provenance,
  tensorboard,
  trainer,
)
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
  data = prepared.load_data(config.data, execution.data_dir)
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
  model = prepared.build_model(
    run.config, tuple(run.result['image_shape']), images=None
  )
  ancestry.read_kept(run, model)
  return model


def _train(run, execution, **callbacks):
  """Trains a run to its end; returns the state with the kept weights."""
  config = run.config
  ready = prepared.prepare(config, execution)
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
  return result_lib.extend(run, _restore(run), data)
