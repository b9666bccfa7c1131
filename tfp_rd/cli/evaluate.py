# SPDX-License-Identifier: Apache-2.0
"""The program that measures trained models anew."""

import functools
import sys
from collections.abc import Sequence
from typing import Optional

from absl import flags

from tfp_rd import dataset as dataset_lib
from tfp_rd import errors
from tfp_rd.cli import config_flags, point_table, program
from tfp_rd.run import directory as run_lib

__all__ = ['main']

_MANUAL = """\
tfp-rd evaluate RUN_OR_ROOT [flags]: R, D and ELBO of trained models.

  tfp-rd evaluate runs
  tfp-rd evaluate runs/run_-+v_beta0.3_1a2b3c4d --split=test --num_samples=64
  tfp-rd evaluate runs/run_-+v_multi_rate_1a2b3c4d --betas=0.2,0.7   any betas

Each value is a mean over images with its standard error, in nats.  The kept
weights are restored and new draws are made; nothing is written.
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
  """Runs the program; returns its exit status."""
  return program.run(
    _main, argv, name='evaluate', define=_define, manual=_MANUAL
  )


def _define(flag_values):
  here = {'flag_values': flag_values, 'module_name': 'The evaluation'}
  flags.DEFINE_enum(
    'split', 'all', [*point_table.SPLITS, 'all'], 'Which images.', **here
  )
  flags.DEFINE_integer(
    'num_samples',
    None,
    "Draws of z for each image; by default the run's own eval_samples.",
    **here,
  )
  flags.DEFINE_integer('seed', 0, 'Of the draws.', **here)
  flags.DEFINE_list(
    'betas',
    None,
    'Where to measure one-run curves; by default where the run did.',
    **here,
  )
  config_flags.define_execution(flag_values, 'data_dir')


def _main(flag_values: flags.FlagValues, arguments: list[str]) -> None:
  root = program.one(
    arguments, 'RUN_OR_ROOT, the directory of a run or of runs'
  )
  if flag_values.num_samples is not None and flag_values.num_samples < 1:
    raise errors.UserError(
      f'num_samples is {flag_values.num_samples}; it must be positive.'
    )
  betas = tuple(map(config_flags.beta, flag_values.betas or ()))
  runs = run_lib.runs_below(root)
  if not runs:
    raise errors.UserError(f'there is no run below {root}; train one first.')
  program.tensorflow()
  rows, refused = [], []
  for run in runs:
    try:
      rows += _rows(run, betas, flag_values)
    except errors.UserError as e:
      refused.append(str(e))
  if rows:
    print(point_table.text(('run', 'beta', 'split'), rows))
  if refused:
    raise errors.UserError(' '.join(refused))


@functools.lru_cache(maxsize=1)
def _load(data, data_dir):
  """Loads a data set once for all runs in a row that had it."""
  return dataset_lib.load(data, data_dir=data_dir)


def _rows(run, betas, flag_values):
  """Returns a row for each split and beta of a run."""
  # Both bring TensorFlow.
  from tfp_rd.model import evaluation as evaluation_lib
  from tfp_rd.training import experiment

  data = _load(run.config.data, flag_values.data_dir)
  evaluation = run.config.evaluation
  split = flag_values.split
  rows = []
  for beta, model in experiment.restore_models(run, betas):
    for name in point_table.SPLITS if split == 'all' else (split,):
      point = evaluation_lib.evaluate(
        model,
        data.evaluation_images(name, count=evaluation.eval_examples),
        num_samples=flag_values.num_samples or evaluation.eval_samples,
        seed=flag_values.seed,
      )
      rows.append(((run.path.name, f'{beta:g}', name), point))
  return rows


if __name__ == '__main__':
  sys.exit(main())
