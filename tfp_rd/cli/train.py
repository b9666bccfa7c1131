# SPDX-License-Identifier: Apache-2.0
"""The command that trains one run."""

import sys
from collections.abc import Sequence
from typing import Optional

from absl import flags

from tfp_rd import architecture
from tfp_rd import config as config_lib
from tfp_rd.cli import (
  command,
  config_flags,
  objective_flags,
  point_table,
  training,
)
from tfp_rd.cli import progress as progress_lib
from tfp_rd.run import directory as run_lib
from tfp_rd.run import longer, pending

__all__ = ['main']

_MANUAL = """\
tfp-rd train [flags]: train one model and evaluate it on every split.

  tfp-rd train --architecture=-+v --beta=0.5
  tfp-rd train --architecture=-+v --objective='multi_rate()'   all betas at once
  tfp-rd train --dataset=mine.npz --num_steps=3000 --latent_size=4
  tfp-rd train --max_steps=2 --fake_data      a dry run
  tfp-rd train --architecture=-+v --prepare   its directory, to train elsewhere

An architecture is three signs: encoder, decoder, marginal, as in the paper.
{signs}

A data set is digits, binarized_mnist, mnist, omniglot (with --data_dir), or a
file: an .npz with train and test, or Burda's chardata.mat.

The run is a directory below --run_root, printed as the last line.  Typed again,
the same command goes on from the last checkpoint, or finds the run done; with
more --num_steps it goes on from the finished run, as a run of its own.
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
  """Runs the command; returns its exit status."""
  return command.run(
    _main,
    argv,
    name='train',
    define=_define,
    manual=_MANUAL.format(signs=architecture.describe()),
    when_interrupted='the same command goes on from the last checkpoint',
  )


def _define(flag_values):
  objective_flags.define(flag_values)
  config_flags.define(flag_values)
  flags.DEFINE_boolean(
    'prepare',
    default=False,
    help="Make the run's directory, print it, and train nothing.",
    flag_values=flag_values,
    module_name='Training elsewhere',
  )


def _main(flag_values: flags.FlagValues, arguments: list[str]) -> None:
  command.refuse(arguments)
  (objective,) = objective_flags.read(
    flag_values,
    [config_lib.Config.objective],
    batch_size=flag_values.batch_size,
  )
  config = config_flags.read(
    flag_values, config_lib.Config(objective=objective)
  )
  config = config_flags.checked(flag_values, config)
  execution = config_flags.read_execution(flag_values)
  # A cut run is a trial, and what it would go on to is not.
  if flag_values['num_steps'].present and flag_values.max_steps is None:
    config = longer.continuing(
      config, execution.run_root, on_note=command.print_error
    )
  if flag_values.prepare:
    training.check_images([config], execution)
    print(run_lib.create_run(execution.run_root, config).path)
    return
  run = _done(config, execution)
  rows = [
    ((split, '' if beta is None else f'{beta:g}'), point)
    for split in point_table.SPLITS
    for beta, point in run.points(split).items()
  ]
  print(point_table.text(('split', 'beta'), rows))
  print(run.path)


def _done(config, execution):
  """Returns the finished run, trained here if it was not finished before."""
  root = execution.run_root
  training.set_aside_corrupt([config], root)
  if not pending.pending([config], root):
    command.print_error('the run is finished; nothing was to be done.')
    return run_lib.create_run(root, config)
  training.check_images([config], execution)
  with progress_lib.Progress([config], root) as progress:
    execute = training.trainer(
      execution,
      on_begin=progress.begin,
      on_step=progress.step,
      on_end=progress.look,
    )
    execute(run_lib.create_run(root, config))
  return run_lib.create_run(root, config)


if __name__ == '__main__':
  sys.exit(main())
