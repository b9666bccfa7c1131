# SPDX-License-Identifier: Apache-2.0
"""What an objective is given besides the draws, and what it returns."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Optional, TYPE_CHECKING

if TYPE_CHECKING:
  import tensorflow as tf

__all__ = ['Context', 'Losses']


class Context(NamedTuple):
  """What an objective is given besides the draws.

  Attributes:
    step: Number of the step, from 0.
    seed: A seed of this step's own.
    num_training_examples: Images in the training split.
    model: A `LatentVariableModel`, that of the draws: of a whole curve the
      model at the step's betas.
    players: Mapping from the name of each player to its variables: a module,
      or a sequence.
    beta: Scalar or `[B]`; 1 for an objective that has none.
    numbers: Mapping from the objective's numeric fields to scalar tensors, so
      that another value does not trace the step anew.
    images: `[B, ...]`, the step's images; where the data set is dynamic, bits
      that were drawn for this step.
    probabilities: `[B, ...]`, the probabilities that pixels are on, where the
      data set is dynamic; else `None`.
    labels: `[B]`, where the objective requires them; else `None`.
  """

  step: 'tf.Tensor'
  seed: 'tf.Tensor'
  num_training_examples: int
  model: Any
  players: Mapping[str, Any]
  beta: 'tf.Tensor'
  numbers: Mapping[str, 'tf.Tensor']
  images: 'tf.Tensor'
  probabilities: Optional['tf.Tensor'] = None
  labels: Optional['tf.Tensor'] = None


class Losses(NamedTuple):
  """What an objective returns.

  Attributes:
    players: Mapping from each player's name to its scalar loss.
    metrics: Mapping from name to scalar, for the record.
  """

  players: Mapping[str, 'tf.Tensor']
  metrics: Mapping[str, 'tf.Tensor']
