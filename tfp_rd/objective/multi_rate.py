# SPDX-License-Identifier: Apache-2.0
"""D + beta R at every beta of a range: what a conditional model minimises.

Each term is weighed by `beta^weight_power`.  On 8x8 digits -1/2 suits decoders
of independent pixels: large betas would else switch dimensions of z off before
small ones have learned to use them.  Strong decoders have to learn the images
by themselves where the rate is dear, and learn that last: they want 0.15.  What
was measured is in docs/one_run_curves.md.

#### References

[1]: Juhan Bae et al. Multi-Rate VAE: Train Once, Get the Full Rate-Distortion
     Curve. In _International Conference on Learning Representations_, 2023.
     https://arxiv.org/abs/2212.03905
"""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar, TYPE_CHECKING

from tfp_rd import field
from tfp_rd.objective import context as context_lib
from tfp_rd.objective.curve_objective import CurveObjective

if TYPE_CHECKING:
  from tfp_rd import rate_distortion

__all__ = ['MultiRate']


@dataclasses.dataclass(frozen=True, repr=False)
class MultiRate(CurveObjective):
  """Minimises D + beta R for log beta uniform over a range [1].

  A batch is cut into `num_groups` runs of neighbouring images with one beta
  each; the betas of a step lie in equal parts of the range, so that every step
  sees the whole curve.

  Attributes:
    beta_min: The least beta.
    beta_max: The largest.
    num_groups: Betas a step; it divides the batch.
    weight_power: Power of beta that weighs D + beta R.

  Raises:
    UserError: The range is empty or not positive, or there is no group.
  """

  name: ClassVar[str] = 'multi_rate'
  # TensorFlow takes some powers as square roots, which it must know while it
  # traces.
  static: ClassVar[tuple[str, ...]] = (*CurveObjective.static, 'weight_power')

  beta_min: float = 0.05
  beta_max: float = 10.0
  num_groups: int = 8
  weight_power: float = 0.0

  def __post_init__(self):
    super().__post_init__()
    field.check_number(self, 'weight_power')

  def losses(
    self, draws: 'rate_distortion.Draws', context: context_lib.Context
  ) -> context_lib.Losses:
    """Returns the weighted mean of D + beta R over draws and images."""
    import tensorflow as tf

    beta = context.beta
    loss = self._weight(beta) * (draws.distortion + beta * draws.rate)
    return context_lib.Losses({'model': tf.reduce_mean(loss)}, {})

  def score(self, points: Mapping) -> float:
    """Returns the weighted mean of D + beta R of a `Point` at each beta."""
    scores = [
      self._weight(beta) * (point.distortion_nats + beta * point.rate_nats)
      for beta, point in points.items()
    ]
    return sum(scores) / len(scores)

  def _weight(self, beta):
    return beta**self.weight_power
