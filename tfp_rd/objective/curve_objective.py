# SPDX-License-Identifier: Apache-2.0
"""What every objective of many betas has: a range, groups, and draws of betas.

No TensorFlow here.
"""

import math
from collections.abc import Sequence
from typing import Any, ClassVar, TYPE_CHECKING

from tfp_rd import errors, field
from tfp_rd.objective.objective import Objective

if TYPE_CHECKING:
  import tensorflow as tf

__all__ = ['CurveObjective']

# Where a curve is drawn unless other betas are asked for.
_BETAS = (0.05, 0.1, 0.17, 0.3, 0.55, 1.0, 1.7, 3.0, 5.5, 10.0)
# Betas at which weights are compared on validation.
_NUM_COMPARED = 4


class CurveObjective(Objective):
  """An objective of many betas trains a `ConditionalModel`, a whole curve.

  It is a frozen dataclass with the fields `beta_min`, `beta_max` and
  `num_groups`, whose `losses` reads the betas of the step, `[B]`, from
  `context.beta`, and whose `score` takes a mapping from each of the betas of
  `compared_betas()` to its `Point`.  All methods below may be replaced.

  Attributes:
    beta_min: The least beta, above 0.
    beta_max: The largest.
    num_groups: Betas a step; it divides the batch.

  Raises:
    UserError: The range is empty or not positive, or there is no group.
  """

  is_curve: ClassVar[bool] = True
  # The range is that of the model, and the groups are a shape.
  static: ClassVar[tuple[str, ...]] = ('beta_min', 'beta_max', 'num_groups')

  beta_min: float
  beta_max: float
  num_groups: int

  def __post_init__(self):
    field.check_positive(self, 'beta_min', 'beta_max')
    field.check_whole(self, 'num_groups', least=1)
    if not self.beta_min < self.beta_max:
      raise errors.UserError(
        f'beta_min is {self.beta_min:g} and beta_max {self.beta_max:g}; '
        'give a larger beta_max.'
      )

  @property
  def beta_range(self) -> tuple[float, float]:
    """`(beta_min, beta_max)`."""
    return self.beta_min, self.beta_max

  def draw_betas(self, *, seed: Any, dtype: Any = 'float32') -> 'tf.Tensor':
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
