# SPDX-License-Identifier: Apache-2.0
"""Two labelled factors of variation: which shape, and its place."""

import dataclasses
import functools
from typing import ClassVar

import numpy as np

from tfp_rd import errors, field
from tfp_rd.estimate import Estimate
from tfp_rd.source import mixture

__all__ = ['Factors']


@dataclasses.dataclass(frozen=True, repr=False)
class Factors(mixture.OfTemplates):
  """A shape of half the side at one of nine places, whose pixels flip.

  The label of an image is `9 shape + place`, both uniform and independent.

  Attributes:
    num_shapes: Number of random shapes, all equally probable.
    noise: Probability that a pixel flips, below 1/2.
    side: Height and width in pixels, even, at least 4.
    seed: Seed of the random shapes.
  """

  name: ClassVar[str] = 'factors'

  num_shapes: int = 8
  noise: float = 0.05
  side: int = 8
  seed: int = 0

  def __post_init__(self):
    field.check_whole(self, 'num_shapes', least=1, most=400)
    field.check_number(self, 'noise', low=0.0, high=0.5)
    field.check_whole(self, 'side', least=4, most=28)
    field.check_whole(self, 'seed', least=0, most=2**32 - 1)
    if self.side % 2:
      raise errors.UserError(
        f'side of factors is {self.side}; expected an even number.'
      )

  @functools.cached_property
  def mixture(self) -> mixture.TemplateMixture:
    """The distribution, templates in the order of the labels."""
    half = self.side // 2
    starts = np.linspace(0, self.side - half, 3).round().astype(int)
    rng = np.random.RandomState([self.seed, 0])
    shapes = rng.randint(2, size=[self.num_shapes, half, half, 1])
    templates = np.zeros([self.num_shapes, 3, 3, self.side, self.side, 1])
    for row, top in enumerate(starts):
      for column, left in enumerate(starts):
        templates[:, row, column, top : top + half, left : left + half] = shapes
    return mixture.TemplateMixture(
      templates.reshape(-1, self.side, self.side, 1), self.noise
    )

  def information(self) -> dict[str, Estimate]:
    """Returns the information of an image about shape, place and both, nats."""
    labels = np.arange(9 * self.num_shapes)
    return {
      'shape': self.mixture.information(labels // 9),
      'place': self.mixture.information(labels % 9),
      'both': self.mixture.information(labels),
    }
