# SPDX-License-Identifier: Apache-2.0
"""D + weight |target - R|: the least distortion at a given rate.

With weight 1, as printed in the paper, the loss above the target is D + R less
a constant: it is a floor of the rate and cannot lower one.  It pins the rate
from both sides if the weight exceeds the slope -dD/dR of the family's curve at
the target.

#### References

[1]: Alexander A. Alemi et al. Fixing a Broken ELBO. In _International
     Conference on Machine Learning_, 2018, Section 4.
     https://arxiv.org/abs/1711.00464
"""

import dataclasses
from typing import Any, ClassVar, TYPE_CHECKING

from tfp_rd import field
from tfp_rd.objective import context as context_lib
from tfp_rd.objective.objective import Objective
from tfp_rd.point import Point

if TYPE_CHECKING:
  from tfp_rd import rate_distortion

__all__ = ['TargetRate']


@dataclasses.dataclass(frozen=True, repr=False)
class TargetRate(Objective):
  """Minimises D + weight |target - R|, with D and R means over the batch.

  Attributes:
    target_rate_nats: The rate that is asked for.
    weight: Nats of distortion that a nat beside the target costs.

  Raises:
    UserError: The target is negative or the weight not positive.
  """

  name: ClassVar[str] = 'target_rate'

  target_rate_nats: float = 1.0
  weight: float = 1.0

  def __post_init__(self):
    field.check_positive(self, 'target_rate_nats', or_zero=True)
    field.check_positive(self, 'weight')

  def value(self, distortion: Any, rate: Any) -> Any:
    """Returns the loss of mean distortion and rate; of plain numbers too."""
    return _loss(distortion, rate, self.target_rate_nats, self.weight)

  def losses(
    self, draws: 'rate_distortion.Draws', context: context_lib.Context
  ) -> context_lib.Losses:
    """Returns the loss of the batch."""
    import tensorflow as tf

    loss = _loss(
      tf.reduce_mean(draws.distortion),
      tf.reduce_mean(draws.rate),
      context.numbers['target_rate_nats'],
      context.numbers['weight'],
    )
    return context_lib.Losses({'model': loss}, {})

  def score(self, point: Point) -> float:
    """Returns the loss of a `Point`."""
    return self.value(point.distortion_nats, point.rate_nats)


def _loss(distortion, rate, target, weight):
  return distortion + weight * abs(target - rate)
