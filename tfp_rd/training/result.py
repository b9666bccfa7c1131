# SPDX-License-Identifier: Apache-2.0
"""The result of a run: its points, and every test image by itself."""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

from tfp_rd.model import evaluation, movable_model
from tfp_rd.network import initial
from tfp_rd.run import directory as run_lib
from tfp_rd.run import evaluated, refinement, result_file
from tfp_rd.training import checkpoint, kept_pictures, provenance, published

__all__ = ['extend', 'write']


def write(run, state, data) -> Mapping[str, Any]:
  """Evaluates the kept weights and writes what remains of a run's files.

  A curve has a point at each of its betas, and between them where its rate
  jumps, as many as its configuration allows.  The result is written when all
  of its betas have a point, and again with each point between them: from then
  on a stop loses one point.

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
  betas = evaluated.given_betas(run.config)
  found_beta = run.config.objective.found_beta(players.held)
  images = published.Images(run.config, data)
  about = {
    **provenance.about_training(run, state, data),
    **_about_evaluation(images),
  }
  kept_pictures.keep(
    run,
    state.program.movable,
    data,
    betas,
    weights_sha256=about['weights_sha256'],
  )
  for points in _evaluate(run, model, images, betas, found_beta=found_beta):
    if len(points) >= len(betas):
      published.publish(run, points, images, about)
  return run.result


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
  kept = published.read(run) if evaluated.keeps_points(run, wanted) else []
  known = {point.entry['beta'] for point in kept}
  there = [*run.points('test')]
  missing = evaluated.missing(run, wanted)
  if missing:
    # Asked for all of these from the start, a run has the same points.
    evaluation = dataclasses.replace(evaluation, eval_betas=(*there, *missing))
  kept_pictures.keep(
    run,
    movable_model.MovableModel(model),
    data,
    evaluated.given_betas(run.config),
    weights_sha256=checkpoint.weights_sha256(model),
  )
  run = run_lib.Run(run.path, _with(run.config, evaluation))
  images = published.Images(run.config, data)
  about = {
    **{k: v for k, v in before.items() if k not in published.OF_AN_EVALUATION},
    **_about_evaluation(images),
  }
  for points in _evaluate(
    run,
    model,
    images,
    [b for b in (*there, *missing) if b not in known],
    kept=kept,
    found_beta=before['points'][0].get('found_beta'),
  ):
    # No point that is there is lost meanwhile.
    if {*there} <= {point.entry['beta'] for point in points}:
      run_lib.write_config(run)
      published.publish(run, points, images, about)
  return run.result


def _about_evaluation(images):
  return {
    'evaluated_with': provenance.about_evaluation(),
    # By which runs on the same images are known, to be paired.
    'test_images_sha256': provenance.digest_of_images([images['test']]),
  }


def _with(config, evaluation):
  return dataclasses.replace(config, evaluation=evaluation)


def _evaluate(
  run, model, images, betas, *, found_beta, kept=()
) -> Iterator[list[published.Evaluated]]:
  """Evaluates the points at `betas`, then those between them.

  Yields all points, those that are kept among them, after each evaluation; it
  is the same list, which grows.
  """
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
    found = {
      split: _nats(run.config, at_beta, images[split], split)
      for split in result_file.SPLITS
    }
    entry = {'beta': beta, **price, **_records(run, found)}
    test = found['test']
    points.append(
      published.Evaluated(entry, test.rate_nats, test.distortion_nats)
    )
    if run.config.objective.is_curve:
      points.sort(key=lambda point: point.entry['beta'])
    yield points


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


def _nats(config, model, images, split):
  """Returns the point of a split, and its images one by one."""
  return evaluation.evaluate_whole(
    model,
    images,
    num_samples=config.evaluation.eval_samples,
    seed=initial.fold_in(config.seed, 3 + result_file.SPLITS.index(split)),
  )


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
