# SPDX-License-Identifier: Apache-2.0
"""What a run brings to the compiled program."""

from collections.abc import Mapping
from typing import NamedTuple, Optional

import tensorflow as tf

from tfp_rd import rate_distortion
from tfp_rd.network import initial

__all__ = ['Inputs', 'make_inputs']


class Inputs(NamedTuple):
  """What may differ between runs that share a trace.

  Attributes:
    images: `[N, ...]` training images, or on-probabilities of pixels.
    seed: `[2]`, seed of all steps.
    numbers: Mapping from the objective's numeric fields to scalars.
    learning_rate: Scalar.
    num_steps: Scalar, the run's last step, where the learning rate ends.
    labels: `[N]`, where the objective requires them.
  """

  images: tf.Tensor
  seed: tf.Tensor
  numbers: Mapping[str, tf.Tensor]
  learning_rate: tf.Tensor
  num_steps: tf.Tensor
  labels: Optional[tf.Tensor] = None


def make_inputs(
  images,
  *,
  seed,
  objective,
  learning_rate,
  num_steps,
  labels=None,
  dtype='float32',
) -> Inputs:
  """Puts on the device what a run brings to the compiled program.

  Args:
    images: `[N, ...]` training images, or on-probabilities of pixels.
    seed: Of all steps: an integer or a pair.
    objective: Its `numbers` become tensors.
    learning_rate: Adam's rate of the first half of the steps.
    num_steps: The run's last step.
    labels: `[N]`, or `None`.
    dtype: Type of images that are no integers, and of the numbers.

  Returns:
    The tensors; images are kept in memory as they are.
  """
  images = rate_distortion.as_examples(images, dtype)
  return Inputs(
    images=images,
    seed=initial.as_seed(seed),
    numbers={
      name: tf.constant(value, dtype)
      for name, value in objective.numbers.items()
    },
    learning_rate=tf.constant(learning_rate, tf.float32),
    num_steps=tf.constant(num_steps, tf.int64),
    labels=None if labels is None else tf.constant(labels),
  )
