# SPDX-License-Identifier: Apache-2.0
"""The run that another run starts from, and the weights of a finished one."""

from typing import Optional

from tfp_rd import errors
from tfp_rd.run import directory as run_lib
from tfp_rd.training import checkpoint, folder

__all__ = ['read_kept', 'start']


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
