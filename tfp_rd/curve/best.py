# SPDX-License-Identifier: Apache-2.0
"""Which model has the least distortion up to a rate: the question of the plane.

Chosen on validation, read on test.  No TensorFlow here.
"""

import dataclasses
from collections.abc import Sequence
from typing import Optional, TYPE_CHECKING

from tfp_rd import errors
from tfp_rd.curve import mixture as mixture_lib
from tfp_rd.curve.mixture import Mixture
from tfp_rd.estimate import Estimate

if TYPE_CHECKING:
  from tfp_rd.curve.curve import Curve

__all__ = ['BestAtRate', 'best_at_rate', 'suiting_rates']

_NUM_RATES = 5
# Below, a model ignores its latent variables, whatever its rate.
_LEAST_STEP_NATS = 0.1


@dataclasses.dataclass(frozen=True)
class BestAtRate:
  """The model with the least D up to a rate, and the family that comes next.

  Attributes:
    rate_nats: The rate.
    best: The model, or the two that are mixed.
    runner_up: The best of the other families; `None` if there is none.
    difference: D of the best less D of the runner-up, on the same test images
      and at equal rate, with its paired standard error; NaN where the images
      are not known.
  """

  rate_nats: float
  best: Mixture
  runner_up: Optional[Mixture]
  difference: Optional[Estimate]

  @property
  def name(self) -> str:
    """The family."""
    return self.best.name

  @property
  def rate(self) -> Estimate:
    """R on test."""
    return self.best.rate

  @property
  def distortion(self) -> Estimate:
    """D on test."""
    return self.best.distortion

  def __str__(self):
    (rate, rate_error), (nats, error) = self.rate[:2], self.distortion[:2]
    text = (
      f'least D at R <= {self.rate_nats:g}: {self.name} at beta '
      f'{self.best.label}, R {rate:.2f} ± {rate_error:.2f}  D {nats:.2f} ± '
      f'{error:.2f} nats on test'
    )
    if self.runner_up is None:
      return text
    nats, error = self.difference[:2]
    return f'{text}; {nats:+.2f} ± {error:.2f} to {self.runner_up.name}'


def best_at_rate(curves: 'Sequence[Curve]', rate_nats: float) -> BestAtRate:
  """Finds the model with the least distortion up to a rate.

  Between two evaluated betas of one run it takes both models, mixed by
  time-sharing: each image goes to one of them by a coin, so that R and D are
  linear between the two.  The model of a beta between them, as
  `ConditionalModel.at_rate` finds it, is about as good where the points lie
  densely.  Separate runs stay the points that they are.

  Args:
    curves: Of one data set, as from `tfp_rd.load_curves`.
    rate_nats: The largest rate, on validation.

  Returns:
    The record.  The choice is made on validation and read on test, where the
    rate may differ from the one that was asked for by chance.

  Raises:
    UserError: The rate is no number, or no model has so little.
  """
  rate_nats = _checked(rate_nats)
  offers = [mixture_lib.mixtures_at(curve, rate_nats) for curve in curves]
  best = [min(each, key=_validation_distortion) for each in offers if each]
  if not best:
    raise errors.UserError(_nothing_there(curves, rate_nats))
  first, *others = sorted(best, key=_validation_distortion)
  if not others:
    return BestAtRate(rate_nats, first, None, None)
  difference = mixture_lib.paired_difference(
    first, others[0], rate_nats=rate_nats
  )
  return BestAtRate(rate_nats, first, others[0], difference)


def suiting_rates(curves: 'Sequence[Curve]') -> tuple[float, ...]:
  """Returns five rates that suit the models: 2, 4, 6, 8, 10 for 8x8 digits.

  Args:
    curves: Of one data set.

  Returns:
    Multiples of 1, 2 or 5 times a power of ten, the last not above the largest
    rate on validation; none if no model has a rate to speak of.
  """
  rates = [
    point.validation.rate.nats
    for curve in curves
    for point in curve.points
    if point.validation.rate is not None
  ]
  most = max(rates, default=0.0) / _NUM_RATES
  steps = [n * 10.0**e for e in range(-1, 6) for n in (1, 2, 5)]
  step = max((s for s in steps if s <= most), default=None)
  if step is None:
    return ()
  return tuple(round(step * (n + 1), 6) for n in range(_NUM_RATES))


def _validation_distortion(mixture):
  return mixture.nats('validation', 'distortion')


def _checked(rate_nats):
  try:
    if rate_nats == rate_nats:  # NaN is not.
      return float(rate_nats)
  except (TypeError, ValueError):
    pass
  raise errors.UserError(
    f'rate_nats is {rate_nats!r}; give a number of nats, such as 6.0.'
  )


def _nothing_there(curves, rate_nats):
  rates = [
    point.validation.rate.nats
    for curve in curves
    for point in curve.points
    if point.validation.rate is not None
  ]
  if not rates:
    return (
      'no point has a rate on validation, on which the choice is made; give '
      'curves with validation points.'
    )
  return (
    f'no model has a rate of at most {rate_nats:g} nats; the least on '
    f'validation is {min(rates):.2f}.'
  )
