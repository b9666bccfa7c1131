# SPDX-License-Identifier: Apache-2.0
"""Which runs of a folder judge which: curves of one run, and separate models.

No TensorFlow here.
"""

import dataclasses
import statistics
from collections.abc import Iterable

from tfp_rd import compare_table, errors
from tfp_rd import config as config_lib
from tfp_rd import run as run_lib

__all__ = ['compare_runs']


def compare_runs(
  runs: Iterable[run_lib.Run],
) -> tuple[compare_table.FamilyGaps, ...]:
  """Compares each curve of one run with the separate runs of its family.

  Separate runs are those of a plain beta-ELBO from a fresh start, with the
  model, the data and the training of the curve but for the number of steps and
  the dropout, which suit each kind of training by itself, and with the same
  test images.  Where a beta has several such settings, the one with the least
  `D + beta R` on validation judges.  Where several curves of a family have a
  beta in common with such runs, that of the lowest seed and of the most steps
  is judged.

  Args:
    runs: Finished runs of one data set; those that cannot be read are left out.

  Returns:
    One record for each family that has both; costs a second a family.
  """
  runs = sorted(filter(_is_readable, runs), key=_rank)
  # The copy of a run is no other seed.
  runs = list({run.config: run for run in runs}.values())
  judged, judges = {}, {}
  for curve in (r for r in runs if config_lib.is_curve(r.config.objective)):
    name = curve.config.model.architecture
    found = _judges(curve, runs)
    if found and name not in judged:
      judged[name] = curve.examples
      judges[name] = [run.examples for run in found]
  names = sorted(judged, key=lambda name: [*map('-+v'.find, name)])
  return compare_table.compare_families(
    {name: judged[name] for name in names}, judges
  )


def _rank(run):
  return run.config.seed, -run.config.training.num_steps, run.path.name


def _judges(curve, runs):
  """Returns the separate runs that suit a curve, one setting at each beta."""
  found = [
    run
    for run in runs
    if _is_separate(run.config) and _shared(run) == _shared(curve)
  ]
  chosen = []
  for beta in curve.points('test'):
    settings = {}
    for run in found:
      if run.config.beta == beta:
        settings.setdefault(_own(run), []).append(run)
    chosen += min(settings.values(), key=_validation_nats, default=[])
  return chosen


def _is_separate(config):
  kind, fields = config_lib.parse_call(config.objective)
  return kind == 'beta_elbo' and set(fields) <= {'beta'} and not config.parent


def _shared(run):
  """Returns what a curve and its judges have in common."""
  config = run.config
  return (
    config.data,
    dataclasses.replace(config.model, dropout=0.0),
    dataclasses.replace(config.training, num_steps=1),
    config.evaluation.eval_samples,
    # Of these images the test split's, as many of them.
    run.result.get('images_sha256'),
    run.examples['rate_nats'].shape[-1],
  )


def _own(run):
  return run.config.training.num_steps, run.config.model.dropout


def _validation_nats(runs):
  """Returns the mean of `D + beta R` over seeds."""
  points = [(r.config.beta, r.points('validation')) for r in runs]
  return statistics.mean(
    at[beta].distortion_nats + beta * at[beta].rate_nats for beta, at in points
  )


def _is_readable(run):
  try:
    return bool(run.result) and bool(run.examples)
  except errors.UserError:
    return False
