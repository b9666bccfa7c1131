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
import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, TYPE_CHECKING

from tfp_rd import errors, field
from tfp_rd.objective import context as context_lib
from tfp_rd.objective.objective import Objective

if TYPE_CHECKING:
  import tensorflow as tf

__all__ = ['MultiRate']

# Where a curve is drawn unless other betas are asked for.
_BETAS = (0.05, 0.1, 0.17, 0.3, 0.55, 1.0, 1.7, 3.0, 5.5, 10.0)
# Betas at which weights are compared on validation.
_NUM_COMPARED = 4


@dataclasses.dataclass(frozen=True, repr=False)
class MultiRate(Objective):
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
  is_curve: ClassVar[bool] = True
  # The range is that of the model, and the groups are a shape; TensorFlow takes
  # some powers as square roots, which it must know while it traces.
  static: ClassVar[tuple[str, ...]] = (
    *('beta_min', 'beta_max', 'num_groups'),
    'weight_power',
  )

  beta_min: float = 0.05
  beta_max: float = 10.0
  num_groups: int = 8
  weight_power: float = 0.0

  def __post_init__(self):
    field.check_positive(self, 'beta_min', 'beta_max')
    field.check_whole(self, 'num_groups', least=1)
    field.check_number(self, 'weight_power')
    if not self.beta_min < self.beta_max:
      raise errors.UserError(
        f'beta_min is {self.beta_min:g} and beta_max {self.beta_max:g}; '
        'give a larger beta_max.'
      )

  @property
  def beta_range(self) -> tuple[float, float]:
    """`(beta_min, beta_max)`."""
    return self.beta_min, self.beta_max

  def draw_betas(self, *, seed, dtype='float32') -> 'tf.Tensor':
    """Draws betas `[num_groups]`, log-uniform and stratified, in random order.

    Args:
      seed: Of this step.
      dtype: Type of the betas.
    """
    import tensorflow as tf

    from tfp_rd.network import initial

    seeds = initial.split(seed, 2)
    shape = [self.num_groups]
    order = tf.argsort(initial.uniform(shape, seed=seeds[0]), stable=True)
    within = initial.uniform(shape, seed=seeds[1], dtype=dtype)
    part = (tf.cast(order, dtype) + within) / self.num_groups
    low, high = math.log(self.beta_min), math.log(self.beta_max)
    return tf.exp(low + (high - low) * part)

  def losses(self, draws, context):
    """Returns the weighted mean of D + beta R over draws and images."""
    import tensorflow as tf

    beta = context.beta
    loss = self._weight(beta) * (draws.distortion + beta * draws.rate)
    return context_lib.Losses({'model': tf.reduce_mean(loss)}, {})

  def betas(self) -> tuple[float, ...]:
    """The betas at which the curve is drawn unless others are asked for."""
    inside = [b for b in _BETAS if self.beta_min < b < self.beta_max]
    return (self.beta_min, *inside, self.beta_max)

  def check_betas(self, betas: Sequence[float]) -> None:
    """Checks that betas lie in the range.

    Raises:
      UserError: One does not.
    """
    for beta in betas:
      if not self.beta_min <= beta <= self.beta_max:
        raise errors.UserError(
          f'beta {beta:g} is not on the curve, which goes from '
          f'{self.beta_min:g} to {self.beta_max:g}; choose another, or another '
          'range.'
        )

  def compared_betas(self) -> tuple[float, ...]:
    """The betas at which weights are compared, in the middle of equal parts."""
    ratio = self.beta_max / self.beta_min
    return tuple(
      self.beta_min * ratio ** ((n + 0.5) / _NUM_COMPARED)
      for n in range(_NUM_COMPARED)
    )

  def score(self, points: Mapping) -> float:
    """Returns the weighted mean of D + beta R of a `Point` at each beta."""
    scores = [
      self._weight(beta) * (point.distortion_nats + beta * point.rate_nats)
      for beta, point in points.items()
    ]
    return sum(scores) / len(scores)

  def _weight(self, beta):
    return beta**self.weight_power
