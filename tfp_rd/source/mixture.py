# SPDX-License-Identifier: Apache-2.0
"""A mixture of binary templates with independent flips, in closed form.

    p*(x) = 1/K sum_k noise^d_k (1 - noise)^(P - d_k)

with d_k the number of the P pixels in which x differs from template k.
"""

import functools
import math

import numpy as np
import numpy.typing as npt
from scipy import special

from tfp_rd import record_text
from tfp_rd.estimate import Estimate
from tfp_rd.source import enumeration
from tfp_rd.source.draws import as_bits, Draws

__all__ = ['OfTemplates', 'TemplateMixture']

_NUM_DRAWN = 2**17  # Where images are too many to be enumerated.
_MOST_AT_ONCE = 2**22  # Images times templates, or pixels: 32 MiB.
# One seed, four uses that must not share their random numbers.
_ORDER, _SAMPLES = 1, 2  # The templates themselves have 0.
_FOR_ENTROPY = 1  # Added to that of samples.


class TemplateMixture:
  """A distribution of images: a random template whose pixels flip.

  Args:
    templates: `[K, H, W, 1]` in {0, 1}, equally probable.
    noise: Probability that a pixel differs from the template, in (0, 1/2).
  """

  def __init__(self, templates: npt.ArrayLike, noise: float):
    self.templates = np.asarray(templates, np.float32)
    self._noise = noise

  @property
  def _pixels(self):
    """`[K, H, W, 1]`, the probability that a pixel is on given the template."""
    noise = self._noise
    return (noise + (1 - 2 * noise) * self.templates).astype(np.float32)

  def probabilities(self, num: int, *, seed: int) -> Draws:
    """Returns rows whose pixels are drawn at every use, and their templates.

    Args:
      num: The least number of rows; all templates have equally many.
      seed: Seed of their order.

    Returns:
      Probabilities that pixels are on, labelled by the template's number.
    """
    count = len(self.templates)
    labels = np.repeat(np.arange(count), -(-num // count))
    labels = np.random.RandomState([seed, _ORDER]).permutation(labels)
    return Draws(self._pixels[labels], labels)

  def log_joint(self, images: npt.ArrayLike) -> np.ndarray:
    """Returns `[N, K]`, log p*(x, k) in nats."""
    count, size = len(self.templates), math.prod(self.templates.shape[1:])
    x = as_bits(images, self.templates.shape[1:]).reshape(-1, size)
    t = self.templates.astype(np.float64).reshape(count, size)
    distance = x.sum(1)[:, None] + t.sum(1) - 2 * x @ t.T
    log_odds = math.log(self._noise) - math.log1p(-self._noise)
    return (
      distance * log_odds + size * math.log1p(-self._noise) - math.log(count)
    )

  def log_prob(self, images: npt.ArrayLike) -> np.ndarray:
    """Returns `[N]`, log p*(x) in nats."""
    rows = max(1, _MOST_AT_ONCE // len(self.templates))
    parts = [
      special.logsumexp(self.log_joint(images[start : start + rows]), axis=1)
      for start in range(0, len(images), rows)
    ]
    return np.concatenate(parts)

  def sample(self, num: int, *, seed: int, role: int = 0) -> Draws:
    """Draws images, labelled by the number of their template."""
    rng = np.random.RandomState([seed, _SAMPLES + role])
    labels = rng.randint(len(self.templates), size=num)
    probabilities = self._pixels[labels]
    uniform = rng.random_sample(probabilities.shape)
    return Draws((uniform < probabilities).astype(np.float32), labels)

  def information(self, groups: npt.ArrayLike) -> Estimate:
    """Computes the information of an image about a function of its template.

    Args:
      groups: `[K]`, integers: the value of the function at each template.

    Returns:
      `I(X; group)` in nats, exact up to 4x4 pixels, else from drawn images.
    """
    groups = np.asarray(groups)
    if len(np.unique(groups)) == len(self.templates):
      return self._template_information
    members = groups[:, None] == np.unique(groups)  # [K, values]
    prior = special.entr(members.mean(0)).sum()

    def remaining(log_joint):
      posterior = special.softmax(log_joint, axis=1) @ members
      return special.entr(posterior).sum(1)

    left = self._mean(remaining)
    return Estimate(float(prior - left.nats), left.stderr_nats)

  @functools.cached_property
  def _template_information(self):
    """The information of an image about its template."""
    left = self._mean(_entropy_of_posterior)
    return Estimate(math.log(len(self.templates)) - left.nats, left.stderr_nats)

  def entropy(self) -> Estimate:
    """Computes H = H(k) + H(flips) - H(k | x), where k is the template.

    If images are too many to be summed over, H(k | x) alone is estimated from
    drawn images; it is small, and so is its variance.
    """
    size = math.prod(self.templates.shape[1:])
    flips = special.entr([self._noise, 1 - self._noise]).sum()
    known = self._template_information
    return Estimate(known.nats + size * float(flips), known.stderr_nats)

  def _mean(self, function) -> Estimate:
    """Averages a function of `log p*(x, k)` over all images, or drawn ones."""
    shape = self.templates.shape[1:]
    size = math.prod(shape)
    rows = max(1, _MOST_AT_ONCE // max(size, len(self.templates)))
    if size <= enumeration.MOST_PIXELS:
      total = 0.0
      for start in range(0, 2**size, rows):
        numbers = np.arange(start, min(start + rows, 2**size))
        log_joint = self.log_joint(enumeration.numbered(numbers, shape))
        weights = np.exp(special.logsumexp(log_joint, axis=1))
        total += weights @ function(log_joint)
      return Estimate(float(total))
    starts = range(0, _NUM_DRAWN, rows)
    parts = []
    for n, start in enumerate(starts):
      num = min(rows, _NUM_DRAWN - start)
      drawn = self.sample(num, seed=n, role=_FOR_ENTROPY)
      parts.append(function(self.log_joint(drawn.images)))
    return Estimate.of_mean(np.concatenate(parts))


def _entropy_of_posterior(log_joint):
  return special.entr(special.softmax(log_joint, axis=1)).sum(1)


class OfTemplates:
  """Methods of the sources whose `mixture` is a `TemplateMixture`."""

  def __repr__(self):
    return record_text.write(self, whole=True)

  @property
  def num_labels(self) -> int:
    """Number of labels: one for each template."""
    return len(self.mixture.templates)

  def sample(self, num: int, *, seed: int) -> Draws:
    """Draws independent images `[num, H, W, 1]` and their labels."""
    return self.mixture.sample(num, seed=seed)

  def probabilities(self, num: int, *, seed: int) -> Draws:
    """Returns at least `num` rows from which pixels are drawn at every use."""
    return self.mixture.probabilities(num, seed=seed)

  def log_prob(self, images: np.ndarray) -> np.ndarray:
    """Returns `[N]`, log p*(x) in nats of images `[N, H, W, 1]`.

    Raises:
      UserError: The images are not of this size, or not of bits.
    """
    return self.mixture.log_prob(images)

  def entropy(self) -> Estimate:
    """Returns H; exact up to 4x4 pixels, else from 131,072 images."""
    return self.mixture.entropy()
