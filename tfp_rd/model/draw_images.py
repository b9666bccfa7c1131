# SPDX-License-Identifier: Apache-2.0
"""Images that a model draws: from codes of images, and from its marginal.

Each row has a seed of its own, so that more rows leave the others as they are.
"""

import functools
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from tfp_rd.network import initial

if TYPE_CHECKING:
  from tfp_rd.model.latent_variable_model import LatentVariableModel

__all__ = ['Painter']

# Folded into the seed, so that no picture repeats the draws of an evaluation.
_PICTURES = 15_287


class Painter:
  """Draws rows of images from a model, with one compiled decoder.

  Args:
    model: A `LatentVariableModel`; it may be moved to another beta meanwhile.
  """

  def __init__(self, model: 'LatentVariableModel'):
    self._model = model
    # In a graph: an autoregressive decoder draws pixel by pixel.
    self._decode = tf.function(
      lambda z, seed: model.decoder(z).sample(seed=seed), autograph=False
    )

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
    encoding = self._model.encoder(tf.constant(images))
    return self._rows(encoding.sample, seed, kind=0, num_rows=num_rows)

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
    marginal = self._model.marginal()
    draw = functools.partial(marginal.sample, num_images)
    return self._rows(draw, seed, kind=1, num_rows=num_rows)

  def _rows(self, draw, seed, *, kind, num_rows):
    """Returns images at the codes of rows, each with seeds of its own."""
    seed = initial.fold_in(initial.fold_in(seed, _PICTURES), kind)
    rows = []
    for row in range(num_rows):
      of_code, of_image = initial.split(initial.fold_in(seed, row), 2)
      rows.append(self._decode(draw(seed=of_code), of_image).numpy())
    return np.stack(rows)
