# SPDX-License-Identifier: Apache-2.0
"""A number of nats with its standard error.

Every mean over images in the package is computed here.  No TensorFlow here.
"""

import math
from typing import NamedTuple

import numpy as np

__all__ = ['Estimate']


class Estimate(NamedTuple):
  """A number of nats.

  Attributes:
    nats: The number.
    stderr_nats: Its standard error; 0 where it is exact, NaN where a single
      value leaves it unknown.
    num_examples: Independent values behind it; 0 where it is exact.
  """

  nats: float
  stderr_nats: float = 0.0
  num_examples: int = 0

  @classmethod
  def of_mean(cls, values: np.ndarray) -> 'Estimate':
    """Estimates an expectation from independent values.

    Args:
      values: `[N]`, nats.

    Returns:
      The mean, with the standard deviation of one value (N - 1 in the
      denominator) over the root of N; NaN for a single value.
    """
    values = np.asarray(values, np.float64)
    n = len(values)
    error = float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    return cls(float(values.mean()), error, n)
