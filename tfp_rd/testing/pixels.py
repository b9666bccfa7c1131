# SPDX-License-Identifier: Apache-2.0
"""Assertions about distributions of binary images and their samples."""

import itertools
from collections.abc import Callable
from typing import Any, Union

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp

__all__ = [
  'all_images',
  'assert_causal',
  'assert_history_free',
  'assert_sample_matches',
  'assert_seeded',
  'assert_sums_to_one',
]

# Pixels in one chunk of `assert_causal`, which bounds its memory.
_CHUNK = 2**15
# Probability that each of two checks fails for a right distribution.
_LEVEL = 5e-6


def all_images(height: int, width: int) -> np.ndarray:
  """Returns every binary image, float32 `[2^(H W), H, W, 1]`."""
  bits = itertools.product((0.0, 1.0), repeat=height * width)
  return np.array(list(bits), np.float32).reshape([-1, height, width, 1])


def assert_sums_to_one(
  distribution: tfp.distributions.Distribution, *, atol: float = 1e-5
) -> None:
  """Asserts that the probabilities of all binary images sum to 1.

  Args:
    distribution: Over images `[H, W, 1]` of at most 16 pixels, without batch
      shape.
    atol: Allowed distance from 1.

  Raises:
    AssertionError: They do not; the message has the sum.

  Costs 2^(H W) densities.
  """
  total = float(np.exp(_log_probs(distribution).astype(np.float64)).sum())
  if not abs(total - 1.0) <= atol:
    raise AssertionError(f'probabilities of all images sum to {total}, not 1.')


def assert_causal(
  distribution: tfp.distributions.Distribution,
  *,
  seed: Union[int, tuple[int, int]] = 0,
) -> None:
  """Asserts that no logit depends on its own or a later pixel, exactly.

  Args:
    distribution: Has a method `logits(x)` for images `[..., H, W, 1]`, and no
      batch shape.
    seed: Integer, of the image at which derivatives are taken.

  Raises:
    AssertionError: A derivative is not zero; the message has the first one.

  Costs the gradients of H W images: seconds at 28x28.
  """
  shape = list(distribution.event_shape)
  image = np.random.RandomState(seed).randint(2, size=shape)
  jacobian = _jacobian(distribution, tf.constant(image, distribution.dtype))
  leaks = np.argwhere(np.triu(jacobian))
  if len(leaks):
    i, j = leaks[0]
    raise AssertionError(
      f'the logit of pixel {i} has derivative {jacobian[i, j]} with respect to '
      f'pixel {j}, which comes no earlier.'
    )


def _jacobian(distribution, image):
  """Returns d logit_i / d pixel_j, `[H W, H W]`.

  One copy of the image for each logit: its gradient is a row.
  """
  size = int(np.prod(image.shape))
  rows = []
  for chunk in tf.split(tf.eye(size, dtype=image.dtype), _chunk_sizes(size)):
    copies = tf.repeat(image[tf.newaxis], len(chunk), axis=0)
    with tf.GradientTape() as tape:
      tape.watch(copies)
      logits = distribution.logits(copies)
    seeds = tf.reshape(chunk, tf.shape(logits))
    gradient = tape.gradient(logits, copies, output_gradients=seeds)
    rows.append(tf.reshape(gradient, [-1, size]).numpy())
  return np.concatenate(rows)


