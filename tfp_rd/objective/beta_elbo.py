# SPDX-License-Identifier: Apache-2.0
"""D + beta R: the ELBO at beta = 1, less rate above it and more below.

#### References

[1]: Irina Higgins et al. beta-VAE: Learning Basic Visual Concepts with a
     Constrained Variational Framework. In _International Conference on
     Learning Representations_, 2017.
     https://openreview.net/forum?id=Sy2fzU9gl
[2]: Samuel R. Bowman et al. Generating Sentences from a Continuous Space. In
     _Conference on Computational Natural Language Learning_, 2016.
     https://arxiv.org/abs/1511.06349
"""

import dataclasses
from typing import Any, ClassVar, TYPE_CHECKING

from tfp_rd import field
from tfp_rd.objective import context as context_lib
from tfp_rd.objective.objective import Objective
from tfp_rd.point import Point

if TYPE_CHECKING:
  from tfp_rd import rate_distortion

__all__ = ['BetaElbo']


@dataclasses.dataclass(frozen=True, repr=False)
class BetaElbo(Objective):
  """Minimises D + beta R.

  Attributes:
    beta: Nats of distortion that a nat of rate is worth, above 0.
    kl_annealing_steps: Steps over which the weight of R rises from 0 to beta
      in a straight line [2]; 0 for none.

  Raises:
    UserError: beta is not positive and finite.
  """

  name: ClassVar[str] = 'beta_elbo'

  beta: float = 1.0
  kl_annealing_steps: int = 0

  def __post_init__(self):
    field.check_positive(self, 'beta')
    field.check_whole(self, 'kl_annealing_steps', least=0)

  def losses(
    self, draws: 'rate_distortion.Draws', context: context_lib.Context
  ) -> context_lib.Losses:
    """Returns the mean of D + beta R over draws and images."""
    import tensorflow as tf

    beta, num_steps = context.beta, context.numbers['kl_annealing_steps']
    # As TensorFlow divides by a constant, bit for bit.
    rise = 1.0 / tf.maximum(num_steps, 1)
    part = tf.cast(context.step, beta.dtype) * rise
    # A tensor chooses, so that no number of steps retraces.
    part = tf.where(num_steps > 0, tf.minimum(part, 1.0), 1.0)
    loss = tf.reduce_mean(draws.distortion + beta * part * draws.rate)
    return context_lib.Losses({'model': loss}, {})

  def value(self, distortion: Any, rate: Any) -> Any:
    """Returns D + beta R; of plain numbers too."""
    return distortion + self.beta * rate

  def score(self, point: Point) -> float:
    """Returns D + beta R of a `Point`."""
    return self.value(point.distortion_nats, point.rate_nats)
