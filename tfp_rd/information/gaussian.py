# SPDX-License-Identifier: Apache-2.0
"""The rate-distortion function of independent Gaussians, for squared error."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tfp_rd import errors

__all__ = ['gaussian_rate', 'RateAtDistortion']


class RateAtDistortion(NamedTuple):
  """The least rate of Gaussian components at a given distortion.

  Attributes:
    rate_nats: `[...]`.
    slope: `[...]`, `-dR/dD`, nats a unit of squared error; 0 at rate 0.
    distortions: `[..., K]`, squared error of each component.
  """

  rate_nats: np.ndarray
  slope: np.ndarray
  distortions: np.ndarray


def gaussian_rate(
  variances: npt.ArrayLike, distortion: npt.ArrayLike
) -> RateAtDistortion:
  """Computes the least rate at a distortion, by reverse water-filling.

  Every component whose variance exceeds the level has that level as its error,
  and costs `log(variance / level) / 2`; the others cost nothing.  The level is
  exact, by sorting.  For a Gaussian vector, give the eigenvalues of
  its covariance.

  Args:
    variances: `[K]`, positive.
    distortion: `[...]`, mean squared errors, summed over components; positive.

  Returns:
    The rate, which is 0 from the sum of the variances on, with its slope.

  Raises:
    UserError: A variance or distortion is not positive and finite.

  #### References

  [1]: Thomas M. Cover and Joy A. Thomas. _Elements of Information Theory_,
       second edition, 2006, Theorem 10.3.3.
  """
  variances = np.atleast_1d(_positive(variances, 'variances'))
  distortion = _positive(distortion, 'distortion')
  falling = np.sort(variances)[::-1]
  # The level is below the k-th variance if D is less than the sum of all
  # variances, each cut at the k-th.  Sums begin at the least variance, so that
  # the last one is exactly 0.
  rest = np.append(falling[::-1].cumsum()[::-1][1:], 0.0)
  number = np.arange(1, len(falling) + 1)
  is_above = distortion[..., None] < number * falling + rest
  last = np.maximum(is_above.sum(-1) - 1, 0)
  level = (distortion - rest[last]) / number[last]
  level = np.where(is_above[..., 0], level, falling[0])
  shares = np.minimum(variances, level[..., None])
  rate = np.log(variances / shares).sum(-1) / 2
  slope = np.where(is_above[..., 0], 0.5 / level, 0.0)
  return RateAtDistortion(rate, slope, shares)


def _positive(values, name):
  values = np.asarray(values, np.float64)
  if not (np.isfinite(values) & (values > 0)).all():
    raise errors.UserError(
      f'{name} is {values}; expected positive, finite numbers.'
    )
  return values
