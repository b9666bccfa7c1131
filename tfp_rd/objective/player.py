# SPDX-License-Identifier: Apache-2.0
"""Who learns: variables, and how they are moved.

No TensorFlow here.
"""

import dataclasses
from typing import Any

from tfp_rd import field

__all__ = ['Player']


@dataclasses.dataclass(frozen=True)
class Player:
  """Variables that move by one loss.

  Attributes:
    variables: A `tf.Module`, whose trainable variables move, or a sequence of
      variables.  What a module holds is kept in checkpoints.
    learning_rate_factor: Factor of the run's learning rate.
    beta_1: Adam's decay of the mean gradient.
    optimizer: `'adam'`, which minimises the player's loss; or `'ascent'`, plain
      gradient ascent, which maximises it, as a Lagrange multiplier wants.
    steps_between_moves: The player moves at every step whose number, from 0,
      is a multiple of this.

  Raises:
    UserError: A value is out of its range.
  """

  variables: Any
  learning_rate_factor: float = 1.0
  beta_1: float = 0.9
  optimizer: str = 'adam'
  steps_between_moves: int = 1

  def __post_init__(self):
    field.check_positive(self, 'learning_rate_factor')
    field.check_number(self, 'beta_1', low=0, high=1, closed='low')
    field.check_choice(self, 'optimizer', ('adam', 'ascent'))
    field.check_whole(self, 'steps_between_moves', least=1)
