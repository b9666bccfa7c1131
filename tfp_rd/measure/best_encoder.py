# SPDX-License-Identifier: Apache-2.0
"""The encoder's loss: D + beta R less that of the best encoder, by quadrature.

For each x the least D + beta R over all encoders, for the model's own decoder
and marginal, is

    F(x) = -beta log integral m(z) d(x|z)^(1/beta) dz

It is reached by `e*(z|x) ~ m(z) d(x|z)^(1/beta)`, so that the loss of the
model's own encoder is `beta KL(e(z|x) || e*(z|x))` on average.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfp_rd import errors, rate_distortion
from tfp_rd.estimate import Estimate
from tfp_rd.measure import quadrature, streaming
from tfp_rd.model import latent_variable_model
from tfp_rd.network import initial

__all__ = ['EncoderShare', 'encoder_share']

_IMAGES_AT_ONCE = 25
# Images times points in one call.
_PAIRS_AT_ONCE = 2**13
# Draws of the marginal that span the box of the grid, and its margin.
_NUM_DRAWS, _RIM = 4096, 0.25
_TOLERANCE_NATS = 0.01
# One seed, two uses.
_CODES, _MARGINAL = range(2)


class EncoderShare(NamedTuple):
  """What the best encoder would gain at one beta.

  Attributes:
    share: D + beta R less that of the best encoder, paired over images.
    best: The least D + beta R of any encoder.
    best_nats: `[N]`, the same of each image; at beta 1 it is -log p(x).
    quadrature_error_nats: The change of `best` of an image at the last
      refinement of its grid, on average; infinite where an integral is known to
      be wrong.
    marginal_mass: The integral of m(z) on the same grid; 1 if it is right.
  """

  share: Estimate
  best: Estimate
  best_nats: np.ndarray
  quadrature_error_nats: float
  marginal_mass: float

  @property
  def is_sound(self) -> bool:
    """Whether the checks bound the error of the share."""
    most = max(0.01, 0.2 * abs(self.share.nats))
    mass = abs(self.marginal_mass - 1)
    return bool(self.quadrature_error_nats < most and mass < 0.01)


def encoder_share(
  model: latent_variable_model.LatentVariableModel,
  images: npt.ArrayLike,
  *,
  beta: float,
  num_samples: int = 64,
  seed: initial.Seed = 0,
) -> EncoderShare:
  """Measures how far below D + beta R the best encoder would be.

  Args:
    model: A `LatentVariableModel` with one or two dimensions of z.
    images: `[N, ...]`, drawn from the data.
    beta: The price of rate.
    num_samples: Draws of z for the model's own D + beta R of an image.
    seed: An integer or a pair.

  Returns:
    The share, and whether it `is_sound`.  The grid starts from codes of the
    model and of the marginal.  Posteriors a hundred times narrower than these
    are found.  Narrower ones, and modes far from all codes, can be missed
    without any sign of it.

  Raises:
    UserError: z has more dimensions, or images are fewer than two.

  Costs some ten thousand densities d(x|z) for each image, in two dimensions.
  """
  if len(images) < 2:
    raise errors.UserError('one image has no standard error; give several.')
  images = rate_distortion.as_examples(images, model.dtype).numpy()
  codes, own, heights = _own(model, images, beta, num_samples, seed)
  drawn = model.marginal().sample(
    _NUM_DRAWS, seed=initial.fold_in(seed, _MARGINAL)
  )
  samples = np.concatenate([codes.reshape(-1, codes.shape[-1]), drawn])
  groups = np.array_split(images, -(-len(images) // _IMAGES_AT_ONCE))
  found = [
    quadrature.log_integrals(
      _Integrand(model, group, beta, codes.dtype),
      samples,
      rim=_RIM,
      tolerance=_TOLERANCE_NATS / beta,
    )
    for group in groups
  ]
  # The last function of each group is the marginal alone.
  values, changes, peaks = (
    np.concatenate([part[:-1] for part in parts])
    for parts in zip(*found, strict=True)
  )
  # A code of the image's own that is far above all nodes was missed by them.
  changes = np.where(heights > peaks + 1, np.inf, changes)
  best = -beta * values
  return EncoderShare(
    share=Estimate.of_mean(own - best),
    best=Estimate.of_mean(best),
    best_nats=best,
    quadrature_error_nats=float(beta * changes.mean()),
    marginal_mass=float(np.exp(found[0].log_values[-1])),
  )


class _Integrand:
  """`log m(z) + log d(x|z) / beta` of each image, and last `log m(z)` alone."""

  def __init__(self, model, images, beta, dtype):
    self._images, self._power, self._dtype = images, 1 / beta, dtype
    self.num = len(images) + 1
    self._log_marginal = streaming.mapped(
      lambda z: model.marginal().log_prob(z), _PAIRS_AT_ONCE
    )

    def of_all(z):
      x = tf.convert_to_tensor(images)
      shape = tf.concat([tf.shape(z)[:1], tf.shape(x)], 0)
      # Each z is decoded once; the images are laid over it.
      decoding = model.decoder(z[:, tf.newaxis])
      return decoding.log_prob(tf.broadcast_to(x, shape))

    self._of_all = streaming.mapped(
      of_all, max(1, _PAIRS_AT_ONCE // len(images))
    )
    self._of_pairs = streaming.mapped(
      lambda z, x: model.decoder(z).log_prob(x), _PAIRS_AT_ONCE
    )

  def everywhere(self, points):
    """Returns `[num, P]` of points `[P, k]`."""
    points = points.astype(self._dtype)
    log_marginal = self._log_marginal(points)
    log_likelihood = self._power * self._of_all(points).T
    return np.concatenate(
      [log_likelihood + log_marginal, log_marginal[np.newaxis]]
    )

  def at(self, which, points):
    """Returns `[P]` of points `[P, k]`, each for one of `num`."""
    points = points.astype(self._dtype)
    unique, places = np.unique(points, axis=0, return_inverse=True)
    values = self._log_marginal(unique)[places.ravel()]
    paired = which < len(self._images)
    if paired.any():
      x = self._images[which[paired]]
      values[paired] += self._power * self._of_pairs(points[paired], x)
    return values


def _own(model, images, beta, num_samples, seed):
  """Returns codes `[S, N, k]`, D + beta R `[N]`, and the integrand's heights.

  The heights `[N]` are the greatest of `log m(z) + log d(x|z) / beta`.
  """
  draws = rate_distortion.draw(
    model, images, num_samples=num_samples, seed=initial.fold_in(seed, _CODES)
  )
  shape = draws.latent.shape[2:]
  if shape.rank != 1 or not 1 <= shape[0] <= quadrature.MOST_DIMENSIONS:
    raise errors.UserError(
      f'z has shape {list(shape)}; integrals are over [1] or [2].'
    )
  rate, distortion, log_marginal = (
    tf.cast(values, tf.float64).numpy()
    for values in (draws.rate, draws.distortion, draws.marginal_log_prob)
  )
  own = (distortion + beta * rate).mean(0)
  heights = (log_marginal - distortion / beta).max(0)
  return draws.latent.numpy(), own, heights
