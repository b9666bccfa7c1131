# SPDX-License-Identifier: Apache-2.0
"""One point of a curve: what was trained, and what was measured on each split.

No TensorFlow here.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from tfp_rd.curve.images import PointImages
from tfp_rd.estimate import Estimate
from tfp_rd.point import Point

__all__ = ['CurvePoint', 'SPLITS', 'STATUS', 'SplitValues', 'PointValue']

SPLITS = ('test', 'train', 'validation')
# What each value usually is, a bound; an exact value is one too.
STATUS = {
  'rate': 'upper_bound',
  'distortion': 'upper_bound',
  'elbo': 'lower_bound',
}


class PointValue(NamedTuple):
  """A measured number of nats: the mean over seeds.

  Attributes:
    nats: The number.
    stderr_nats: Its standard error over images, averaged over seeds, which all
      saw the same images; `None` for a single image.
    seed_std_nats: Standard deviation over seeds; `None` below two.
    status: `exact`, `upper_bound`, `lower_bound` or `estimate`.
  """

  nats: float
  stderr_nats: Optional[float] = None
  seed_std_nats: Optional[float] = None
  status: str = 'estimate'


@dataclasses.dataclass(frozen=True)
class SplitValues:
  """What was measured on one split; `None` where there is no such number.

  Attributes:
    rate: R.
    distortion: D.
    elbo: `-(D + R)`.
    bpp: R in bits a pixel.
    total_bpp: -ELBO, which is D + R, in bits a pixel.
    num_examples: Images.
  """

  rate: Optional[PointValue] = None
  distortion: Optional[PointValue] = None
  elbo: Optional[PointValue] = None
  bpp: Optional[float] = None
  total_bpp: Optional[float] = None
  num_examples: Optional[int] = None

  @classmethod
  def of_point(cls, point: Optional[Point]) -> 'SplitValues':
    """Returns the values of a `tfp_rd.Point`; of none, those of no number."""
    if point is None:
      return cls()
    values = {}
    for name in STATUS:
      stderr = getattr(point, f'{name}_stderr_nats')
      values[name] = PointValue(
        getattr(point, f'{name}_nats'),
        None if math.isnan(stderr) else stderr,
        status=point.status[f'{name}_nats'],
      )
    return cls(**values, num_examples=point.num_examples)


@dataclasses.dataclass(frozen=True)
class CurvePoint:
  """One point of a family in the plane.

  Attributes:
    beta: The weight of the rate; `None` for an objective that has none.
    objective: Text of the objective without its beta; `''` if not known.
    is_one_run: Whether one run trained this point and others together.
    found_beta: The price of rate that the training found, where there is one;
      the mean over seeds.
    settings: Name to value of the settings that tell points apart.
    seeds: Of the runs that were averaged.
    test: Values of the test split.
    train: Values of the training split.
    validation: Values of the validation split.
    entropy: Entropy of the source, where it is known.
    excess: D + R - H on the test split, where H is known.
    is_infeasible: Whether D + R is below H beyond chance for one of the seeds.
    images: Where rate and distortion of each test image are; `None` for a point
      that is not from a run.  No part of what is equal.
  """

  beta: Optional[float]
  objective: str = ''
  is_one_run: bool = False
  found_beta: Optional[float] = None
  settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  seeds: tuple[int, ...] = ()
  test: SplitValues = SplitValues()
  train: SplitValues = SplitValues()
  validation: SplitValues = SplitValues()
  entropy: Optional[Estimate] = None
  excess: Optional[PointValue] = None
  is_infeasible: bool = False
  images: Optional[PointImages] = dataclasses.field(
    default=None, compare=False, repr=False
  )

  @property
  def num_seeds(self) -> int:
    """How many runs were averaged."""
    return len(self.seeds)

  @property
  def label(self) -> str:
    """Beta, or the objective where there is none, as text for a table."""
    if self.beta is not None:
      return f'{self.beta:g}'
    if self.found_beta is not None:
      return f'{self.objective}, found beta {self.found_beta:g}'
    return self.objective or '-'

  @property
  def phrase(self) -> str:
    """The same for a sentence, as in `'at beta 0.3'`."""
    is_at_beta = self.beta is not None
    return f'at beta {self.label}' if is_at_beta else f'of {self.label}'

  def is_bound(self, *names: str) -> bool:
    """Returns whether values on test are bounds, rather than estimates.

    Args:
      *names: Some of `'rate'`, `'distortion'` and `'elbo'`.
    """
    values = {name: getattr(self.test, name) for name in names}
    return all(
      value is None or value.status in ('exact', STATUS[name])
      for name, value in values.items()
    )

  def is_usual(self, split: str, name: str) -> bool:
    """Returns whether a value is the bound that it usually is, or missing."""
    value = getattr(getattr(self, split), name)
    return value is None or value.status == STATUS[name]
