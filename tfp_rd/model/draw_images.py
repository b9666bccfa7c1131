# SPDX-License-Identifier: Apache-2.0
"""Images that a model draws: from codes of images, and from its marginal.

Each row has a seed of its own, so that more rows leave the others as they are.
"""

import numpy as np
import tensorflow as tf

from tfp_rd.network import initial

__all__ = ['Painter']

# Folded into the seed, so that no picture repeats the draws of an evaluation.
_PICTURES = 15_287


class Painter:
  """Draws rows of images from a model, with one compiled decoder.

  Args:
    model: A `LatentVariableModel`; it may be moved to another beta meanwhile.
  """

  def __init__(self, model):
    self._model = model
    # In a graph: an autoregressive decoder draws pixel by pixel.
    self._reconstruct = tf.function(self._draw_reconstruction, autograph=False)
    self._generate = tf.function(self._draw_generation, autograph=False)

  def reconstructions(
    self, images: np.ndarray, *, num_rows: int, seed: initial.Seed
  ) -> np.ndarray:
    """Draws an image at a draw of the z of each image.

    Args:
      images: `[N, H, W, C]`.
      num_rows: Draws of each image.
      seed: An integer or a pair.

    Returns:
      `[num_rows, N, H, W, C]`.
    """
    images = tf.constant(images)
    seeds = _seeds(seed, 0, num_rows)
    return np.stack([self._reconstruct(images, s).numpy() for s in seeds])

  def generations(
    self, *, num_images: int, num_rows: int, seed: initial.Seed
  ) -> np.ndarray:
    """Draws images at draws of z from the marginal.

    Args:
      num_images: In a row.
      num_rows: How many rows.
      seed: An integer or a pair.

    Returns:
      `[num_rows, num_images, H, W, C]`.
    """
    seeds = _seeds(seed, 1, num_rows)
    return np.stack([self._generate(num_images, s).numpy() for s in seeds])

  def _draw_reconstruction(self, images, seed):
    seeds = initial.split(seed, 2)
    z = self._model.encoder(images).sample(seed=seeds[0])
    return self._model.decoder(z).sample(seed=seeds[1])

  def _draw_generation(self, num_images, seed):
    seeds = initial.split(seed, 2)
    z = self._model.marginal().sample(num_images, seed=seeds[0])
    return self._model.decoder(z).sample(seed=seeds[1])


def _seeds(seed, kind, num):
  seed = initial.fold_in(initial.fold_in(seed, _PICTURES), kind)
  return [initial.fold_in(seed, row) for row in range(num)]
