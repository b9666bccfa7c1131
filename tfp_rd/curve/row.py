# SPDX-License-Identifier: Apache-2.0
"""The points of one run, from its result files.  No TensorFlow here."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any, TYPE_CHECKING

from tfp_rd import errors
from tfp_rd.curve import excess as excess_lib
from tfp_rd.curve import images as images_lib
from tfp_rd.curve.point import (
  CurvePoint,
  PointValue,
  SPLITS,
  SplitValues,
  STATUS,
)
from tfp_rd.estimate import Estimate

if TYPE_CHECKING:
  from tfp_rd.run import directory as run_lib

__all__ = ['infeasible', 'read_points']


def read_points(run: 'run_lib.Run') -> tuple[CurvePoint, ...]:
  """Reads the points of a run, one for each of its betas.

  Args:
    run: A finished run.

  Returns:
    The points, without settings.

  Raises:
    UserError: A file of the run is missing or holds something else.
  """
  result = run.result
  try:
    return _read_points(run, result)
  except errors.UserError:
    # Another process may have written a result with more points meanwhile.
    now = run.result
    if now['examples_sha256'] == result['examples_sha256']:
      raise
    return _read_points(run, now)


def _read_points(run, result):
  try:
    num_pixels = math.prod(result.get('image_shape') or [math.nan])
    points = [_point(run, entry, num_pixels) for entry in result['points']]
    points = [
      dataclasses.replace(point, images=images)
      for point, images in zip(
        points, images_lib.of_run(run, result), strict=True
      )
    ]
    if 'entropy_nats' not in result:
      return tuple(points)
    names = ('entropy_nats', 'entropy_stderr_nats')
    entropy = Estimate(*(float(result[name]) for name in names))
    excesses = _excesses(run, result['examples_sha256'], len(points))
    return _with_entropy(points, entropy, excesses)
  except (ValueError, KeyError, TypeError, ArithmeticError) as e:
    path = run.path / 'result.json'
    raise errors.UserError(f'{path} is corrupt ({e!r:.80}).') from e


def infeasible(
  run: 'run_lib.Run', points: Sequence[CurvePoint]
) -> Iterator[str]:
  """Yields a sentence for each point of a run that no model can have."""
  for point in points:
    if point.is_infeasible:
      yield (
        f'{run.path.name} {point.phrase} has D + R - H = '
        f'{point.excess.nats:.3f} \N{PLUS-MINUS SIGN} '
        f'{_or_nan(point.excess.stderr_nats):.3f} nats on test.'
      )


def _point(run, entry, num_pixels):
  objective = run.config.objective
  has_beta = objective.is_curve or objective.beta is not None
  beta, found_beta = entry['beta'], entry.get('found_beta')
  return CurvePoint(
    beta=float(beta) if has_beta else None,
    objective=objective.label,
    is_one_run=objective.is_curve,
    found_beta=None if found_beta is None else float(found_beta),
    seeds=(run.config.seed,),
    **{split: _values(entry[split], num_pixels) for split in SPLITS},
  )


def _values(fields, num_pixels):
  values = {name: _value(fields, name) for name in STATUS}
  nats = values['rate'].nats, -values['elbo'].nats
  bpp, total_bpp = (n / math.log(2) / num_pixels for n in nats)
  return SplitValues(
    **values,
    bpp=None if math.isnan(bpp) else bpp,
    total_bpp=None if math.isnan(total_bpp) else total_bpp,
    num_examples=int(fields['num_examples']),
  )


def _value(fields: dict[str, Any], name: str) -> PointValue:
  nats, stderr = fields[f'{name}_nats'], fields[f'{name}_stderr_nats']
  for number in (nats, 0.0 if stderr is None else stderr):
    if not math.isfinite(number):
      raise ValueError(f'{name} is {number}')
  # A single image has no standard error.
  stderr = None if stderr is None else float(stderr)
  status = fields.get('status') or {}
  status = str(status.get(f'{name}_nats', STATUS[name]))
  return PointValue(float(nats), stderr, status=status)


def _with_entropy(points, entropy, excesses):
  """Adds the entropy of the source, and how far each point is above it."""
  compared = []
  for point, excess in zip(points, excesses, strict=True):
    error = excess.stderr_nats
    error = None if math.isnan(error) else error
    compared.append(
      dataclasses.replace(
        point,
        entropy=entropy,
        excess=PointValue(excess.nats, error, status='upper_bound'),
        # Only a bound says that no model can be there.
        is_infeasible=point.is_bound('rate', 'distortion', 'elbo')
        and excess_lib.is_infeasible(excess),
      )
    )
  return tuple(compared)


def _excesses(run, digest, num):
  try:
    excesses = excess_lib.excesses(run.examples_of(digest))
    if len(excesses) != num:
      raise ValueError(f'{len(excesses)} points')
    return excesses
  except (ValueError, KeyError) as e:
    raise errors.UserError(
      f'{run.path / "examples.npz"} does not go with the result ({e!r:.80}).'
    ) from e


def _or_nan(number):
  return math.nan if number is None else number
