# SPDX-License-Identifier: Apache-2.0
"""One draw of z gives two numbers: the rate and the distortion, in nats.

    D = -log d(x|z)        R = log e(z|x) - log m(z)        -ELBO = E[D + R]

Everything else in the package is a function of such draws.
"""

from typing import Any, NamedTuple, Optional, TYPE_CHECKING

import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd import agreement, argument, errors, field
from tfp_rd.network import batch, initial, own_losses

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
    regularization: Scalar, the sum of the losses that layers of tf_keras have
      added in a call with `training=True`; `None` if there are none.
  """

  distortion: tf.Tensor
  encoding_log_prob: tf.Tensor
  marginal_log_prob: tf.Tensor
  latent: tf.Tensor
  encoding: tfd.Distribution
  decoding: tfd.Distribution
  marginal: tfd.Distribution
  analytic_rate: Optional[tf.Tensor] = None
  regularization: Optional[tf.Tensor] = None

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
    UserError: A part returns no distribution, event shapes are not those of
      whole examples and of whole codes, the encoder is a point mass beside a
      density, there is no closed form, or the model is a whole curve.  Out of
      a graph also: the examples are not finite, or no bits where the decoder
      is a distribution of bits.
  """
  refuse_curve(model)
  if not tf.is_tensor(num_samples):
    num_samples = field.whole('num_samples', num_samples, least=1)
  x = as_examples(x, model.dtype)
  if tf.executing_eagerly():
    argument.check_examples(x.numpy(), 'x')
  seeds = initial.split(argument.seed(seed), 3)
  encoder_seed, decoder_seed = seeds[1:] if training else (None, None)
  encoding = _encode(model, x, encoder_seed)
  # Before a VampPrior calls the encoder again.
  added = own_losses.of(model.encoder) if training else []
  marginal = model.marginal()
  agreement.check_distribution(marginal, 'marginal')
  agreement.check_codes(encoding, marginal)
  latent, encoding_log_prob = encoding.experimental_sample_and_log_prob(
    num_samples, seed=seeds[0]
  )
  decoding = _decode(model, latent, x, decoder_seed)
  draws = Draws(
    distortion=-decoding.log_prob(_repeated(x, num_samples, decoding)),
    encoding_log_prob=encoding_log_prob,
    marginal_log_prob=marginal.log_prob(latent),
    latent=latent,
    encoding=encoding,
    decoding=decoding,
    marginal=marginal,
  )
  _check_log_probs(draws, num_samples, x)
  if training:
    draws = draws._replace(regularization=_regularization(model, added))
  if rate != 'monte_carlo':
    draws = draws._replace(analytic_rate=_analytic_rate(draws, rate))
  return draws


def refuse_curve(model: Any) -> None:
  """Refuses a model for many betas, which gives no draws before one is chosen.

  Raises:
    UserError: The model is one, or is no model at all.
  """
  if hasattr(model, 'encoder'):
    return
  if hasattr(model, 'at') and hasattr(model, 'beta_range'):
    raise errors.UserError(
      f'a {type(model).__name__} is a model for each beta; give that at one of '
      'them, as in model.at(1.0).'
    )
  raise errors.UserError(
    f'the model is a {type(model).__name__}; give a tfp_rd.LatentVariableModel '
    'first, and the images after it.'
  )


def as_examples(x: npt.ArrayLike, dtype: Any) -> tf.Tensor:
  """Returns examples as a tensor of a model's type; integers stay integers.

  Args:
    x: `[N, ...]`, numbers of any type.
    dtype: The model's, or `None` to leave the type alone.
  """
  try:
    x = tf.convert_to_tensor(x)
  except (TypeError, ValueError) as e:
    raise errors.UserError(
      f'the examples are a {type(x).__name__} that is no array of numbers; '
      'give an array whose first axis goes through the examples.'
    ) from e
  if dtype is not None and (x.dtype.is_floating or x.dtype.is_bool):
    x = tf.cast(x, dtype)
  return x


def _encode(model, x, seed):
  try:
    encoding = model.encoder(x, seed=seed)
  except batch.ShapeError as e:
    raise errors.UserError(str(e)) from e
  agreement.check_distribution(encoding, 'encoder')
  return encoding


def _decode(model, latent, x, seed):
  decoding = model.decoder(latent, seed=seed)
  agreement.check_distribution(decoding, 'decoder')
  agreement.check_decoding(decoding, x)
  if tf.executing_eagerly() and agreement.takes_bits(decoding):
    argument.check_bits(x.numpy(), 'x')
  return decoding


def _repeated(x, num_samples, decoding):
  """Returns the examples once a draw: not every distribution does that."""
  repeated = tf.broadcast_to(x, tf.concat([[num_samples], tf.shape(x)], 0))
  if x.dtype.is_integer and decoding.dtype in (tf.float32, tf.float64):
    return tf.cast(repeated, decoding.dtype)  # Counts, to tfd.Poisson.
  return repeated


def _regularization(model, added):
  """Returns the sum of what the parts' layers have added, `None` for nothing.

  Args:
    model: The model.
    added: Losses of the encoder's layers.
  """
  known = [model.encoder, *model.encoder.submodules]
  added = [*added, *own_losses.of(model.decoder, but=known)]
  known += [model.decoder, *model.decoder.submodules]
  added += own_losses.of(model.marginal, but=known)
  return (
    tf.add_n([tf.cast(n, added[0].dtype) for n in added]) if added else None
  )


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


def _check_log_probs(draws, num_samples, x):
  known = tf.get_static_value(num_samples)
  agreement.check_log_probs(
    {
      'encoder': draws.encoding_log_prob,
      'marginal': draws.marginal_log_prob,
      'decoder': draws.distortion,
    },
    num_samples=None if known is None else int(known),
    num_examples=x.shape[0] if x.shape.rank else None,
  )
