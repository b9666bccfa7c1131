# SPDX-License-Identifier: Apache-2.0
"""Pictures that a run keeps: drawn at its given betas, beside its result."""

import weakref
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

from tfp_rd import errors
from tfp_rd.model import draw_images, movable_model
from tfp_rd.run import pictures

__all__ = ['NUM_IMAGES', 'chosen_images', 'keep']

NUM_IMAGES = 12
_NUM_RECONSTRUCTIONS = 2
_NUM_GENERATIONS = 24

_PAINTERS = weakref.WeakKeyDictionary()


def chosen_images(
  images: np.ndarray, *, num_images: int, seed: int = 0
) -> np.ndarray:
  """Returns some test images, the first of a random order.

  Args:
    images: `[N, ...]`; some test files are sorted by class.
    num_images: How many.
    seed: Of the order.
  """
  order = np.random.RandomState(seed % 2**32).permutation(len(images))
  return images[order[:num_images]]


def keep(
  run: Any,
  movable: movable_model.MovableModel,
  data: Any,
  betas: Sequence[Optional[float]],
  *,
  weights_sha256: str,
) -> None:
  """Draws pictures at betas and writes them into a run's directory.

  What is there of the same weights stays.

  Args:
    run: The run.
    movable: Its model with the kept weights.
    data: Its `Dataset`.
    betas: Where to draw; `None` for a run without beta.
    weights_sha256: Digest of the weights.

  Raises:
    OSError: The file cannot be written.
  """
  seed, drawn = run.config.seed, _known(run, weights_sha256)
  missing = [beta for beta in betas if beta not in drawn]
  if not missing:
    return
  # The same images for every run, so that pictures stand side by side.
  images = chosen_images(data.test, num_images=NUM_IMAGES)
  painter = _painter(movable, missing[0])
  for beta in missing:
    movable.to(beta)
    drawn[beta] = _draw(painter, images, seed)
  pictures.write(run, drawn, seed=seed, weights_sha256=weights_sha256)


def _painter(movable, beta):
  """Returns what draws for a model; runs of one family share its program."""
  if movable not in _PAINTERS:
    _PAINTERS[movable] = draw_images.Painter(movable.to(beta))
  return _PAINTERS[movable]


def _known(run, weights_sha256):
  """Returns the pictures that these weights have drawn and that are whole."""
  try:
    return dict(pictures.read_of_weights(run, weights_sha256))
  except errors.UserError:
    return {}


def _draw(painter, images, seed):
  num = len(images)
  reconstructions = painter.reconstructions(
    images, num_rows=_NUM_RECONSTRUCTIONS, seed=seed
  )
  generations = painter.generations(
    num_images=num, num_rows=-(-_NUM_GENERATIONS // num), seed=seed
  )
  flat = generations.reshape([-1, *generations.shape[2:]])[:_NUM_GENERATIONS]
  return pictures.Pictures(
    *(array[..., 0] > 0.5 for array in (images, reconstructions, flat))
  )
