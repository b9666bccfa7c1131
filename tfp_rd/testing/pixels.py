# SPDX-License-Identifier: Apache-2.0
"""Is it a probability, is it causal, and does it sample what it says?"""

import itertools

import numpy as np
import tensorflow as tf

__all__ = [
  'all_images',
  'assert_causal',
  'assert_sample_matches',
  'assert_sums_to_one',
]


def all_images(height: int, width: int) -> np.ndarray:
  """Returns every binary image, float32 `[2^(H W), H, W, 1]`."""
  bits = itertools.product((0.0, 1.0), repeat=height * width)
  return np.array(list(bits), np.float32).reshape([-1, height, width, 1])


def assert_sums_to_one(distribution, *, atol=1e-5) -> None:
  """Asserts that the probabilities of all binary images sum to 1.

  Args:
    distribution: Over images `[H, W, 1]` of at most 16 pixels, without batch
      shape.
    atol: Allowed distance from 1.

  Raises:
    AssertionError: They do not; names the sum.  Costs 2^(H W) densities.
  """
  total = float(np.exp(_log_probs(distribution).astype(np.float64)).sum())
  if not abs(total - 1.0) <= atol:
    raise AssertionError(f'probabilities of all images sum to {total}, not 1.')


def assert_causal(distribution, *, seed=0) -> None:
  """Asserts that no logit depends on its own or a later pixel, exactly.

  Args:
    distribution: Has a method `logits(x)` for images `[..., H, W, 1]`, and no
      batch shape.
    seed: Integer, of the image at which derivatives are taken.

  Raises:
    AssertionError: A derivative is not zero; names the first one.  Costs a
      Jacobian of H W rows.
  """
  shape = [n for n in distribution.event_shape]
  image = np.random.RandomState(seed).randint(2, size=shape)
  x = tf.constant(image, distribution.dtype)
  with tf.GradientTape() as tape:
    tape.watch(x)
    logits = distribution.logits(x[tf.newaxis])
  size = int(np.prod(shape))
  jacobian = tf.reshape(tape.jacobian(logits, x), [size, size]).numpy()
  leaks = np.argwhere(np.triu(jacobian))
  if len(leaks):
    i, j = leaks[0]
    raise AssertionError(
      f'the logit of pixel {i} has derivative {jacobian[i, j]} with respect to '
      f'pixel {j}, which comes no earlier.'
    )


def assert_sample_matches(distribution, *, num_samples=40_000, seed=0) -> None:
  """Asserts that samples follow the density, by a chi-square over all images.

  A wrong distribution whose total variation from the density exceeds
  `5 * sqrt(outcomes / num_samples)` fails almost surely; a right one fails
  less than once in 100,000 seeds.

  Args:
    distribution: Over images of at most 9 pixels, without batch shape.
    num_samples: Samples to draw.
    seed: An integer or a pair.

  Raises:
    AssertionError: They do not; names the statistic.
  """
  from scipy import stats

  probs = np.exp(_log_probs(distribution).astype(np.float64))
  pair = (0, seed) if isinstance(seed, int) else seed
  x = distribution.sample(num_samples, seed=tf.constant(pair)).numpy()
  bits = x.reshape([num_samples, -1]).astype(np.int64)
  outcomes = bits @ (1 << np.arange(bits.shape[1])[::-1])
  counts = np.bincount(outcomes, minlength=len(probs))
  common = probs * num_samples >= 5
  observed = [*counts[common], counts[~common].sum()]
  expected = [*probs[common], max(probs[~common].sum(), 1e-12)]
  expected = np.array(expected) * num_samples
  if expected[-1] < 5:  # Too rare for the approximation, if there at all.
    observed, expected = observed[:-1], expected[:-1]
  statistic = float(((observed - expected) ** 2 / expected).sum())
  p_value = stats.chi2.sf(statistic, len(expected) - 1)
  if p_value < 1e-5:
    raise AssertionError(
      f'samples do not follow the density: chi-square {statistic:.1f} with '
      f'{len(expected) - 1} degrees of freedom, p = {p_value:.1e}.'
    )


def _log_probs(distribution):
  height, width, _ = distribution.event_shape
  return distribution.log_prob(all_images(height, width)).numpy()
