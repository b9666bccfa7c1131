# SPDX-License-Identifier: Apache-2.0
"""What claims are checked on: finished runs, curves, and files beside them.

No TensorFlow here.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional, TYPE_CHECKING

from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd.curve import best
from tfp_rd.curve.curve import Curve
from tfp_rd.curve.diagonal import NamedPoint
from tfp_rd.curve.point import CurvePoint
from tfp_rd.estimate import Estimate, Value
from tfp_rd.report import cell, picture_figures
from tfp_rd.run import measures
from tfp_rd.run import pictures as pictures_lib

if TYPE_CHECKING:
  from tfp_rd.curve import collection, mixture
  from tfp_rd.run import directory

__all__ = ['DIGITS', 'MNIST', 'Evidence', 'best_of', 'number']
__all__ += ['paired_difference', 'rates_of_seeds', 'with_decoder']

MNIST = config_lib.DataConfig('binarized_mnist')
DIGITS = config_lib.DataConfig('digits')

_PLAIN = 'beta_elbo'


@dataclasses.dataclass(frozen=True)
class Evidence:
  """What is below the roots.

  Attributes:
    collected: The finished runs.
    toy: What `tfp-rd toy` wrote in `toy.json`, if that is there.
    data_dir: Where tensorflow-datasets keeps `mnist`; empty for nowhere.
  """

  collected: 'collection.Collection'
  toy: Optional[Mapping[str, Any]] = None
  data_dir: str = ''

  def curves(self, data: config_lib.DataConfig) -> tuple[Curve, ...]:
    """Returns the curves of a data set; none if it has no finished run."""
    return self.collected.curves.get(data, ())

  def runs(self, data: config_lib.DataConfig) -> 'tuple[directory.Run, ...]':
    """Returns the finished runs of a data set."""
    return self.collected.runs.get(data, ())

  def points(self, data: config_lib.DataConfig) -> list[NamedPoint]:
    """Returns the points of a data set that are bounds on test."""
    return [
      NamedPoint(curve.name, point)
      for curve in self.curves(data)
      for point in curve.points
      if _is_whole(point)
    ]

  def fresh(
    self, data: config_lib.DataConfig, *, decoder: str
  ) -> dict[str, list[CurvePoint]]:
    """Returns the runs of beta 1 alone, without annealing or a warm start.

    Args:
      data: The data set.
      decoder: The sign of their decoder.

    Returns:
      For each family its points, by rising number of steps.
    """
    found = {}
    for name, point in self.points(data):
      is_fresh = not point.is_one_run and point.objective == _PLAIN
      is_cold = point.settings.get('warm_start', '') in ('', 'longer')
      if name[1] == decoder and is_fresh and is_cold and point.beta == 1:
        found.setdefault(name, []).append(point)
    return {name: sorted(found[name], key=_num_steps) for name in found}

  def annealed(
    self, data: config_lib.DataConfig, *, decoder: str
  ) -> dict[str, list[CurvePoint]]:
    """Returns the runs of beta 1 whose weight of the rate rose from 0."""
    found = {}
    for name, point in self.points(data):
      is_annealed = 'kl_annealing_steps' in point.objective
      if name[1] == decoder and is_annealed and point.beta == 1:
        found.setdefault(name, []).append(point)
    return found

  def measured(
    self, data: config_lib.DataConfig, name: str
  ) -> list[tuple[NamedPoint, Value]]:
    """Returns points with a value that a measure left beside their run.

    Args:
      data: The data set.
      name: The name of the value.
    """
    found = []
    points = self.points(data)
    for run in self.runs(data):
      files, _ = measures.read_all(run)
      for measured in (point for file in files for point in file.points):
        values = [v for v in measured.values if v.name == name]
        here = [p for p in points if _is_of(p.point, run, measured.beta)]
        if values and here and values[0].number is not None:
          found.append((here[0], values[0]))
    return found

  def pictures(
    self, data: config_lib.DataConfig
  ) -> list[tuple[NamedPoint, pictures_lib.Pictures]]:
    """Returns points with the pictures beside their run.

    A file that is damaged, or of other weights, is passed over.
    """
    shown = picture_figures.of_points(self.curves(data), self.runs(data))
    return [each for each in shown if _is_whole(each[0].point)]


def number(estimate: Estimate, sign: str = '') -> str:
  """Returns a number with its standard error, as tables show it."""
  return cell.estimate(estimate, sign)


def paired_difference(
  one: CurvePoint, other: CurvePoint, *, beta: float = 1.0
) -> Estimate:
  """Computes D + beta R of one point less that of another, image by image.

  Args:
    one: A point.
    other: Another one.
    beta: Weight of the rate; 1 for -ELBO, 0 for D alone.

  Returns:
    Nats on test, with the paired standard error, NaN where the two have not
    the same images or these are not known.
  """
  nats = _total(one, beta) - _total(other, beta)
  images = [point.images for point in (one, other)]
  if None in images or not images[0].is_paired(images[1]):
    return Estimate(nats, math.nan)
  values = [image.nats() for image in images]
  if any(v is None or v.shape != values[0].shape for v in values):
    return Estimate(nats, math.nan)
  rate, distortion = values[0] - values[1]
  return Estimate.of_mean(distortion + beta * rate)._replace(nats=nats)


def best_of(
  curves: Sequence[Curve], rate_nats: float
) -> 'Optional[mixture.Mixture]':
  """Returns what has the least D up to a rate, or `None` for nothing."""
  try:
    return best.best_at_rate(curves, rate_nats).best
  except errors.UserError:  # No model has so little.
    return None


def rates_of_seeds(point: CurvePoint) -> list[float]:
  """Returns the rate of each run that was averaged, where these are known."""
  if point.images is None:
    return [point.test.rate.nats]
  images = [
    dataclasses.replace(point.images, files=(file,)).nats()
    for file in point.images.files
  ]
  if any(nats is None for nats in images):
    return [point.test.rate.nats]
  return [float(nats[0].mean()) for nats in images]


def with_decoder(curves: Iterable[Curve], sign: str) -> list[Curve]:
  """Returns the curves of families with a decoder."""
  return [curve for curve in curves if curve.name[1] == sign]


def _is_whole(point):
  """Whether R, D and ELBO were measured on test, and are bounds."""
  return point.is_bound('rate', 'distortion', 'elbo') and None not in (
    point.test.rate,
    point.test.elbo,
  )


def _total(point, beta):
  return point.test.distortion.nats + beta * point.test.rate.nats


def _num_steps(point):
  return int(point.settings.get('num_steps') or 0)


def _is_of(point, run, beta):
  """Whether a point is of a run, at one of its betas."""
  files = () if point.images is None else point.images.files
  return any(file[0].path == run.path for file in files) and (
    point.beta == beta or not point.is_one_run
  )
