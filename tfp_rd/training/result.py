# SPDX-License-Identifier: Apache-2.0
"""The result of a run: its points, and every test image by itself."""

import dataclasses
import hashlib
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfp_rd.model import evaluation, movable_model
from tfp_rd.network import initial
from tfp_rd.run import atomic_file, evaluated, refinement, result_file, sealed
from tfp_rd.run import directory as run_lib
from tfp_rd.training import checkpoint, provenance

__all__ = ['extend', 'write']

_ARRAYS = ('rate_nats', 'distortion_nats')


class _Evaluated(NamedTuple):
  """One point of a run: its records, and its test images one by one."""

  entry: dict[str, Any]
  rate: np.ndarray
  distortion: np.ndarray


def write(run, state, data) -> Mapping[str, Any]:
  """Evaluates the kept weights and writes what remains of a run's files.

  A curve has a point at each of its betas, and between them where its rate
  jumps, as many as its configuration allows.

  Args:
    run: The run; its `result.json` is written last.
    state: A `loop.State` at its end, the kept weights in the model.
    data: The run's `Dataset`.

  Returns:
    The content of `result.json`.

  Raises:
    FloatingPointError: A rate or distortion is not finite.
    OSError: A file cannot be written.
  """
  model = state.program.model
  players = state.program.players
  checkpoint.write_weights(
    model, run.path / 'checkpoint' / 'kept', players=players.brought
  )
  betas = [run.config.beta]
  if run.config.objective.is_curve:
    betas = run.config.evaluation.eval_betas or run.config.objective.betas()
  found_beta = run.config.objective.found_beta(players.held)
  points = _evaluate(run, model, data, betas, found_beta=found_beta)
  return _publish(
    run, points, data, provenance.about_training(run, state, data)
  )


def extend(run, model, data) -> Mapping[str, Any]:
  """Evaluates a finished run again, as its configuration asks.

  Betas that the result has not are added; for more draws or images than it has
  all points are evaluated anew.  A point is the same, bit for bit, as that of a
  run which had it from the start.

  Args:
    run: The run, with the evaluation that is wanted in its `config`.
    model: The run's model with its kept weights.
    data: The run's `Dataset`.

  Returns:
    The content of `result.json`.

  Raises:
    FloatingPointError: A rate or distortion is not finite.
    OSError: A file cannot be written.
  """
  before, wanted = run.result, run.config.evaluation
  evaluation = evaluated.union(run, wanted)
  kept = _read(run) if evaluated.keeps_points(run, wanted) else []
  known = {point.entry['beta'] for point in kept}
  there = [*run.points('test')]
  points = _evaluate(
    run_lib.Run(run.path, _with(run.config, evaluation)),
    model,
    data,
    [b for b in (*there, *evaluated.missing(run, wanted)) if b not in known],
    kept=kept,
    found_beta=before['points'][0].get('found_beta'),
  )
  if len(points) > len(there):
    # Asked for all of these from the start, a run has the same points.
    betas = tuple(point.entry['beta'] for point in points)
    evaluation = dataclasses.replace(evaluation, eval_betas=betas)
  run = run_lib.Run(run.path, _with(run.config, evaluation))
  run_lib.write_config(run)
  about = {key: before[key] for key in before if key not in _OF_AN_EVALUATION}
  return _publish(run, points, data, about)


def _with(config, evaluation):
  return dataclasses.replace(config, evaluation=evaluation)


def _evaluate(
  run, model, data, betas, *, found_beta, kept=()
) -> list[_Evaluated]:
  """Returns the points that are kept, those at betas, and those between."""
  price = {} if found_beta is None else {'found_beta': float(found_beta)}
  if not all(map(math.isfinite, price.values())):
    raise FloatingPointError(
      f'the price of rate that {run.path.name} found is {found_beta}; lower '
      'the learning rate, or train it with another seed.'
    )
  points = list(kept)
  movable = movable_model.MovableModel(model)
  for beta in _and_between(betas, run.config, points):
    at_beta = movable.to(beta)
    found = {s: _nats(run.config, at_beta, data, s) for s in result_file.SPLITS}
    entry = {'beta': beta, **price, **_records(run, found)}
    test = found['test']
    points.append(_Evaluated(entry, test.rate_nats, test.distortion_nats))
  if run.config.objective.is_curve:
    points.sort(key=lambda point: point.entry['beta'])
  return points


