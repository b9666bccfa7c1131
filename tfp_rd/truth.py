# SPDX-License-Identifier: Apache-2.0
"""What is true of images from a source: no model has D + R below their entropy.

The log-likelihood of a model is at least -(D + R), and no model is better on
average than p* itself.  So the mean over test images of

    (D + R)_n + log p*(x_n)

estimates D + R - H and is not negative but for chance; being paired, it varies
far less than D + R does.  No TensorFlow here.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

__all__ = ['Excess', 'excesses']

# Standard errors that are left to chance: one of 30,000 fair points is beyond.
_NUM_STDERRS = 4.0
# A model that is exact has no standard error, but rates in float32.
_ROUNDING_NATS = 1e-3


class Excess(NamedTuple):
  """By how much one point of a run exceeds the entropy of its source.

  Attributes:
    nats: D + R - H, from paired differences over test images.
    stderr_nats: Its standard error; NaN for a single image.
  """

  nats: float
  stderr_nats: float

  @property
  def is_infeasible(self) -> bool:
    """Whether chance does not explain that it is negative."""
    error = np.nan_to_num(self.stderr_nats, nan=np.inf)
    return bool(self.nats < -_NUM_STDERRS * error - _ROUNDING_NATS)


def excesses(examples: Mapping[str, np.ndarray]) -> list[Excess]:
  """Compares each point of a run with the truth.

  Args:
    examples: `rate_nats` and `distortion_nats` `[P, N]` of the test split, and
      `log_prob_nats` `[N]`, log p*(x) of the same images.

  Returns:
    One record for each of the P points.

  Raises:
    KeyError: An array is missing.
    ValueError: The arrays do not belong together.
  """
  sums = examples['rate_nats'] + examples['distortion_nats']
  truth = examples['log_prob_nats']
  if sums.ndim != 2 or sums.shape[1:] != truth.shape:
    raise ValueError(f'shapes {sums.shape} and {truth.shape}')
  return [_excess(gap) for gap in sums.astype(np.float64) + truth]


def _excess(gaps):
  num = len(gaps)
  error = gaps.std(ddof=1) / np.sqrt(num) if num > 1 else np.nan
  return Excess(float(gaps.mean()), float(error))
