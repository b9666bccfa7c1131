# SPDX-License-Identifier: Apache-2.0
"""A measure of a finished run: what is missing is measured and kept beside it.

A process that is killed loses the beta that it was at; the next one goes on
with the rest.
"""

import functools
import math
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Optional

from tfp_rd import dataset as dataset_lib
from tfp_rd import errors
from tfp_rd.measure.measure import Measure
from tfp_rd.run import directory, measures
from tfp_rd.training import checkpoint, experiment, provenance

__all__ = ['measure_run', 'wanted_betas']


def wanted_betas(
  run: directory.Run, betas: Sequence[float] = ()
) -> tuple[tuple[Optional[float], ...], str]:
  """Returns the betas at which a run is measured.

  Args:
    run: A finished run.
    betas: Those that are asked for.  By default a curve is measured at that of
      its points' betas that is nearest to 1, and any other run at its own.

  Returns:
    betas: Those that the run has.
    sentence: Which of them it lacks, and what it has; empty if it has all.
      A run of one beta lacks none if its own is among them.
  """
  known = tuple(run.points('test'))
  objective = run.config.objective
  if not betas:
    with_beta = [beta for beta in known if beta is not None]
    if not objective.is_curve or not with_beta:
      return known, ''
    return (min(with_beta, key=lambda b: abs(math.log(b))),), ''
  betas = tuple(dict.fromkeys(float(beta) for beta in betas))
  if not objective.is_curve:
    found = tuple(beta for beta in known if beta in betas)
    own = 'none' if known[0] is None else f'{known[0]:g}'
    return found, '' if found else _lacks(run, betas, f'it has {own}')
  low, high = objective.beta_range
  found = tuple(beta for beta in betas if low <= beta <= high)
  lacking = [beta for beta in betas if beta not in found]
  if not lacking:
    return found, ''
  return found, _lacks(run, lacking, f'its curve goes from {low:g} to {high:g}')


def measure_run(
  run: directory.Run,
  measure: Measure,
  *,
  betas: Sequence[float] = (),
  data_dir: str = '',
  on_warning: Callable[[str], Any] = lambda sentence: None,
) -> measures.MeasureFile:
  """Measures what is missing of a run, and keeps it in the run's directory.

  Args:
    run: A finished run with its weights.
    measure: The measure.
    betas: As `wanted_betas`.
    data_dir: Where tensorflow-datasets keeps its prepared sets.
    on_warning: Called with a sentence where a file is set aside.

  Returns:
    All that is known of this measure of the run.  It is the same whether the
    points were measured at once or one by one, but for the time that it took.

  Raises:
    HeldBackError: Another process measures it.
    UserError: The run has no result, no weights or other weights or images
      than it was evaluated with, or the measure refuses its model.
    OSError: The file cannot be written.
  """
  wanted, _ = wanted_betas(run, betas)
  complete = _complete(run, measure, wanted)
  if complete is not None:
    return complete
  if not run.has_weights:
    raise errors.UserError(
      f'{run.path} is kept without weights and cannot be measured; remove its '
      'result.json to train it again.'
    )
  data, images_sha256 = _load(run.config.data, data_dir)
  weights_sha256 = _weights_sha256(run)
  provenance.check_images(run, images_sha256)
  empty = measures.MeasureFile(
    repr(measure), weights_sha256, images_sha256, provenance.versions()
  )
  with measures.lock(run, repr(measure)):
    file = _read(run, empty, on_warning)
    missing = [beta for beta in wanted if beta not in file.betas]
    for beta, model in _models(run, missing):
      start = time.monotonic()
      found = measure(model, data, beta=beta)
      point = measures.MeasuredPoint(beta, found.values, found.checks)
      file = file.with_point(point, time.monotonic() - start)
      file._replace(versions=empty.versions).write(run)
  return file


def _complete(run, measure, wanted):
  """Returns the file if it has all that is wanted; reads no weights.

  The result's digests say which weights and images are meant; without them
  only the weights themselves can.
  """
  digests = [run.result.get(f'{what}_sha256') for what in ('weights', 'images')]
  try:
    file = measures.MeasureFile.read(measures.path_of(run, repr(measure)))
  except (FileNotFoundError, errors.UserError):
    return None
  same = None not in digests and file[:3] == (repr(measure), *digests)
  return file if same and set(wanted) <= set(file.betas) else None


def _models(run, betas):
  """Yields betas and the model at each; none of no betas."""
  return experiment.restore_models(run, betas) if betas else ()


def _lacks(run, betas, known):
  listed = ', '.join(f'{beta:g}' for beta in betas)
  return f'{run.path.name} has no beta {listed}: {known}.'


@functools.lru_cache(maxsize=1)
def _load(data, data_dir):
  """Loads a data set, and digests it, once for all runs in a row."""
  loaded = dataset_lib.load(data, data_dir=data_dir)
  return loaded, provenance.digest_of_splits(loaded)


def _weights_sha256(run):
  """Returns the digest of the weights, which are those of the result."""
  try:
    return checkpoint.weights_sha256(experiment.restore(run))
  except errors.HeldBackError as e:
    # Nobody else can measure these weights either.
    raise errors.UserError(str(e)) from e


def _read(run, empty, on_warning):
  """Returns what is there of the same measure, weights and images."""
  path = measures.path_of(run, empty.measure)
  try:
    file = measures.MeasureFile.read(path)
    if file.is_of(empty):
      return file
    sentence = f'{path} was measured on other weights or images.'
  except FileNotFoundError:
    return empty
  except errors.UserError as e:
    sentence = str(e)
  aside = pathlib.Path(f'{path}.corrupt')
  path.replace(aside)
  on_warning(f'{sentence} It is kept as {aside.name} and measured again.')
  return empty
