# SPDX-License-Identifier: Apache-2.0
"""Random templates and independent flips of pixels, with a known log p*(x)."""

import dataclasses
import functools
from typing import ClassVar

import numpy as np

from tfp_rd import field
from tfp_rd.estimate import Estimate
from tfp_rd.source import mixture

__all__ = ['Templates']


@dataclasses.dataclass(frozen=True, repr=False)
class Templates(mixture.OfTemplates):
  """A mixture of binary templates that are drawn once.

  Attributes:
    num_templates: Number of templates, all equally probable.
    noise: Probability that a pixel flips, below 1/2.
    side: Height and width in pixels.
    seed: Seed of the templates.
  """

  name: ClassVar[str] = 'templates'

  num_templates: int = 16
  noise: float = 0.05
  side: int = 8
  seed: int = 0

  def __post_init__(self):
    field.check_whole(self, 'num_templates', least=1, most=4096)
    field.check_number(self, 'noise', low=0.0, high=0.5)
    field.check_whole(self, 'side', least=2, most=28)
    field.check_whole(self, 'seed', least=0, most=2**32 - 1)

  @functools.cached_property
  def mixture(self) -> mixture.TemplateMixture:
    """The distribution."""
    shape = [self.num_templates, self.side, self.side, 1]
    templates = np.random.RandomState([self.seed, 0]).randint(2, size=shape)
    return mixture.TemplateMixture(templates, self.noise)

  def information(self) -> Estimate:
    """Returns the information of an image about its template, in nats."""
    return self.mixture.information(np.arange(self.num_templates))
