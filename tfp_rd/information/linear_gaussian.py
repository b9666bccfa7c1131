# SPDX-License-Identifier: Apache-2.0
"""The linear-Gaussian model, every quantity of it in closed form.

    x ~ N(mean, covariance)                      the source
    z | x ~ N(A x + a, S)                        the encoder
    z ~ N(0, I)                                  the marginal
    x | z ~ N(W z + b, noise^2 I)                the decoder

R, D, I(X; Z), KL(p_e(z) || m(z)) and log p(x) are exact, and so is the best
encoder at each beta.  Tests compare estimators with them.

#### References

[1]: Michael E. Tipping and Christopher M. Bishop. Probabilistic Principal
     Component Analysis. _Journal of the Royal Statistical Society B_, 1999.
[2]: James Lucas et al. Don't Blame the ELBO! A Linear VAE Perspective on
     Posterior Collapse. In _Neural Information Processing Systems_, 2019.
     https://arxiv.org/abs/1911.02469
"""

import dataclasses
from typing import NamedTuple

import numpy as np

from tfp_rd import errors
from tfp_rd.information import discrete

__all__ = ['LinearEncoder', 'LinearGaussian']


class LinearEncoder(NamedTuple):
  """`z | x ~ N(matrix x + bias, covariance)`.

  Attributes:
    matrix: `[Z, X]`.
    bias: `[Z]`.
    covariance: `[Z, Z]`, positive definite.
  """

  matrix: np.ndarray
  bias: np.ndarray
  covariance: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class LinearGaussian:
  """A Gaussian source, a linear decoder and a standard normal marginal.

  Entropies and distortions are differential, in nats relative to unit volume,
  and may be negative.  Rates and informations are not affected.

  Attributes:
    mean: `[X]`, mean of the source.
    covariance: `[X, X]`, covariance of the source, positive definite.
    weights: `[X, Z]`, weights of the decoder.
    bias: `[X]`, bias of the decoder.
    noise: Positive, the standard deviation of each dimension of `x` given `z`.

  Raises:
    UserError: Shapes do not fit, or `noise` is not positive.
  """

  mean: np.ndarray
  covariance: np.ndarray
  weights: np.ndarray
  bias: np.ndarray
  noise: float

  def __post_init__(self):
    x = len(self.mean)
    shapes = [np.shape(v) for v in (self.covariance, self.weights, self.bias)]
    if shapes != [(x, x), (x, shapes[1][-1]), (x,)] or not self.noise > 0:
      raise errors.UserError(
        f'a source of {x} dimensions came with covariance, weights and bias of '
        f'shapes {shapes} and noise {self.noise}; expected [X, X], [X, Z], [X] '
        'and a positive number.'
      )

  def log_prob(self, x: np.ndarray) -> np.ndarray:
    """Computes `log p(x)` of marginal and decoder, by integrating over `z`.

    Args:
      x: `[..., X]`.

    Returns:
      `[...]`, nats.
    """
    covariance = self.weights @ self.weights.T
    covariance += self.noise**2 * np.eye(len(self.mean))
    apart = np.asarray(x) - self.bias
    solved = np.linalg.solve(covariance, apart[..., np.newaxis])[..., 0]
    squares = (apart * solved).sum(-1)
    return -0.5 * (squares + _log_det(2 * np.pi * covariance))

  def optimal_encoder(self, beta: float) -> LinearEncoder:
    """Returns the encoder that minimises `D + beta R` for marginal and decoder.

    It is `m(z) d(x|z)^(1 / beta)`, normalised; at beta = 1 the posterior.  No
    encoder, linear or not, is better.

    Args:
      beta: Positive.

    Returns:
      The encoder.

    Raises:
      UserError: beta is not positive.
    """
    if not beta > 0:
      raise errors.UserError(f'beta is {beta}; expected a positive number.')
    weights = self.weights / (beta * self.noise**2)
    covariance = np.linalg.inv(
      np.eye(weights.shape[1]) + weights.T @ self.weights
    )
    matrix = covariance @ weights.T
    return LinearEncoder(matrix, -matrix @ self.bias, covariance)

  def sandwich(self, encoder: LinearEncoder) -> discrete.Sandwich:
    """Computes rate, distortion, information and both gaps of an encoder.

    Args:
      encoder: Any linear encoder of this source.

    Returns:
      The `Sandwich`; its H and D are differential.

    Raises:
      UserError: A covariance is not positive definite.
    """
    num_x, num_z = self.weights.shape
    matrix, bias, noise = encoder
    mean = matrix @ self.mean + bias
    across = self.covariance @ matrix.T  # Of x and z.
    covariance = matrix @ across + noise  # Of p_e(z).
    # Means of |z|^2, and of |x - W z - b|^2 in units of the decoder's noise.
    squares_z = mean @ mean + np.trace(covariance)
    away = self.mean - self.weights @ mean - self.bias
    spread = self.covariance - 2 * across @ self.weights.T
    spread = spread + self.weights @ covariance @ self.weights.T
    squares_x = (away @ away + np.trace(spread)) / self.noise**2
    log_noise = num_x * np.log(self.noise**2)
    # Of p_e(x|z): the determinant of p_e(x, z) over that of p_e(z).
    log_det = _log_det(self.covariance) + _log_det(noise) - _log_det(covariance)
    return discrete.Sandwich(
      entropy_nats=_log_det(2 * np.pi * np.e * self.covariance) / 2,
      rate_nats=(squares_z - num_z - _log_det(noise)) / 2,
      distortion_nats=(squares_x + log_noise + num_x * np.log(2 * np.pi)) / 2,
      information_nats=(_log_det(covariance) - _log_det(noise)) / 2,
      marginal_gap_nats=(squares_z - num_z - _log_det(covariance)) / 2,
      decoder_gap_nats=(squares_x - num_x + log_noise - log_det) / 2,
    )


def _log_det(matrix):
  sign, log_det = np.linalg.slogdet(matrix)
  if not sign > 0 or not np.isfinite(log_det):
    raise errors.UserError(
      f'a covariance {matrix.tolist()} is not positive definite.'
    )
  return log_det
