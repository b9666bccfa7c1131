# SPDX-License-Identifier: Apache-2.0
"""What the commands that train share: checks before, progress meanwhile."""

import pathlib
from collections.abc import Callable, Mapping, Sequence

from tfp_rd import config as config_lib
from tfp_rd import dataset as dataset_lib
from tfp_rd.cli import command
from tfp_rd.run import directory as run_lib
from tfp_rd.run import pending

__all__ = ['check_images', 'set_aside_corrupt', 'trainer']


def check_images(
  config: config_lib.Config, execution: config_lib.Execution
) -> None:
  """Loads the images once before a run's directory is made.

  A data set that cannot be had, or a precision that this machine has not, then
  leaves no empty run behind.  A run that has begun has been through this.

  Raises:
    UserError: The images, or the precision, cannot be had.
  """
  if not (pathlib.Path(execution.run_root) / config.name).exists():
    if config.data.dataset != 'digits':
      command.tensorflow()  # The data may bring it, with its chatter.
    dataset_lib.load(config.data, data_dir=execution.data_dir)
    if config.training.precision != 'float32':
      command.tensorflow()
      from tfp_rd.training import loop

      loop.check_precision(config.training.precision)


def set_aside_corrupt(
  cells: Sequence[config_lib.Config], run_root: str
) -> None:
  """Moves corrupt results away and says so; their runs are done again."""
  for path in pending.set_aside_corrupt(cells, run_root):
    command.print_error(
      f'result.json was corrupt; it is kept as {path} and the run is done '
      'again.'
    )


def trainer(
  execution: config_lib.Execution,
  *,
  on_step: Callable[[run_lib.Run, int, Mapping[str, float]], object],
  on_end: Callable[[], object] = lambda: None,
) -> Callable[[run_lib.Run], None]:
  """Returns a function that trains one run.  Imports TensorFlow.

  Args:
    execution: How.
    on_step: Called with the run, the steps done and the metrics so far.
    on_end: Is called when the run has its result.
  """
  command.tensorflow()
  from tfp_rd.training import experiment

  def execute(run):
    def on_progress(step, num_steps, metrics):
      del num_steps  # The run's configuration has it.
      on_step(run, step, metrics)

    if run.is_done:
      command.print_error(f'{run.path.name} is evaluated again, not trained.')
    experiment.execute(
      run, execution, on_progress=on_progress, on_warning=command.print_error
    )
    on_end()

  return execute
