# SPDX-License-Identifier: Apache-2.0
"""A model of a family, or two neighbours of one curve that share the images.

Two models are mixed by time-sharing: each image goes to one of the two by a
coin that encoder and decoder both see.  R and D of the mixture are those of the
models, weighed by the coin.  No TensorFlow here.
"""

import dataclasses
import itertools
import math
from typing import Any, Optional, TYPE_CHECKING

import numpy as np

from tfp_rd.curve.point import CurvePoint
from tfp_rd.estimate import Estimate

if TYPE_CHECKING:
  from tfp_rd.curve.curve import Curve

__all__ = ['Mixture', 'mixtures_at', 'paired_difference']


@dataclasses.dataclass(frozen=True)
class Mixture:
  """One point of a curve, or two neighbours.

  Attributes:
    name: The family.
    points: One point, or two.
    weights: The part of the images that each has; they sum to 1.
  """

  name: str
  points: tuple[CurvePoint, ...]
  weights: tuple[float, ...] = (1.0,)

  def nats(self, split: str, value: str) -> float:
    """Returns R, D or ELBO of the mixture.

    Args:
      split: `'train'`, `'validation'` or `'test'`.
      value: `'rate'`, `'distortion'` or `'elbo'`.
    """
    values = [getattr(getattr(point, split), value) for point in self.points]
    pairs = zip(self.weights, values, strict=True)
    return sum(weight * value.nats for weight, value in pairs)

  def images(self) -> Optional[np.ndarray]:
    """Returns rate and distortion `[2, N]` of the test images, if known."""
    parts = [point.images for point in self.points]
    if None in parts or not all(parts[0].is_paired(part) for part in parts):
      return None
    nats = [part.nats() for part in parts]
    if any(part is None or part.shape != nats[0].shape for part in nats):
      return None
    return np.tensordot(self.weights, nats, 1)

  @property
  def rate(self) -> Estimate:
    """R on test, with its standard error over images."""
    return self._estimate('rate')

  @property
  def distortion(self) -> Estimate:
    """D on test, with its standard error over images."""
    return self._estimate('distortion')

  @property
  def label(self) -> str:
    """Which betas, for a table, as in `'0.55 and 0.6 (38 %)'`.

    The number in brackets is the second one's part of the images.
    """
    if len(self.points) == 1:
      return self.points[0].label
    first, second = (point.label for point in self.points)
    return f'{first} and {second} ({100 * self.weights[1]:.0f} %)'

  def _estimate(self, value):
    images = self.images()
    nats = self.nats('test', value)
    if images is not None:
      values = images[('rate', 'distortion').index(value)]
      return Estimate.of_mean(values)._replace(nats=nats)
    # Without the images: as if the two went up and down together.
    errors = [getattr(p.test, value).stderr_nats for p in self.points]
    if None in errors:
      return Estimate(nats, math.nan, 0)
    num = self.points[0].test.num_examples or 0
    return Estimate(nats, float(np.dot(self.weights, errors)), num)

  @property
  def slope(self) -> float:
    """Slope of D over R on test between the two points; 0 of a single one."""
    if len(self.points) == 1:
      return 0.0
    first, second = (p.test for p in self.points)
    step = second.rate.nats - first.rate.nats
    rise = second.distortion.nats - first.distortion.nats
    return rise / step if step else 0.0

  def distortion_at(
    self, rate_nats: float, values: Optional[np.ndarray] = None
  ) -> Any:
    """Returns D where the line between the two points has a rate on test.

    Args:
      rate_nats: The rate.
      values: Rate and distortion of images `[2, N]`; the means by default.

    Returns:
      Nats, or `[N]`, whose mean they are and whose spread has the error of
      the rate in it.  A single point stays where it is.
    """
    if values is None:
      values = self.nats('test', 'rate'), self.nats('test', 'distortion')
    rate, distortion = values
    if len(self.points) == 1:
      return distortion
    return distortion + self.slope * (rate_nats - rate)


def mixtures_at(curve: 'Curve', rate_nats: float) -> list[Mixture]:
  """Returns what a curve offers up to a rate on validation.

  Args:
    curve: The curve.  Estimates, which are no bounds, and points below a known
      entropy take no part.
    rate_nats: The largest rate.

  Returns:
    Each point with at most that rate, and the mixture of any two neighbours of
    one run between whose rates it lies, mixed to have it.
  """
  found = [
    Mixture(curve.name, (point,))
    for point in curve.points
    if _is_fit(point) and point.validation.rate.nats <= rate_nats
  ]
  for line in curve.one_run_lines():
    for pair in itertools.pairwise(line):
      if all(map(_is_fit, pair)):
        found += _between(curve.name, pair, rate_nats)
  return found


def _between(name, pair, rate_nats):
  """Yields the mixture of two points that has a rate between theirs."""
  first, second = (point.validation.rate.nats for point in pair)
  if (first - rate_nats) * (second - rate_nats) < 0:
    part = (rate_nats - first) / (second - first)
    yield Mixture(name, tuple(pair), (1.0 - part, part))


def paired_difference(
  one: Mixture, other: Mixture, *, rate_nats: float
) -> Estimate:
  """Computes D of one less D of another at equal rate, on the test images.

  Where validation puts both at a rate, their rates on test still differ by
  chance.  So each is moved along the line between its two points to the rate;
  the error of that is part of the standard error.

  Args:
    one: A mixture.
    other: Another one.
    rate_nats: The rate.

  Returns:
    Nats, with the standard error of the paired difference over images, NaN
    where the two have not the same images or these are not known.
  """
  sides = [one.images(), other.images()]
  nats = one.distortion_at(rate_nats) - other.distortion_at(rate_nats)
  is_paired = (
    None not in (one.points[0].images, other.points[0].images)
    and one.points[0].images.is_paired(other.points[0].images)
    and not any(side is None for side in sides)
    and sides[0].shape == sides[1].shape
  )
  if not is_paired:
    return Estimate(nats, math.nan, 0)
  first, second = (
    mixture.distortion_at(rate_nats, side)
    for mixture, side in zip((one, other), sides, strict=True)
  )
  return Estimate.of_mean(first - second)._replace(nats=nats)


def _is_fit(point):
  return (
    point.is_bound('rate', 'distortion')
    and not point.is_infeasible
    and None not in (point.validation.rate, point.validation.distortion)
    and None not in (point.test.rate, point.test.distortion)
  )
