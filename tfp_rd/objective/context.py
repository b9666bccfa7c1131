# SPDX-License-Identifier: Apache-2.0
"""What an objective is told besides the draws, and what it answers."""

from collections.abc import Mapping
from typing import NamedTuple, TYPE_CHECKING

if TYPE_CHECKING:
  import tensorflow as tf

__all__ = ['Context', 'Losses']


class Context(NamedTuple):
  """What an objective may know besides the draws.

  Attributes:
    step: Number of the step, from 0.
    seed: A seed of this step's own.
    num_training_examples: Images in the training split.
    model: The model.
    players: Mapping from name to module, the model among them.
    beta: Scalar or `[B]`; a tensor, so that no beta retraces.
  """

  step: 'tf.Tensor'
  seed: 'tf.Tensor'
  num_training_examples: int
  model: 'tf.Module'
  players: Mapping[str, 'tf.Module']
  beta: 'tf.Tensor'


class Losses(NamedTuple):
  """What an objective returns.

  Attributes:
    players: Mapping from each player's name to the scalar that it minimises.
    metrics: Mapping from name to scalar, for the record.
  """

  players: Mapping[str, 'tf.Tensor']
  metrics: Mapping[str, 'tf.Tensor']
