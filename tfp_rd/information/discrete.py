# SPDX-License-Identifier: Apache-2.0
"""The bounds on the information of a discrete model, all terms in closed form.

    H - D  <=  I(X; Z)  <=  R

    R - I        =  KL(p_e(z) || m(z))                  loss by the marginal
    D - (H - I)  =  E_p_e(z) KL(p_e(x|z) || d(x|z))     loss by the decoder

#### References

[1]: Alexander A. Alemi et al. Fixing a Broken ELBO. In _International
     Conference on Machine Learning_, 2018, Section 2 and Appendix D.
     https://arxiv.org/abs/1711.00464
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from tfp_rd import errors

__all__ = ['entropy', 'mutual_information', 'Sandwich', 'sandwich']

_SUM_TOLERANCE = 1e-6


class Sandwich(NamedTuple):
  """Both bounds, the information and the gaps between them; each `[...]`, nats.

  Attributes:
    entropy_nats: H of the source.
    rate_nats: R.
    distortion_nats: D; infinite if the decoder gives 0 to a pair that occurs.
    information_nats: `I(X; Z)` under the encoder.
    marginal_gap_nats: `R - I`, as a divergence.
    decoder_gap_nats: `D - (H - I)`, as a divergence.
  """

  entropy_nats: np.ndarray
  rate_nats: np.ndarray
  distortion_nats: np.ndarray
  information_nats: np.ndarray
  marginal_gap_nats: np.ndarray
  decoder_gap_nats: np.ndarray

  @property
  def excess_nats(self) -> np.ndarray:
    """`D + R - H`, the sum of both gaps."""
    return self.marginal_gap_nats + self.decoder_gap_nats


def entropy(probabilities: npt.ArrayLike) -> np.ndarray:
  """Computes the entropy of distributions.

  Args:
    probabilities: `[..., K]`, each a distribution over its last axis.

  Returns:
    `[...]`, nats.

  Raises:
    UserError: An entry is negative or not finite, or a sum is not 1.
  """
  return special.entr(_distribution(probabilities, 'probabilities')).sum(-1)


def mutual_information(joint: npt.ArrayLike) -> np.ndarray:
  """Computes the information between the last two axes.

  Args:
    joint: `[..., X, Z]`, sums to 1 over both.

  Returns:
    `[...]`, nats, never negative.

  Raises:
    UserError: `joint` is no distribution.
  """
  joint = np.asarray(joint, np.float64)
  flat = _distribution(joint.reshape(*joint.shape[:-2], -1), 'joint')
  joint = flat.reshape(joint.shape)
  # No product of two probabilities: it can underflow to 0.
  terms = special.xlogy(joint, joint)
  terms -= special.xlogy(joint, joint.sum(-1, keepdims=True))
  terms -= special.xlogy(joint, joint.sum(-2, keepdims=True))
  return np.maximum(terms.sum((-2, -1)), 0.0)


def sandwich(
  source: npt.ArrayLike,
  *,
  encoder: npt.ArrayLike,
  marginal: npt.ArrayLike,
  decoder: npt.ArrayLike,
) -> Sandwich:
  """Computes rate, distortion and information by enumeration.

  Costs `X Z` for each model; leading axes broadcast.

  Args:
    source: `[..., X]`, p*(x).
    encoder: `[..., X, Z]`, e(z|x).
    marginal: `[..., Z]`, m(z).
    decoder: `[..., Z, X]`, d(x|z).

  Returns:
    The `Sandwich`.  Its gaps are computed as divergences, not as the equal
    differences.

  Raises:
    UserError: One of them is no distribution.
  """
  source = _distribution(source, 'source')
  encoder = _distribution(encoder, 'encoder')
  marginal = _distribution(marginal, 'marginal')
  decoder = np.swapaxes(_distribution(decoder, 'decoder'), -1, -2)
  joint = source[..., None] * encoder  # [..., X, Z]
  aggregate = joint.sum(-2)  # p_e(z)
  rates = special.xlogy(joint, encoder)
  rates = rates - special.xlogy(joint, marginal[..., None, :])
  losses = special.xlogy(joint, joint) - special.xlogy(joint, decoder)
  losses = losses - special.xlogy(joint, aggregate[..., None, :])
  return Sandwich(
    entropy_nats=special.entr(source).sum(-1),
    rate_nats=rates.sum((-2, -1)),
    distortion_nats=-special.xlogy(joint, decoder).sum((-2, -1)),
    information_nats=mutual_information(joint),
    marginal_gap_nats=special.rel_entr(aggregate, marginal).sum(-1),
    decoder_gap_nats=losses.sum((-2, -1)),
  )


def _distribution(values, name):
  values = np.asarray(values, np.float64)
  if not values.size or not np.isfinite(values).all() or values.min() < 0:
    raise errors.UserError(
      f'{name} of shape {values.shape} has an entry that is negative or not '
      'finite, or none at all; expected probabilities.'
    )
  sums = values.sum(-1)
  worst = np.abs(sums - 1).max()
  if worst > _SUM_TOLERANCE:
    raise errors.UserError(
      f'{name} of shape {values.shape} sums to 1 over its last axis only to '
      f'within {worst:.2g}; divide it by its sums.'
    )
  return values
