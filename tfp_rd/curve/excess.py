# SPDX-License-Identifier: Apache-2.0
"""D + R - H: how far a model is above the entropy of a known source.

The log-likelihood of a model is at least -(D + R), and no model is better on
average than p* itself.  So the mean over test images of

    (D + R)_n + log p*(x_n)

estimates D + R - H and is not negative but for chance; being paired, it varies
far less than D + R does.  No TensorFlow here.

#### References

[1]: Alexander A. Alemi et al. Fixing a Broken ELBO. In _International
     Conference on Machine Learning_, 2018.  https://arxiv.org/abs/1711.00464
"""

from collections.abc import Mapping

import numpy as np

from tfp_rd.estimate import Estimate

__all__ = ['excesses', 'is_infeasible']

_NUM_STDERRS = 4.0
_LEAST_PROBABILITY = 1 / 30_000
# Rates and distortions are in float32.
_ROUNDING_NATS = 1e-3


def is_infeasible(excess: Estimate) -> bool:
  """Returns whether D + R - H is below 0 beyond chance.

  Two conditions must hold: it lies four standard errors below 0, and below the
  bound that follows.  Standard errors mislead where a model loses much on few
  images, which may not have been drawn.  But for every model the mean of
  `exp(-gap)` is at most 1, so that by Markov's inequality the gaps of N images
  sum to less than `log p` with a probability of at most p.

  Args:
    excess: D + R - H of a point.
  """
  error = np.nan_to_num(excess.stderr_nats, nan=0.0)
  limit = np.log(_LEAST_PROBABILITY) / excess.num_examples
  below = min(-_NUM_STDERRS * error, limit, -_ROUNDING_NATS)
  return bool(excess.nats < below)


def excesses(examples: Mapping[str, np.ndarray]) -> list[Estimate]:
  """Returns D + R - H of each point of a run.

  Args:
    examples: `rate_nats` and `distortion_nats` `[P, N]` of the test split, and
      `log_prob_nats` `[N]`, log p*(x) of the same images.

  Returns:
    D + R - H of each of the P points.

  Raises:
    KeyError: An array is missing.
    ValueError: The arrays do not belong together.
  """
  sums = examples['rate_nats'] + examples['distortion_nats']
  truth = examples['log_prob_nats']
  if sums.ndim != 2 or sums.shape[1:] != truth.shape:
    raise ValueError(f'shapes {sums.shape} and {truth.shape}')
  return [Estimate.of_mean(gap) for gap in sums.astype(np.float64) + truth]
