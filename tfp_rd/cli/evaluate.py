# SPDX-License-Identifier: Apache-2.0
"""The command that measures trained models anew."""

import itertools
import sys
from collections.abc import Sequence
from typing import Optional

from absl import flags

from tfp_rd import errors, measure
from tfp_rd.cli import command, config_flags, loaded, point_table
from tfp_rd.run import directory as run_lib
from tfp_rd.run import evaluated

__all__ = ['main']

_MANUAL = """\
tfp-rd evaluate RUN_OR_ROOT... [flags]: measure trained models.

  tfp-rd evaluate runs
  tfp-rd evaluate runs/run_-+v_beta0.3_1a2b3c4d --split=test --num_samples=64
  tfp-rd evaluate runs --split=test --eval_examples=10000
  tfp-rd evaluate runs/run_-+v_multi_rate_1a2b3c4d --betas=0.2,0.7   any betas
  tfp-rd evaluate runs --measures='shares(num_draws=100),shares'

Without --measures: R, D and -ELBO, each a mean over images with its standard
error, in nats, from new draws; nothing is written.

With --measures, what is missing is measured and kept in each run's directory,
measures/NAME.json, from which 'tfp-rd report' makes its tables.  A curve is
measured at that of its betas nearest to 1 unless --betas says other.  Several
processes may share the runs.  The measures:

{measures}
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
  """Runs the command; returns its exit status."""
  return command.run(
    _main, argv, name='evaluate', define=_define, manual=_manual()
  )


def _manual():
  does = {
    name: type(measure.parse(name)).__doc__.splitlines()[0]
    for name in measure.names()
  }
  width = max(map(len, does))
  lines = [f'  {name:{width}}  {line}' for name, line in does.items()]
  return _MANUAL.format(measures='\n'.join(lines))


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
  flags.DEFINE_integer(
    'eval_examples',
    None,
    "At most so many images of each split; by default the run's own numbers.",
    lower_bound=1,
    **here,
  )
  flags.DEFINE_integer('seed', 0, 'Of the draws.', **here)
  flags.DEFINE_string(
    'measures',
    '',
    'Measures, with fields if need be, as in shares(num_draws=100).',
    **here,
  )
  flags.DEFINE_list(
    'betas',
    None,
    'Where to measure curves of one run; by default where the run did, and '
    'with --measures at the one nearest to 1.',
    **here,
  )
  config_flags.define_execution(flag_values, 'data_dir')


def _main(flag_values: flags.FlagValues, arguments: list[str]) -> None:
  if flag_values.num_samples is not None and flag_values.num_samples < 1:
    raise errors.UserError(
      f'num_samples is {flag_values.num_samples}; it must be positive.'
    )
  betas = tuple(map(config_flags.beta, flag_values.betas or ()))
  records = ()
  if flag_values['measures'].present:
    records = measure.parse_several(flag_values.measures)
    _refuse_unused(flag_values)
  refused = []
  runs = _runs(arguments, refused)
  if records:
    wanted, lacking = evaluated.wanted_of_each(runs, betas)
    refused += lacking
    _measure(wanted, records, flag_values.data_dir, refused)
  else:
    runs = _with_betas(runs, betas, refused)
    _evaluate(runs, betas, flag_values, refused)
  if refused:
    raise errors.UserError(' '.join(refused))


def _refuse_unused(flag_values):
  """Refuses flags that say nothing of measures, which have their own fields."""
  for name in ('split', 'num_samples', 'eval_examples', 'seed'):
    if flag_values[name].present:
      raise errors.UserError(
        f'--{name} has no effect with --measures; a measure has fields of its '
        "own, as in --measures='shares(seed=1)'."
      )


def _runs(arguments, refused):
  """Returns the runs below all arguments, each once."""
  if not arguments:
    raise errors.UserError(
      'expected RUN_OR_ROOT, the directory of a run or of runs, got none.'
    )
  runs = {}
  for root in arguments:
    found = run_lib.runs_below(root, on_refused=refused.append)
    if not found and not refused:
      raise errors.UserError(f'there is no run below {root}; train one first.')
    runs |= {run.path.resolve(): run for run in found}
  return list(runs.values())


def _measure(wanted, records, data_dir, refused):
  """Measures run by run at the betas that are wanted; prints the table."""
  if not wanted:
    return
  command.tensorflow()
  from tfp_rd.measure import finished_run

  rows = []
  for run, record in itertools.product(wanted, records):
    try:
      file = finished_run.measure_run(
        run,
        record,
        betas=() if None in wanted[run] else wanted[run],
        data_dir=data_dir,
        on_warning=command.print_error,
      )
    except errors.HeldBackError as e:
      command.print_error(str(e))
      continue
    except errors.UserError as e:
      refused.append(str(e))
      continue
    rows += [
      (run.path.name, repr(record), p)
      for p in file.points
      if p.beta in wanted[run]
    ]
  if rows:
    print(point_table.of_measures(rows))


def _evaluate(runs, betas, flag_values, refused):
  """Evaluates run by run and prints the table."""
  if runs:
    command.tensorflow()
  rows = []
  for run in runs:
    try:
      rows += _rows(run, betas, flag_values)
    except errors.UserError as e:
      refused.append(str(e))
  if rows:
    print(point_table.text(('run', 'beta', 'split'), rows))


def _with_betas(runs, betas, refused):
  """Returns the runs that have one of the betas; says which have none.

  A curve is measured at any beta of its range.
  """
  kept, left = [], set(betas)
  for run in runs:
    if not betas:
      kept.append(run)
      continue
    try:
      known = [beta for beta in run.points('test') if beta is not None]
      _, sentence = evaluated.wanted_betas(run, betas)
    except errors.UserError as e:
      refused.append(str(e))
      continue
    if run.config.objective.is_curve:
      left = set()
      if sentence:
        refused.append(sentence)
      else:
        kept.append(run)
      continue
    left -= set(known)
    if set(betas) & set(known):
      kept.append(run)
    else:
      refused.append(
        f'{run.path} has no point at beta {_listed(betas)}; it has '
        f'{_listed(known)}.'
      )
  if kept and left:
    refused.append(f'No run has a point at beta {_listed(sorted(left))}.')
  return kept


def _listed(betas):
  return ', '.join(f'{beta:g}' for beta in betas) or 'none'


def _rows(run, betas, flag_values):
  """Returns a row for each split and beta of a run."""
  # Both bring TensorFlow.
  from tfp_rd.model import evaluation as evaluation_lib
  from tfp_rd.training import ancestry

  evaluation, count = run.config.evaluation, flag_values.eval_examples
  data = loaded.load(run.config.data, flag_values.data_dir)
  split, rows = flag_values.split, []
  splits = point_table.SPLITS if split == 'all' else (split,)
  for beta, model in ancestry.restore_models(run, betas):
    for name in splits:
      point = evaluation_lib.evaluate(
        model,
        data.evaluation_images(name, count=count or evaluation.count(name)),
        num_samples=flag_values.num_samples or evaluation.eval_samples,
        seed=flag_values.seed,
      )
      label = '-' if beta is None else f'{beta:g}'
      rows.append(((run.path.name, label, name), point))
  return rows


if __name__ == '__main__':
  sys.exit(main())
