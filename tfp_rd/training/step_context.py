# SPDX-License-Identifier: Apache-2.0
"""What an objective is given in a step, but for the model at its betas."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfp_rd.network import initial
from tfp_rd.objective import context as context_lib
from tfp_rd.training import inputs as inputs_lib

__all__ = ['make']


def make(
  inputs: inputs_lib.Inputs,
  indices,
  seeds: Sequence[tf.Tensor],
  *,
  dynamic: bool,
  players: Mapping[str, Any],
) -> context_lib.Context:
  """Returns the context of a step, without step, model and beta.

  Args:
    inputs: What the run brings.
    indices: `[B]`, which images.
    seeds: Of the bits that are drawn, and of the objective.
    dynamic: Whether images are on-probabilities, drawn anew.
    players: Mapping from the name of each player to its variables.
  """
  x, probabilities = tf.gather(inputs.images, indices), None
  if dynamic:
    probabilities = x
    uniforms = initial.uniform(tf.shape(x), seed=seeds[0], dtype=x.dtype)
    x = tf.cast(uniforms < x, x.dtype)
  labels = None
  if inputs.labels is not None:
    labels = tf.gather(inputs.labels, indices)
  return context_lib.Context(
    step=None,
    seed=seeds[1],
    num_training_examples=inputs.images.shape[0],
    model=None,
    players=players,
    beta=None,
    numbers=inputs.numbers,
    images=x,
    probabilities=probabilities,
    labels=labels,
  )
