# SPDX-License-Identifier: Apache-2.0
"""A point of the plane: R, D and ELBO in nats, each with its standard error."""

import dataclasses
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from tfp_rd.estimate import Estimate

__all__ = ['Point']

_STATUS = {
  'rate_nats': 'upper_bound',  # of I_e(X; Z)
  'distortion_nats': 'upper_bound',  # of H_e(X | Z)
  'elbo_nats': 'lower_bound',  # of E log m d, and of -H
}


@dataclasses.dataclass(frozen=True, repr=False)
class Point:
  """One model at one beta on one split.

  The values are means over examples; each standard error is that of the mean
  over examples, the noise of the draws of z included.  `status` says what the
  expectation is: `R` bounds I(X; Z) from above, `D` the conditional entropy of
  the image given z from above, and `ELBO = -(D + R)` the log-likelihood from
  below.

  Attributes:
    rate_nats: Mean rate.
    rate_stderr_nats: Its standard error.
    distortion_nats: Mean distortion.
    distortion_stderr_nats: Its standard error.
    elbo_nats: `-(rate + distortion)`.
    elbo_stderr_nats: Its standard error, from the paired sums.
    num_examples: Images.
    num_samples: Draws of z for each image.
    status: What each value is: exact, upper_bound, lower_bound or estimate.
  """

  rate_nats: float
  rate_stderr_nats: float
  distortion_nats: float
  distortion_stderr_nats: float
  elbo_nats: float
  elbo_stderr_nats: float
  num_examples: int
  num_samples: int
  status: Mapping[str, str] = dataclasses.field(
    default_factory=lambda: dict(_STATUS)
  )

  def __repr__(self):
    """One line: the three numbers, each with its standard error."""
    rate, distortion, minus_elbo = (
      round(nats, 2) + 0.0  # No -0.00.
      for nats in (self.rate_nats, self.distortion_nats, -self.elbo_nats)
    )
    return (
      f'R {rate:.2f} ± {self.rate_stderr_nats:.2f}'
      f'  D {distortion:.2f} ± {self.distortion_stderr_nats:.2f}'
      f'  -ELBO {minus_elbo:.2f} ± {self.elbo_stderr_nats:.2f} nats'
      f' ({self.num_examples} examples, {self.num_samples} draws'
      f'{self._estimates()})'
    )

  def _estimates(self):
    names = {'rate_nats': 'R', 'distortion_nats': 'D', 'elbo_nats': '-ELBO'}
    found = [names[k] for k in names if self.status.get(k) == 'estimate']
    return f'; estimates: {", ".join(found)}' if found else ''

  @classmethod
  def from_examples(
    cls,
    rate: np.ndarray,
    distortion: np.ndarray,
    *,
    num_samples: int,
    status: Mapping[str, str] = MappingProxyType({}),
  ) -> 'Point':
    """Reduces per-example values.

    Args:
      rate: `[N]`, nats of each image, averaged over its draws.
      distortion: `[N]`, likewise.
      num_samples: Draws behind each value.
      status: Mapping from each value that is no bound to what it is instead,
        as in `{'rate_nats': 'estimate'}`.

    Returns:
      The point; its standard errors are NaN for a single image.
    """
    rate = np.asarray(rate, np.float64)
    distortion = np.asarray(distortion, np.float64)
    return cls(
      *Estimate.of_mean(rate)[:2],
      *Estimate.of_mean(distortion)[:2],
      *Estimate.of_mean(-(rate + distortion))[:2],
      num_examples=len(rate),
      num_samples=num_samples,
      status={**_STATUS, **status},
    )

  def to_dict(self) -> dict[str, Any]:
    """Returns the record of the result schema."""
    return {
      key: None if isinstance(value, float) and math.isnan(value) else value
      for key, value in dataclasses.asdict(self).items()
    }

  @classmethod
  def from_dict(cls, fields: Mapping[str, Any]) -> 'Point':
    """Returns the point that `to_dict` wrote."""
    return cls(
      **{
        key: math.nan if value is None else value
        for key, value in fields.items()
      }
    )
