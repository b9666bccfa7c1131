# SPDX-License-Identifier: Apache-2.0
"""Which separately trained runs each curve of one run is compared with.

No TensorFlow here.
"""

import collections
import dataclasses
import statistics
from collections.abc import Iterable

from tfp_rd import architecture, errors
from tfp_rd.curve import families
from tfp_rd.run import directory as run_lib

__all__ = ['compare_runs']


def compare_runs(
  runs: Iterable[run_lib.Run],
) -> tuple[families.FamilyGaps, ...]:
  """Compares each curve of one run with the separate runs of its family.

  Separate runs are those of a plain beta-ELBO from a fresh start, with the
  model, the data and the training of the curve but for the number of steps and
  the dropout, which suit each kind of training by itself, and with the same
  test images.  Of several such settings the one with the most betas of the
  curve judges, and of these the one with the least `D + beta R` on validation,
  averaged over betas.  Where several curves of a family have a beta in common
  with such runs, that of the lowest seed and of the most steps is judged.

  Args:
    runs: Finished runs of one data set; those that cannot be read are left out.

  Returns:
    One record for each family that has both; costs a second a family.
  """
  runs = list(runs)
  if not any(run.config.objective.is_curve for run in runs):
    return ()  # Before all of them are read.
  runs = sorted(filter(_is_readable, runs), key=_rank)
  # The copy of a run is no other seed.
  runs = list({run.config.digest: run for run in runs}.values())
  comparable = collections.defaultdict(list)
  for run in filter(_is_separate, runs):
    comparable[_shared(run)].append(run)
  judged, judges = {}, {}
  for curve in (run for run in runs if run.config.objective.is_curve):
    name = curve.config.model.architecture
    separate = _judges(curve, comparable[_shared(curve)])
    if separate and name not in judged:
      judged[name] = curve.examples
      judges[name] = [run.examples for run in separate]
  names = sorted(judged, key=architecture.order)
  return families.compare_families(
    {name: judged[name] for name in names}, judges
  )


def _rank(run):
  return run.config.seed, -run.config.training.num_steps, run.path.name


def _judges(curve, separate):
  """Returns the separate runs of the one setting that suits a curve best."""
  betas = set(curve.points('test'))
  settings = {}
  for run in separate:
    config = run.config
    if config.beta in betas:
      own = config.training.num_steps, config.model.dropout
      settings.setdefault(own, []).append(run)
  return min(settings.values(), key=_worth, default=[])


def _worth(runs):
  """Returns a key: the most betas first, then the least `D + beta R`."""
  nats = {}
  for run in runs:
    beta = run.config.beta
    point = run.points('validation')[beta]
    nats.setdefault(beta, []).append(
      point.distortion_nats + beta * point.rate_nats
    )
  return -len(nats), statistics.mean(map(statistics.mean, nats.values()))


def _is_separate(run):
  return run.config.objective.is_plain and not run.config.parent


def _shared(run):
  """Returns what a curve and its judges have in common."""
  config = run.config
  return (
    config.data.key,
    dataclasses.replace(config.model, dropout=0.0),
    dataclasses.replace(config.training, num_steps=1),
    run.result.get('test_images_sha256', run.path),
  )


def _is_readable(run):
  try:
    return bool(run.result) and bool(run.examples)
  except errors.UserError:
    return False
