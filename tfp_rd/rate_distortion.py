# SPDX-License-Identifier: Apache-2.0
"""One draw of z gives two numbers: the rate and the distortion, in nats.

    D = -log d(x|z)        R = log e(z|x) - log m(z)        -ELBO = E[D + R]

Everything else in the package is a function of such draws.
"""

from typing import Any, NamedTuple, Optional, TYPE_CHECKING

import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd import errors
from tfp_rd.network import initial

if TYPE_CHECKING:
  from tfp_rd.model.latent_variable_model import LatentVariableModel

__all__ = ['Draws', 'as_examples', 'draw', 'refuse_curve']

tfd = tfp.distributions


class Draws(NamedTuple):
  """Draws of z for a batch of images, with their log-densities in nats.

  At the exact posterior `rate + distortion` is `-log p(x)` for every single
  draw, since both numbers share the same z.

  Attributes:
    distortion: `[S, B]`, `-log d(x|z)`.
    encoding_log_prob: `[S, B]`, `log e(z|x)`.
    marginal_log_prob: `[S, B]`, `log m(z)`.
    latent: `[S, B, ...]`, z.
    encoding: e(z|x), of batch shape `[B]`.
    decoding: d(x|z), of batch shape `[S, B]`.
    marginal: m(z).
    analytic_rate: `[S, B]`, KL(e(z|x) || m(z)) where it was asked for.
  """

  distortion: tf.Tensor
  encoding_log_prob: tf.Tensor
  marginal_log_prob: tf.Tensor
  latent: tf.Tensor
  encoding: tfd.Distribution
  decoding: tfd.Distribution
  marginal: tfd.Distribution
  analytic_rate: Optional[tf.Tensor] = None

  @property
  def rate(self) -> tf.Tensor:
    """`[S, B]`, nats that the code carries: `log e(z|x) - log m(z)`."""
    if self.analytic_rate is not None:
      return self.analytic_rate
    return self.encoding_log_prob - self.marginal_log_prob


def draw(
  model: 'LatentVariableModel',
  x: npt.ArrayLike,
  *,
  num_samples: int = 1,
  seed: initial.Seed,
  training: bool = False,
  rate: str = 'monte_carlo',
) -> Draws:
  """Draws z from e(z|x) and weighs it by all three distributions.

  Args:
    model: A `LatentVariableModel`.
    x: `[B, ...]`, images or other examples.
    num_samples: S.
    seed: An integer or a pair; the same seed gives the same draws.
    training: Whether dropout is on.
    rate: `'monte_carlo'`, which shares z with the distortion, or `'analytic'`
      for KL(e || m) in closed form where TFP knows it.

  Returns:
    The draws; one pass of the encoder and S of the decoder.

  Raises:
    UserError: A distribution's event shape is not that of a whole example,
      there is no closed form, or the model is a whole curve.
  """
  refuse_curve(model)
  x = as_examples(x, model.dtype)
  seeds = initial.split(seed, 3)
  encoder_seed, decoder_seed = seeds[1:] if training else (None, None)
  encoding = model.encoder(x, seed=encoder_seed)
  latent, encoding_log_prob = encoding.experimental_sample_and_log_prob(
    num_samples, seed=seeds[0]
  )
  marginal = model.marginal()
  decoding = model.decoder(latent, seed=decoder_seed)
  # Not every distribution broadcasts the images over the draws.
  repeated = tf.broadcast_to(x, tf.concat([[num_samples], tf.shape(x)], 0))
  if x.dtype.is_integer and decoding.dtype in (tf.float32, tf.float64):
    repeated = tf.cast(repeated, decoding.dtype)  # Counts, to tfd.Poisson.
  draws = Draws(
    distortion=-decoding.log_prob(repeated),
    encoding_log_prob=encoding_log_prob,
    marginal_log_prob=marginal.log_prob(latent),
    latent=latent,
    encoding=encoding,
    decoding=decoding,
    marginal=marginal,
    analytic_rate=None,
  )
  _check_ranks(draws)
  if rate == 'monte_carlo':
    return draws
  return draws._replace(analytic_rate=_analytic_rate(draws, rate))


def refuse_curve(model: Any) -> None:
  """Refuses a model for many betas, which gives no draws before one is chosen.

  Raises:
    UserError: The model is one.
  """
  if not hasattr(model, 'encoder') and hasattr(model, 'at'):
    raise errors.UserError(
      f'a {type(model).__name__} is a model for each beta; give that at one of '
      'them, as in model.at(1.0).'
    )


def as_examples(x: npt.ArrayLike, dtype: Any) -> tf.Tensor:
  """Returns examples as a tensor of a model's type; integers stay integers.

  Args:
    x: `[N, ...]`, numbers of any type.
    dtype: The model's, or `None` to leave the type alone.
  """
  x = tf.convert_to_tensor(x)
  if dtype is not None and (x.dtype.is_floating or x.dtype.is_bool):
    x = tf.cast(x, dtype)
  return x


def _analytic_rate(draws, rate):
  if rate != 'analytic':
    raise errors.UserError(
      f"rate is {rate!r}; choose 'monte_carlo' or 'analytic'."
    )
  try:
    nats = tfd.kl_divergence(draws.encoding, draws.marginal)
  except NotImplementedError as e:
    raise errors.UserError(
      f'no closed form of KL({draws.encoding.name} || {draws.marginal.name}) '
      "is known; use rate='monte_carlo'."
    ) from e
  return tf.broadcast_to(nats, tf.shape(draws.distortion))


def _check_ranks(draws):
  for role, name in (
    ('encoder', 'encoding_log_prob'),
    ('marginal', 'marginal_log_prob'),
    ('decoder', 'distortion'),
  ):
    shape = getattr(draws, name).shape
    if shape.rank not in (None, 2):
      raise errors.UserError(
        f'log-densities of the {role} have shape {shape} and must be [S, B], '
        'one number for each draw; wrap its distribution in tfd.Independent.'
      )