def _and_between(betas, config, points):
  """Yields betas, then those where R jumps; `points` grows meanwhile."""
  yield from betas
  max_points = config.evaluation.eval_max_points
  while config.objective.is_curve and max_points:
    rates = {
      point.entry['beta']: point.entry['validation']['rate_nats']
      for point in points
    }
    beta = refinement.next_beta(rates, max_points=max_points)
    if beta is None:
      return
    yield beta


def _nats(config, model, data, split):
  """Returns the point of a split, and its images one by one."""
  return evaluation.evaluate_whole(
    model,
    _images(config, data, split),
    num_samples=config.evaluation.eval_samples,
    seed=initial.fold_in(config.seed, 3 + result_file.SPLITS.index(split)),
  )


def _images(config, data, split):
  count = config.evaluation.count(split)
  return data.evaluation_images(split, count=count)


def _records(run, found):
  """Returns the record of each split's point."""
  points = {split: whole.point for split, whole in found.items()}
  for split, point in points.items():
    if not math.isfinite(point.elbo_nats):
      raise FloatingPointError(
        f'rate or distortion of {run.path.name} is not finite on the {split} '
        'split; lower the learning rate, or train it with another seed.'
      )
  return {split: point.to_dict() for split, point in points.items()}


def _read(run) -> list[_Evaluated]:
  """Returns the points that a result has."""
  arrays = run.examples
  columns = zip(*(arrays[name] for name in _ARRAYS), strict=True)
  return [
    _Evaluated(dict(entry), *values)
    for entry, values in zip(run.result['points'], columns, strict=True)
  ]


def _publish(run, points: Sequence[_Evaluated], data, about):
  """Writes the images one by one, then the result, which names their digest."""
  content = _examples(run, points, data, about['weights_sha256'])
  digest = hashlib.sha256(content).hexdigest()
  name = 'examples.npz'
  if run.is_done:  # What the present result names stays until it is replaced.
    name = f'examples_{digest[:8]}.npz'
  atomic_file.write_atomically(run.path / name, content)
  result = {
    'schema': 1,
    'config': run.config.to_dict(),
    **about,
    'evaluated_with': provenance.about_evaluation(),
    'examples_sha256': digest,
    # By which runs on the same images are known, to be paired.
    'test_images_sha256': provenance.digest_of_images(
      [_images(run.config, data, 'test')]
    ),
    'points': [point.entry for point in points],
    **_nearest_to_elbo(points),
  }
  sealed.write_json(run.path / 'result.json', result)
  for old in run.path.glob('examples*.npz'):
    if old.name != name:
      old.unlink()
  return run.result


_OF_AN_EVALUATION = {
  'evaluated_with',
  *('schema', 'config', 'examples_sha256', 'test_images_sha256', 'points'),
  *result_file.SPLITS,
}


def _nearest_to_elbo(points):
  """Returns the splits of the point whose beta is nearest to the ELBO's."""

  def distance(point):
    beta = point.entry['beta']
    return 0.0 if beta is None else abs(math.log(beta))

  first = min(points, key=distance).entry
  return {split: first[split] for split in result_file.SPLITS}


def _examples(run, points, data, weights_sha256) -> bytes:
  """Returns the content of `examples.npz`."""
  betas = [point.entry['beta'] for point in points]
  arrays = {
    'beta': np.array([math.nan if b is None else b for b in betas]),
    'rate_nats': np.stack([point.rate for point in points]),
    'distortion_nats': np.stack([point.distortion for point in points]),
  }
  if data.source is not None:
    test = _images(run.config, data, 'test')
    arrays['log_prob_nats'] = data.source.log_prob(test)
  for name in arrays.keys() - {'beta'}:
    # Half the space, and a millionth of a nat.
    arrays[name] = arrays[name].astype(np.float32)
  if weights_sha256 is not None:
    arrays['weights_sha256'] = np.array(weights_sha256)
  buffer = io.BytesIO()
  np.savez_compressed(buffer, **arrays)
  return buffer.getvalue()
