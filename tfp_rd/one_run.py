# SPDX-License-Identifier: Apache-2.0
"""Which runs of a folder judge which: curves of one run, and separate models.

No TensorFlow here.
"""

import dataclasses
from collections.abc import Iterable

from tfp_rd import compare_table
from tfp_rd import config as config_lib
from tfp_rd import run as run_lib

__all__ = ['compare_runs']


def compare_runs(
  runs: Iterable[run_lib.Run],
) -> tuple[compare_table.FamilyGaps, ...]:
  """Compares each curve of one run with the separate runs of its family.

  Separate runs are those of a plain beta-ELBO from a fresh start, with the
  model, the data and the training of the curve but for the number of steps and
  the dropout, which suit each kind of training by itself.  Where a family has
  several curves, that of the lowest seed and of the most steps is judged.

  Args:
    runs: Finished runs of one data set.

  Returns:
    One record for each family that has both; costs a second a family.

  Raises:
    UserError: The runs of a family saw other images.
  """
  runs = list(runs)
  curves = {}
  for run in sorted(runs, key=_rank, reverse=True):
    if config_lib.is_curve(run.config.objective):
      curves[run.config.model.architecture] = run
  judges = {
    name: [r for r in runs if _is_separate(r.config) and _is_alike(r, curve)]
    for name, curve in sorted(curves.items())
  }
  judged = [name for name, found in judges.items() if found]
  return compare_table.compare_families(
    {name: curves[name].examples for name in judged},
    {name: [run.examples for run in judges[name]] for name in judged},
  )


def _rank(run):
  return run.config.seed, -run.config.training.num_steps, run.path.name


def _is_separate(config):
  kind, fields = config_lib.parse_call(config.objective)
  return kind == 'beta_elbo' and set(fields) <= {'beta'} and not config.parent


def _is_alike(run, curve):
  return _shared(run.config) == _shared(curve.config)


def _shared(config):
  training = dataclasses.replace(config.training, num_steps=1)
  model = dataclasses.replace(config.model, dropout=0.0)
  evaluation = dataclasses.replace(config.evaluation, eval_betas=())
  return config.data, model, training, evaluation
