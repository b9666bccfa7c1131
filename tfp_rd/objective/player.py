# SPDX-License-Identifier: Apache-2.0
"""Who learns: variables, and how they are moved.

No TensorFlow here.
"""

from typing import Any, NamedTuple

__all__ = ['Player']


class Player(NamedTuple):
  """Variables that move by one loss.

  Attributes:
    variables: A `tf.Module`, whose trainable variables move, or a sequence of
      variables.  What a module holds is kept in checkpoints.
    learning_rate_factor: Factor of the run's learning rate, above 0.
    beta_1: Adam's decay of the mean gradient, in [0, 1).
    optimizer: `'adam'`, which minimises the player's loss; or `'ascent'`, plain
      gradient ascent, which maximises it, as a Lagrange multiplier wants.
    steps_between_moves: The player moves at every step whose number, from 0,
      is a multiple of this.
  """

  variables: Any
  learning_rate_factor: float = 1.0
  beta_1: float = 0.9
  optimizer: str = 'adam'
  steps_between_moves: int = 1
