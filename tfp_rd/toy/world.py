# SPDX-License-Identifier: Apache-2.0
"""The paper's toy source of 30 values with two causes, every quantity exact.

One of two causes z*, of probability 0.7 and 0.3, draws a normal variable, and
x is the one of 30 bins in which it lies.  The paper prints that the information
of x about z* is 0.5 nats, but not the means and deviations.  Those here were
read off its Figure 2a, with deviations scaled so that the information is 0.5.

#### References

[1]: Alexander A. Alemi et al. Fixing a Broken ELBO. In _International
     Conference on Machine Learning_, 2018, Section 4.1 and Appendix E.
     https://arxiv.org/abs/1711.00464
"""

import dataclasses
import functools
from typing import NamedTuple

import numpy as np
from scipy import optimize, stats

from tfp_rd import errors, information

__all__ = [
  'Measures',
  'Model',
  'NUM_BINS',
  'World',
  'above_floor',
  'distortion_matrix',
  'measure',
  'optimum',
]

NUM_BINS = 30
_PROBABILITIES = np.array([0.7, 0.3])
_MEANS = np.array([9.83, 19.11])  # In bins, of Figure 2a.
_DEVIATIONS = np.array([2.26, 3.43])


@dataclasses.dataclass(frozen=True, repr=False)
class World:
  """The source that is modelled.

  Attributes:
    information_nats: `I(X; Z*)`, the information of x about its cause.
  """

  information_nats: float = 0.5

  def __post_init__(self):
    most = float(information.entropy(_PROBABILITIES))
    if not 0.01 <= self.information_nats <= 0.9 * most:
      raise errors.UserError(
        f'information_nats is {self.information_nats}; expected 0.01 to '
        f'{0.9 * most:.2f}, since two causes are {most:.2f} nats.'
      )

  def __repr__(self):
    return (
      f'World of {NUM_BINS} symbols and {len(_PROBABILITIES)} causes: '
      f'H(X) = {float(information.entropy(self.source)):.2f} nats, '
      f'I(X; Z*) = {self.information_nats:.2f} nats, both exact'
    )

  @functools.cached_property
  def joint(self) -> np.ndarray:
    """`[2, 30]`, p(z*, x)."""

    def excess(log_scale):
      nats = information.mutual_information(_joint(np.exp(log_scale)))
      return float(nats) - self.information_nats

    return _joint(np.exp(optimize.brentq(excess, -4, 4)))

  @property
  def source(self) -> np.ndarray:
    """`[30]`, p*(x)."""
    return self.joint.sum(0)

  @property
  def posterior(self) -> np.ndarray:
    """`[30, 2]`, p(z*|x)."""
    return (self.joint / self.source).T


def _joint(scale):
  # Values outside of the bins are drawn again.
  edges = np.arange(NUM_BINS + 1) - 0.5
  cumulative = stats.norm.cdf(
    edges, _MEANS[:, None], scale * _DEVIATIONS[:, None]
  )
  bins = np.diff(cumulative)
  return _PROBABILITIES[:, None] * bins / bins.sum(1, keepdims=True)


class Measures(NamedTuple):
  """Quantities of a model of the toy source, by enumeration.

  Attributes:
    rate_nats: R.
    distortion_nats: D.
    excess_nats: `D + R - H`.
    information_x_z_nats: `I(X; Z)`.
    information_z_zstar_nats: `I(Z; Z*)`.
    cluster_accuracy: Probability that the more probable cause, given z, is the
      true one.
  """

  rate_nats: float
  distortion_nats: float
  excess_nats: float
  information_x_z_nats: float
  information_z_zstar_nats: float
  cluster_accuracy: float

  def __repr__(self):
    if np.ndim(self.rate_nats):
      return f'Measures{tuple(self)}'  # Of many starts.
    names = ('R', 'D', 'D + R - H', 'I(X; Z)', 'I(Z; Z*)')
    nats = (
      f'{name} {round(float(value), 3) + 0.0:.3f}'  # No -0.000.
      for name, value in zip(names, self[:-1], strict=True)
    )
    accuracy = f'accuracy {self.cluster_accuracy:.3f} (exact)'
    return f'{"  ".join(nats)} nats  {accuracy}'


class Model(NamedTuple):
  """Encoder, marginal and decoder as tables; leading axes are starts.

  Attributes:
    encoder: `[..., X, Z]`, e(z|x).
    marginal: `[..., Z]`, m(z).
    decoder: `[..., Z, X]`, d(x|z).
  """

  encoder: np.ndarray
  marginal: np.ndarray
  decoder: np.ndarray


def measure(world: World, model: Model) -> Measures:
  """Returns the measures of a model, each `[...]` if it has leading axes."""
  sandwich = information.sandwich(
    world.source,
    encoder=model.encoder,
    marginal=model.marginal,
    decoder=model.decoder,
  )
  causes = world.joint @ model.encoder  # p(z*, z), [..., 2, Z].
  return Measures(
    sandwich.rate_nats,
    sandwich.distortion_nats,
    sandwich.excess_nats,
    sandwich.information_nats,
    information.mutual_information(causes),
    causes.max(-2).sum(-1),
  )


def distortion_matrix(model: Model) -> np.ndarray:
  """Returns `[X, Z]`, `-log d(x|z)`: infinite where d(x|z) is 0."""
  with np.errstate(divide='ignore'):
    return -np.log(model.decoder.T)


def above_floor(world: World, model: Model) -> float:
  """Computes the loss by encoder and marginal, given the decoder.

  Args:
    world: A `World`.
    model: A `Model` without leading axes.

  Returns:
    `D + R` minus the least `D + R` of any encoder and marginal with this
    decoder, in nats: never negative, and at most 1e-5 too large.
  """
  floor = information.blahut_arimoto(
    world.source, distortion_matrix(model), beta=1.0, tolerance_nats=1e-5
  )
  point = measure(world, model)
  total = point.rate_nats + point.distortion_nats
  return float(total - floor.lower_nats[0])


def optimum(world: World) -> Model:
  """Builds the optimum of the paper by hand: z = 14 and 15 are the two causes.

  The encoder draws a cause from p(z*|x) and the decoder draws x from p(x|z*),
  so that both bounds are tight and R is `I(X; Z*)`.  All other z never occur
  and decode to p*(x).
  """
  used = [14, 15]
  encoder = np.zeros([NUM_BINS, NUM_BINS])
  encoder[:, used] = world.posterior
  marginal = np.zeros(NUM_BINS)
  marginal[used] = world.joint.sum(1)
  decoder = np.tile(world.source, [NUM_BINS, 1])
  decoder[used] = world.joint / world.joint.sum(1, keepdims=True)
  return Model(encoder, marginal, decoder)
