# SPDX-License-Identifier: Apache-2.0
"""One draw of z gives two numbers: the rate and the distortion, in nats.

    D = -log d(x|z)        R = log e(z|x) - log m(z)        -ELBO = E[D + R]

Everything else in the package is a function of such draws.
"""

import functools
from typing import NamedTuple, Optional

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd import errors
from tfp_rd import point as point_lib
from tfp_rd.network import initial

__all__ = ['Draws', 'as_examples', 'draw', 'evaluate', 'evaluate_examples']

tfd = tfp.distributions

# Images, times draws in one pass of `evaluate`.
_ROWS_A_PASS = 1000

# Folded into the seed, so that no evaluation repeats the draws of training.
_EVALUATION = 24_301


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
  model, x, *, num_samples=1, seed, training=False, rate='monte_carlo'
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
  _refuse_curve(model)
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


def evaluate(
  model, images, *, num_samples=16, seed=0, batch_size=250
) -> point_lib.Point:
  """Measures R, D and ELBO of a model on images.

  Args:
    model: A `LatentVariableModel`.
    images: `[N, ...]`.
    num_samples: Draws of z for each image.
    seed: An integer or a pair.
    batch_size: Images in one pass.

  Returns:
    The point, with standard errors over images.  Dropout is off.
  """
  rate, distortion = evaluate_examples(
    model, images, num_samples=num_samples, seed=seed, batch_size=batch_size
  )
  return point_lib.Point.from_examples(
    rate, distortion, num_samples=num_samples
  )


def evaluate_examples(
  model, images, *, num_samples=16, seed=0, batch_size=250
) -> tuple[np.ndarray, np.ndarray]:
  """Measures rate and distortion of each image.

  Args:
    model: A `LatentVariableModel`.
    images: `[N, ...]`.
    num_samples: Draws of z for each image.
    seed: An integer or a pair.
    batch_size: Images in one pass.

  Returns:
    rate_nats: `[N]`, mean over the draws.
    distortion_nats: `[N]`, likewise.
  """
  _refuse_curve(model)
  images = np.asarray(as_examples(images, model.dtype))
  size = min(batch_size, len(images))
  at_once = _draws_at_once(size, num_samples)
  seed = initial.fold_in(seed, _EVALUATION)
  sum_of_draws = _compiled(model, model.encoder, model.marginal, model.decoder)
  results = []
  for n, start in enumerate(range(0, len(images), size)):
    x = images[start : start + size]
    # One shape, one trace: the last batch is filled up and cut again.
    x = tf.constant(np.concatenate([x, np.repeat(x[-1:], size - len(x), 0)]))
    batch_seed = initial.fold_in(seed, n)
    results.append(
      sum(
        sum_of_draws(x, initial.fold_in(batch_seed, m), at_once).numpy()
        for m in range(num_samples // at_once)
      )
    )
  rate, distortion = np.concatenate(results, axis=1) / num_samples
  return rate[: len(images)], distortion[: len(images)]


def _refuse_curve(model):
  if not hasattr(model, 'encoder') and hasattr(model, 'at'):
    raise errors.UserError(
      f'a {type(model).__name__} is a model for each beta; give that at one of '
      'them, as in model.at(1.0).'
    )


def as_examples(x, dtype) -> tf.Tensor:
  """Returns examples as a tensor of a model's type; integers stay integers.

  Args:
    x: `[N, ...]`, numbers of any type.
    dtype: The model's, or `None` to leave the type alone.
  """
  x = tf.convert_to_tensor(x)
  if dtype is not None and (x.dtype.is_floating or x.dtype.is_bool):
    x = tf.cast(x, dtype)
  return x


def _draws_at_once(num_images, num_samples):
  """Returns how many draws one pass takes: a divisor of their number."""
  most = max(1, _ROWS_A_PASS // num_images)
  return max(n for n in range(1, most + 1) if num_samples % n == 0)


@functools.lru_cache(maxsize=4)
def _compiled(model, *parts):
  """Returns one traced function a model, as long as its parts are these."""
  del parts

  def sum_of_draws(x, seed, num_samples):
    draws = draw(model, x, num_samples=num_samples, seed=seed)
    nats = tf.stack([draws.rate, draws.distortion])
    return tf.reduce_sum(tf.cast(nats, tf.float64), axis=1)

  return tf.function(sum_of_draws, autograph=False)


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