def _chunk_sizes(size):
  most = max(1, _CHUNK // size)
  return [min(most, size - start) for start in range(0, size, most)]


def assert_sample_matches(
  distribution: tfp.distributions.Distribution,
  *,
  num_samples: int = 40_000,
  seed: Union[int, tuple[int, int]] = 0,
) -> None:
  """Asserts that samples follow the density, by a chi-square over all images.

  Images too rare for a chi-square are checked by a binomial test, which fails
  if they are too frequent.  A wrong distribution whose total variation distance
  from the density exceeds `5 * sqrt(outcomes / num_samples)` almost always
  fails; a right one fails for less than one in 100,000 seeds.

  Args:
    distribution: Over images of at most 9 pixels, without batch shape.
    num_samples: Samples to draw.
    seed: An integer or a pair.

  Raises:
    AssertionError: They do not, or a pixel is neither 0 nor 1; the message has
      the statistic or the pixel.
  """
  probs = np.exp(_log_probs(distribution).astype(np.float64))
  x = distribution.sample(num_samples, seed=tf.constant(_pair(seed)))
  counts = np.bincount(_outcomes(np.asarray(x)), minlength=len(probs))
  is_common = probs * num_samples >= 5
  rare = counts[~is_common], probs[~is_common]
  _assert_chi_square(
    np.array([*counts[is_common], rare[0].sum()]),
    np.array([*probs[is_common], rare[1].sum()]) * num_samples,
  )
  _assert_rare(*rare, num_samples)


def _outcomes(x):
  """Returns the positions of images `[N, ...]` in `all_images`."""
  wrong = x[(x != 0) & (x != 1)]
  if len(wrong):
    raise AssertionError(f'a sample has a pixel {wrong[0]}, not 0 or 1.')
  bits = x.reshape([len(x), -1]).astype(np.int64)
  return bits @ (1 << np.arange(bits.shape[1])[::-1])


def _assert_chi_square(counts, expected):
  from scipy import stats

  if expected[-1] < 5:  # All rare images together are still too rare.
    counts, expected = counts[:-1], expected[:-1]
  degrees = len(expected) - 1
  if degrees < 1:
    return
  statistic = float(((counts - expected) ** 2 / expected).sum())
  p_value = stats.chi2.sf(statistic, degrees)
  if not p_value >= _LEVEL:
    raise AssertionError(
      f'samples do not follow the density: chi-square {statistic:.1f} with '
      f'{degrees} degrees of freedom, p = {p_value:.1e}.'
    )


def _assert_rare(counts, probs, num_samples):
  """Asserts that no rare image is too frequent, nor all of them together."""
  from scipy import stats

  counts, probs = (np.append(a, a.sum()) for a in (counts, probs))
  probs = np.minimum(probs, 1.0)  # Rounding can make a sum larger.
  p_values = stats.binom.sf(counts - 1, num_samples, probs)
  worst = np.argmin(p_values)  # The first NaN, if there is one.
  if not p_values[worst] * len(p_values) >= _LEVEL:
    raise AssertionError(
      f'samples do not follow the density: rare images, of probability '
      f'{probs[worst]:.1e}, are {counts[worst]} of {num_samples}.'
    )


def assert_seeded(
  distribution: tfp.distributions.Distribution,
  *,
  seed: Union[int, tuple[int, int]] = 0,
) -> None:
  """Asserts that a seed determines a sample, and another seed gives another.

  Args:
    distribution: Any with enough entropy that two draws of 64 samples are not
      equal by chance.
    seed: An integer or a pair.

  Raises:
    AssertionError: The same seed gave two samples, or two seeds the same.
  """
  high, low = _pair(seed)
  one, again, other = (
    np.asarray(distribution.sample(64, seed=tf.constant(pair)))
    for pair in ((high, low), (high, low), (high, low + 1))
  )
  if not np.array_equal(one, again):
    raise AssertionError('the same seed gave two different samples.')
  if np.array_equal(one, other):
    raise AssertionError('two different seeds gave the same sample.')


def assert_history_free(
  make: Callable[[], Any], x: npt.ArrayLike, *, rtol: float = 1e-4
) -> None:
  """Asserts that a density does not depend on earlier calls.

  It fails for a network that initialises itself from its first batch.

  Args:
    make: Function without arguments that returns a new distribution, with the
      same weights at every call.
    x: Images `[N, H, W, C]`, at least two.
    rtol: Allowed relative difference of log densities.

  Raises:
    AssertionError: It does; the message has both log densities of `x[0]`.
  """
  fresh, experienced = make(), make()
  experienced.log_prob(x)
  one, other = (float(d.log_prob(x[:1])[0]) for d in (fresh, experienced))
  if not np.isclose(one, other, rtol=rtol):
    raise AssertionError(
      f'log density {one} if asked first, {other} after a batch of {len(x)}.'
    )


def _pair(seed):
  return (0, seed) if isinstance(seed, int) else tuple(seed)


def _log_probs(distribution):
  height, width, _ = distribution.event_shape
  return distribution.log_prob(all_images(height, width)).numpy()
