# SPDX-License-Identifier: Apache-2.0
"""What the commands that train share: checks before, progress meanwhile."""

import pathlib
from collections.abc import Callable, Mapping, Sequence

from tfp_rd import argument, errors
from tfp_rd import config as config_lib
from tfp_rd import dataset as dataset_lib
from tfp_rd.cli import command
from tfp_rd.run import directory as run_lib
from tfp_rd.run import pending

__all__ = ['check_images', 'set_aside_corrupt', 'trainer']


def check_images(
  cells: Sequence[config_lib.Config], execution: config_lib.Execution
) -> None:
  """Loads the images once before a run's directory is made.

  A data set that cannot be had, a batch that it cannot fill, or a precision
  that this machine has not, then leaves no empty run behind.  A run that has
  begun has been through this.

  Args:
    cells: Runs on the same images.
    execution: Where their directories are.

  Raises:
    UserError: The images, the batch, the precision, the folder or TensorBoard
      cannot be had.
  """
  if execution.tensorboard:
    command.tensorflow()
    from tfp_rd.training import tensorboard

    tensorboard.check()
  root = pathlib.Path(execution.run_root)
  cells = [cell for cell in cells if not (root / cell.name).exists()]
  if not cells:
    return
  config = cells[0]
  if config.data.dataset != 'digits':
    command.tensorflow()  # The data may bring it, with its chatter.
  data = dataset_lib.load(config.data, data_dir=execution.data_dir)
  _check_numbers(cells, data)
  if config.training.precision != 'float32':
    command.tensorflow()
    from tfp_rd.training import loop

    loop.check_precision(config.training.precision)
  try:
    root.mkdir(parents=True, exist_ok=True)
  except OSError as e:
    raise errors.UserError(
      f'--run_root={execution.run_root} cannot be made ({e.strerror}); name a '
      'folder.'
    ) from e


def _check_numbers(cells, data):
  """Refuses a batch, and tells of pseudo-inputs, beyond the images."""
  count = len(data.train)
  batch_size = max(cell.training.batch_size for cell in cells)
  argument.check_batch(
    batch_size,
    count,
    usual=config_lib.TrainingConfig.batch_size,
    name='--batch_size',
  )
  models = [cell.complete_model(data.image_shape) for cell in cells]
  most = max(
    (m.num_pseudo_inputs for m in models if m.architecture[2] == 'v'), default=0
  )
  if most > count:
    command.print_error(
      f'--num_pseudo_inputs is {most} and there are {count} training images: '
      f'some pseudo-inputs begin as the same image; {count} are enough.'
    )


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
  on_begin: Callable[[run_lib.Run], object] = lambda run: None,
  on_step: Callable[[run_lib.Run, int, Mapping[str, float]], object],
  on_end: Callable[[], object] = lambda: None,
) -> Callable[[run_lib.Run], None]:
  """Returns a function that trains one run.  Imports TensorFlow.

  Args:
    execution: How.
    on_begin: Called with a run before it is begun or gone on with.
    on_step: Called with the run, the steps done and the metrics so far.
    on_end: Is called when the run has its result.
  """
  command.tensorflow()
  from tfp_rd.training import experiment

  def execute(run):
    def on_progress(step, num_steps, metrics):
      del num_steps  # The run's configuration has it.
      on_step(run, step, metrics)

    on_begin(run)
    experiment.execute(
      run, execution, on_progress=on_progress, on_warning=command.print_error
    )
    on_end()

  return execute
