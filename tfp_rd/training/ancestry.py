# SPDX-License-Identifier: Apache-2.0
"""The run that another run starts from, and the weights of a finished one."""

from collections.abc import Iterator, Sequence
from typing import Any, Optional

from tfp_rd import errors
from tfp_rd.model import movable_model
from tfp_rd.run import directory as run_lib
from tfp_rd.training import checkpoint, folder, run_parts

__all__ = ['read_kept', 'restore', 'restore_models', 'start']


def read_kept(run: run_lib.Run, model) -> None:
  """Gives a model the weights that a finished run's result is of.

  Raises:
    UserError: They cannot be read, or are others.
  """
  checkpoint.read_weights(model, run.path / 'checkpoint' / 'kept')
  expected = run.result['weights_sha256']
  if expected not in (None, checkpoint.weights_sha256(model)):
    raise errors.HeldBackError(
      f'{run.path} has other weights than those of its result; put these back, '
      'or remove its result.json to train it again.'
    )


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
  model = run_parts.build_model(
    run.config, tuple(run.result['image_shape']), images=None
  )
  read_kept(run, model)
  return model


def start(run: run_lib.Run, program) -> Optional[folder.Origin]:
  """Prepares a program at step 0 to start where the run's parent is.

  Args:
    run: A run that names a parent.
    program: Receives the weights of a neighbour at another beta.

  Returns:
    The training that the run goes on from, where it is a longer one.

  Raises:
    UserError: The parent has no result, or no readable weights of it.
  """
  parent = run_lib.parent_of(run)
  if parent is None:
    raise errors.UserError(
      f'{run.path.name} starts from the run {run.config.parent}, which has no '
      f'result in {run.path.parent}; train it there first.'
    )
  if run.config.warm_start == 'longer':
    config = parent.config
    return folder.Origin(parent.path, config.digest, config.training.num_steps)
  read_kept(parent, program.model)
  if program.average is not None:
    program.average.restart()
  return None
