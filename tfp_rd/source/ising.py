# SPDX-License-Identifier: Apache-2.0
"""The Ising model on a small grid, exact by transfer matrices.

    p*(x) = exp(coupling * sum over neighbours of s s') / Z,    s = 2 x - 1

A row of w pixels has 2^w states, and a grid is a chain of rows.  So log Z, the
entropy and independent samples take products with one matrix of 2^w x 2^w.

#### References

[1]: Rodney J. Baxter. _Exactly Solved Models in Statistical Mechanics_,
     Academic Press, 1982, Chapter 2 on transfer matrices.
"""

import dataclasses
import functools
from typing import ClassVar

import numpy as np
from scipy import special

from tfp_rd import errors, field, record_text
from tfp_rd.estimate import Estimate
from tfp_rd.source.draws import as_bits, Draws

__all__ = ['Ising']

_LARGEST = 10  # 2^10 states of a row, a matrix of 8 MiB.
_AT_ONCE = 2**13  # Images drawn at once, each with a table of a row's states.


@dataclasses.dataclass(frozen=True, repr=False)
class Ising:
  """Pixels that tend to equal their neighbours.

  Attributes:
    coupling: Coupling of neighbours.  At 0 pixels are independent; above 0.44
      large grids are ordered.
    side: Height and width, 2 to 10 pixels.
    boundary: `'free'`: pixels at the edge have fewer neighbours; `'cylinder'`:
      the last column is a neighbour of the first, for even sides of at least 4.
  """

  name: ClassVar[str] = 'ising'

  coupling: float = 0.4
  side: int = 8
  boundary: str = 'free'

  def __post_init__(self):
    field.check_number(self, 'coupling', low=-4.0, high=4.0)
    field.check_whole(self, 'side', least=2, most=_LARGEST)
    if self.boundary not in ('free', 'cylinder'):
      raise errors.UserError(
        f"boundary of ising is {self.boundary!r}; choose 'free' or 'cylinder'."
      )
    # With side 2 two pixels of a row would be neighbours twice, and with an odd
    # side the chessboard of `probabilities` has neighbours of one colour.
    if self._is_cylinder and (self.side < 4 or self.side % 2):
      raise errors.UserError(
        f'side of a cylinder is {self.side}; expected an even number from 4 on.'
      )

  def __repr__(self):
    return record_text.write(self, whole=True)

  @property
  def num_labels(self) -> int:
    """0: images of this source have no labels."""
    return 0

  @property
  def _is_cylinder(self):
    return self.boundary == 'cylinder'

  def log_prob(self, images: np.ndarray) -> np.ndarray:
    """Returns `[N]`, log p*(x) in nats of images `[N, H, W, 1]`.

    Raises:
      UserError: The images are not of this size, or not of bits.
    """
    spins = 2.0 * as_bits(images, (self.side, self.side, 1))[..., 0] - 1.0
    bonds = (spins[:, 1:] * spins[:, :-1]).sum((1, 2))
    bonds += self._bonds_in_rows(spins).sum(1)
    return self.coupling * bonds - self._log_partition

  def _bonds_in_rows(self, spins):
    """Sums `s s'` over neighbours on the last axis of `[..., W]`."""
    bonds = (spins[..., 1:] * spins[..., :-1]).sum(-1)
    if self._is_cylinder:
      bonds = bonds + spins[..., 0] * spins[..., -1]
    return bonds

  @functools.cached_property
  def _spins(self):
    """`[2^w, w]`, the states of a row."""
    states = np.arange(2**self.side)[:, None] >> np.arange(self.side)
    return 2.0 * (states & 1) - 1.0

  @functools.cached_property
  def _row(self):
    """`[2^w]`, log-weight of a row by itself."""
    return self.coupling * self._bonds_in_rows(self._spins)

  @functools.cached_property
  def _between(self):
    """`[2^w, 2^w]`, log-weight of two rows that are neighbours."""
    return self.coupling * self._spins @ self._spins.T

  @functools.cached_property
  def _below(self):
    """`[H, 2^w]`, log of the sum over all rows below a row, given that row."""
    messages = [np.zeros(2**self.side)]
    for _ in range(self.side - 1):
      inner = self._between + self._row + messages[-1]
      messages.append(special.logsumexp(inner, axis=1))
    return np.array(messages[::-1])

  @functools.cached_property
  def _log_partition(self):
    return special.logsumexp(self._row + self._below[0])

  def _transitions(self):
    """Yields `[2^w, 2^w]`, the distribution of each row given the one above."""
    for below in self._below[1:]:
      yield special.softmax(self._between + self._row + below, axis=1)

  @property
  def _first(self):
    return special.softmax(self._row + self._below[0])

  def entropy(self) -> Estimate:
    """Returns H, exact: of the first row, and of each given the one above."""
    row, nats = self._first, special.entr(self._first).sum()
    for table in self._transitions():
      nats += row @ special.entr(table).sum(1)
      row = row @ table
    return Estimate(float(nats))

  def sample(self, num: int, *, seed: int) -> Draws:
    """Draws independent images `[num, H, W, 1]`, row after row."""
    rng = np.random.RandomState(seed)
    parts = [
      self._sample(min(_AT_ONCE, num - start), rng)
      for start in range(0, num, _AT_ONCE)
    ]
    return Draws(np.concatenate(parts))

  def _sample(self, num, rng):
    rows = [rng.choice(2**self.side, num, p=self._first)]
    for table in self._transitions():
      rows.append(_choose(table.cumsum(1)[rows[-1]], rng))
    return (self._spins[np.stack(rows, 1)][..., None] > 0).astype(np.float32)

  def probabilities(self, num: int, *, seed: int) -> Draws:
    """Draws half of the pixels, and computes the probabilities of the others.

    Pixels of one colour of a chessboard depend on their neighbours alone, which
    have the other colour.  Training draws them anew at every use.  The other
    half stays fixed, so that there should be more rows than a model can learn.

    Args:
      num: Number of rows.
      seed: Seed of the half that is drawn.

    Returns:
      Probabilities that pixels are on; those of the drawn half are 0 or 1.  The
      drawn colour alternates from row to row.
    """
    images = self.sample(num, seed=seed).images
    spins = 2 * images[..., 0] - 1
    around = np.zeros_like(spins)
    around[:, 1:] += spins[:, :-1]
    around[:, :-1] += spins[:, 1:]
    around[:, :, 1:] += spins[:, :, :-1]
    around[:, :, :-1] += spins[:, :, 1:]
    if self._is_cylinder:
      around[:, :, 0] += spins[:, :, -1]
      around[:, :, -1] += spins[:, :, 0]
    free = special.expit(2 * self.coupling * around)[..., None]
    squares = np.indices(images.shape[1:3]).sum(0)[..., None] % 2
    is_free = squares == np.arange(num)[:, None, None, None] % 2
    return Draws(np.where(is_free, free, images).astype(np.float32))


def _choose(cumulative, rng):
  """Draws an index from each row `[N, K]` of cumulative probabilities."""
  uniform = rng.random_sample([len(cumulative), 1]) * cumulative[:, -1:]
  return (uniform > cumulative).sum(1)
