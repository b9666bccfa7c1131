# SPDX-License-Identifier: Apache-2.0
"""How an evaluation is cut into passes: images, draws, and a seed for each."""

from typing import NamedTuple, TYPE_CHECKING

import numpy as np
import tensorflow as tf

from tfp_rd.network import initial

if TYPE_CHECKING:
  from tfp_rd import rate_distortion

__all__ = ['Passes', 'plan', 'sum_of_draws']

# Images, times draws, in one pass.
_ROWS = 1000

# Folded into the seed, so that no evaluation repeats the draws of training.
_EVALUATION = 24_301


class Passes(NamedTuple):
  """Batches of images, and the passes over each.

  Attributes:
    batch_size: B, images of a pass; the last batch is filled up.
    num_batches: Batches.
    draws_at_once: Draws of z for each image in one pass.
    passes_a_batch: Passes over a batch, each with draws of its own.
    seed: `[2]`, from which the passes' seeds follow.
  """

  batch_size: int
  num_batches: int
  draws_at_once: int
  passes_a_batch: int
  seed: tf.Tensor

  def batch(self, images: np.ndarray, n: int) -> np.ndarray:
    """Returns batch `n` of images `[N, ...]`, the last image repeated."""
    start = n * self.batch_size
    x = images[start : start + self.batch_size]
    return np.concatenate([x, np.repeat(x[-1:], self.batch_size - len(x), 0)])

  def seeds(self, n: int) -> list[tf.Tensor]:
    """Returns a seed `[2]` for each pass over batch `n`."""
    of_batch = initial.fold_in(self.seed, n)
    return [initial.fold_in(of_batch, m) for m in range(self.passes_a_batch)]


def plan(
  num_images: int,
  *,
  num_samples: int,
  seed: initial.Seed,
  batch_size: int = 250,
) -> Passes:
  """Cuts an evaluation into passes of bounded size.

  Args:
    num_images: Images.
    num_samples: Draws of z for each.
    seed: Of the evaluation.
    batch_size: Images of a pass, at the most.
  """
  size = min(batch_size, num_images)
  most = max(1, _ROWS // size)
  at_once = max(n for n in range(1, most + 1) if num_samples % n == 0)
  return Passes(
    batch_size=size,
    num_batches=-(-num_images // size),
    draws_at_once=at_once,
    passes_a_batch=num_samples // at_once,
    seed=initial.fold_in(seed, _EVALUATION),
  )


def sum_of_draws(draws: 'rate_distortion.Draws') -> tf.Tensor:
  """Returns rate and distortion in nats, summed over draws: `[2, B]`, float64.

  Args:
    draws: Of one pass.
  """
  nats = tf.stack([draws.rate, draws.distortion])
  return tf.reduce_sum(tf.cast(nats, tf.float64), axis=1)
