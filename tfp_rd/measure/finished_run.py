# SPDX-License-Identifier: Apache-2.0
"""A measure of a finished run: what is missing is measured and kept beside it.

A process that is killed loses the beta that it was at; the next one goes on
with the rest.
"""

import functools
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from tfp_rd import dataset as dataset_lib
from tfp_rd import errors
from tfp_rd.measure.measure import Measure
from tfp_rd.run import directory, evaluated, measures
from tfp_rd.training import ancestry, checkpoint, provenance

__all__ = ['measure_run']


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
    betas: As `tfp_rd.run.evaluated.wanted_betas`.
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
  wanted, _ = evaluated.wanted_betas(run, betas)
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
  return ancestry.restore_models(run, betas) if betas else ()


@functools.lru_cache(maxsize=1)
def _load(data, data_dir):
  """Loads a data set, and digests it, once for all runs in a row."""
  loaded = dataset_lib.load(data, data_dir=data_dir)
  return loaded, provenance.digest_of_splits(loaded)


def _weights_sha256(run):
  """Returns the digest of the weights, which are those of the result."""
  try:
    return checkpoint.weights_sha256(ancestry.restore(run))
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
