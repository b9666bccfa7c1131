# SPDX-License-Identifier: Apache-2.0
"""The command that trains a table of runs, then draws the report."""

import dataclasses
import functools
import sys
from collections.abc import Sequence
from typing import Optional

from absl import flags

from tfp_rd import architecture as architecture_lib
from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd.cli import (
  command,
  config_flags,
  curve_flags,
  live_page,
  objective_flags,
  training,
  workers,
)
from tfp_rd.cli import progress as progress_lib
from tfp_rd.cli import report as report_command
from tfp_rd.run import grid as grid_lib
from tfp_rd.run import pending, preset, shared_betas

__all__ = ['main']

_MANUAL = """\
tfp-rd grid [flags]: train every combination of the axes, then draw the report.

  tfp-rd grid --preset=plane                      the paper's twelve families
  tfp-rd grid --preset=plane --latent_size=4      a flag overrides the preset
  tfp-rd grid --architectures=---,-+v --betas=0.5,1,2 --seeds=0,1,2
  tfp-rd grid --validate_betas=0.1,1              and two points of each curve
                                                  trained by themselves
  tfp-rd grid --one_run_curves=false --warm_start=up   each beta from the last
  tfp-rd grid --preset=full --workers=8           one process for each of 8 GPUs

A curve is one run: one network that takes beta, a tfp_rd.ConditionalModel.  It
is evaluated at its betas and, up to --eval_max_points, where its rate jumps.

Stopped at any moment and typed again, it goes on where it was: what is left to
do is what has no result below --run_root.  Several grids, and several machines
with one file system, may share that directory.  --report_dir= draws nothing.

Presets:
  quick     12 curves of 400 steps on digits, from beta 0.3 to 3
  plane     12 curves of 1,600 and 1,700 steps on digits, at up to 40 betas
  mnist     12 curves, and 12 runs at beta 1, on binarized_mnist
  separate  12 families x beta 0.1, 0.3, 1, 3 x 3,000 steps on digits
  full      the paper's: binarized_mnist, --size=paper, 15 betas, 100,000 steps
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
  """Runs the command; returns its exit status."""
  return command.run(
    _main,
    argv,
    name='grid',
    define=_define,
    manual=_MANUAL,
    when_interrupted='the same command goes on where it was',
  )


def _define(flag_values):
  axes = {'flag_values': flag_values, 'module_name': 'Axes of the grid'}
  flags.DEFINE_enum(
    'preset', 'plane', list(preset.PRESETS), 'What to start from.', **axes
  )
  flags.DEFINE_list(
    'architectures', ['all'], 'Families, such as ---,-+v; or all.', **axes
  )
  flags.DEFINE_list('seeds', ['0'], 'Integers.', **axes)
  flags.DEFINE_integer(
    'workers',
    0,
    'Processes; 0 for what pays: one a GPU, else for small models one a core.',
    lower_bound=0,
    **axes,
  )
  flags.DEFINE_enum(
    'warm_start',
    '',
    ['', 'up', 'down'],
    'Start each beta of separate runs from the weights of the one below (up) '
    'or above (down).',
    **axes,
  )
  report_command.define_report_dir(flag_values)
  objective_flags.define_several(flag_values)
  config_flags.define(flag_values, omit=('architecture', 'eval_betas', 'seed'))


def _main(flag_values: flags.FlagValues, arguments: list[str]) -> None:
  command.refuse(arguments)
  cells = _cells(flag_values)
  execution = config_flags.read_execution(flag_values)
  training.set_aside_corrupt(cells, execution.run_root)
  problem = _train(
    cells, execution, flag_values.workers, report_dir=flag_values.report_dir
  )
  if flag_values.report_dir:
    report_command.write(execution.run_root, flag_values.report_dir)
  if problem:  # What could be done is done and drawn.
    raise errors.UserError(problem)


def _cells(flag_values) -> tuple[config_lib.Config, ...]:
  """Returns the runs of the grid, and those that judge its curves."""
  grid = _grid(flag_values)
  betas = tuple(map(config_flags.beta, flag_values.validate_betas))
  if not betas:
    return grid.cells()
  if not any(o.is_curve for o in grid.objectives):
    raise errors.UserError(
      '--validate_betas judge curves of one run; add --one_run_curves, or name '
      'the betas by --betas.'
    )
  judges = dataclasses.replace(grid, objectives=grid_lib.beta_elbos(betas))
  # A preset may have some of them already.
  return tuple(dict.fromkeys((*grid.cells(), *judges.cells())))


def _grid(flag_values) -> grid_lib.Grid:
  """Returns the preset with what the flags say instead."""
  grid = preset.PRESETS[flag_values.preset]
  for axis in ('architectures', 'betas', 'objective', 'seeds'):
    if flag_values[axis].present and not flag_values[axis].value:
      raise errors.UserError(f'--{axis} is empty; name at least one.')
  base = config_flags.read(flag_values, grid.base)
  base = config_flags.checked(flag_values, base)
  objectives = objective_flags.read(
    flag_values, grid.objectives, batch_size=base.training.batch_size
  )
  betas = objective_flags.eval_betas(
    flag_values, objectives, default=base.evaluation.eval_betas
  )
  evaluation = dataclasses.replace(base.evaluation, eval_betas=betas)
  # These go with the objective of a curve alone.
  curve = next((o for o in objectives if o.is_curve), objectives[0])
  changes = functools.partial(curve_flags.changes, flag_values, grid, base)
  base = dataclasses.replace(base, evaluation=evaluation, objective=curve)
  grid = dataclasses.replace(
    grid,
    base=base,
    objectives=objectives,
    seeds=tuple(map(config_flags.seed, flag_values.seeds)),
    curve_changes=changes(grid.curve_changes),
    separate_changes=changes(grid.separate_changes),
    warm_start=flag_values.warm_start,
  )
  if flag_values.warm_start:
    objective_flags.check_warm_start(objectives)
  if flag_values.architectures == ['all']:
    return grid
  parsed = map(architecture_lib.parse, flag_values.architectures)
  return dataclasses.replace(grid, architectures=tuple(map(str, parsed)))


def _train(cells, execution, num_workers, *, report_dir) -> str:
  """Trains what is pending; returns what went wrong, in words."""
  left, lacking = shared_betas.passes(cells, execution.run_root)
  if not (left or lacking):
    sentence = f'all of {len(cells)} runs are finished; nothing was to be done.'
    command.print_error(sentence)
    return ''
  # Refused here in one sentence, rather than once by each worker.
  training.check_images(cells, execution)
  if report_dir:
    report_command.check_report_dir(report_dir)
  num_workers = num_workers or workers.default_number(
    is_small=cells[0].model.size == 'small'
  )
  with progress_lib.Progress(
    cells if left else lacking,
    execution.run_root,
    num_workers=num_workers,
    on_look=live_page.LivePage(execution.run_root, report_dir).look,
  ) as progress:
    if num_workers > 1:
      return _train_in_workers(cells, execution, num_workers, progress)
    return _train_here(
      cells,
      execution,
      on_begin=progress.begin,
      on_step=progress.step,
      on_end=progress.look,
      on_wait=lambda held: progress.look(at_work=True),
    )


def _train_here(cells, execution, *, on_wait, **callbacks) -> str:
  execute, diverged = training.trainer(execution, **callbacks), {}
  for left in shared_betas.passes(cells, execution.run_root):
    diverged |= pending.train_pending(
      [cell for cell in left if cell not in diverged],
      execution.run_root,
      execute=execute,
      on_wait=on_wait,
    )
  for error in diverged.values():
    command.print_error(str(error))
  names = ', '.join(config.name for config in diverged)
  return f'not done, see above: {names}.' if names else ''


def _train_in_workers(cells, execution, num_workers, progress) -> str:
  dead = workers.run_all(
    _work,
    (cells, execution, num_workers),
    num_workers=num_workers,
    watch=lambda: progress.look(at_work=True),
  )
  if not dead:
    return ''
  return (
    f'{dead} of {num_workers} workers stopped before the end; the same command '
    'goes on where they were.'
  )


def _work(cells, execution, num_workers, number) -> int:
  """Does what one worker does; returns its exit status."""
  # What costs most stands last and is begun first, so that all end together.
  cells = cells[::-1]
  # Each begins elsewhere, so that families are not compiled by all of them.
  first = number * len(cells) // num_workers
  cells = (*cells[first:], *cells[:first])

  def leave_with_parent(*_):
    if not workers.parent_is_alive():
      raise KeyboardInterrupt

  def work():
    problem = _train_here(
      cells, execution, on_step=leave_with_parent, on_wait=leave_with_parent
    )
    if problem:
      raise errors.UserError(problem)

  return command.guard(work, name='grid', is_worker=True)


if __name__ == '__main__':
  sys.exit(main())
