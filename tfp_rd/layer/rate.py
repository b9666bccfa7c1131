# SPDX-License-Identifier: Apache-2.0
"""Layers around an encoder: images in, z out, and the rate as a loss.

A rate needs e(z|x) for the images and, with a VampPrior, for pseudo-inputs.
So it holds the encoder instead of standing behind it: the encoder is once in
the model, once in its config and once in its weights.
"""

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_rd import errors, part
from tfp_rd.marginal import masked_autoregressive, standard_normal, vamp
from tfp_rd.network import initial, masked

__all__ = ['MaskedAutoregressiveRate', 'StandardNormalRate', 'VampRate']


class _Rate(tf_keras.layers.Layer):
  """Encodes images, and adds `weight * mean(rate)` to the model's losses."""

  def __init__(self, encoder, *, weight, config, **kwargs):
    super().__init__(autocast=False, **kwargs)
    self.encoder = encoder
    self.weight = float(weight)
    self._rate_nats = tf_keras.metrics.Mean('rate_nats')
    self._hold_parts(_as_part(encoder), config)
    shared = {id(v) for v in encoder.variables}
    self._own_variables = [
      v for v in self.marginal.variables if id(v) not in shared
    ]

  # Keras would take the variables of modules for its own and train those of a
  # frozen encoder; it knows the encoder and the variables beside it already.
  @tf.__internal__.tracking.no_automatic_dependency_tracking
  def _hold_parts(self, encoding, config):
    self._encoding = encoding
    self._config = config
    one = encoding(tf.zeros([1, *self.encoder.input_shape[1:]]))
    if one.batch_shape != [1]:
      raise errors.UserError(
        f'the encoder gives batch shape {one.batch_shape} for one example; '
        'wrap its distribution in tfd.Independent.'
      )
    self.marginal = self._make_marginal(one)

  def call(self, x, training=None):
    """Returns one draw of z, `[B, k]`, for `x [B, ...]`."""
    # A seed tells a Keras part that this is training.
    encoding = self._encoding(x, seed=0 if training else None)
    z, encoding_log_prob = self._draw(encoding)
    rate = encoding_log_prob - self.marginal().log_prob(z)
    self.add_loss(self.weight * tf.reduce_mean(rate))
    self._rate_nats.update_state(rate)
    return z

  def get_config(self):
    """Returns the arguments, the encoder's config among them."""
    return {
      **super().get_config(),
      'encoder': tf_keras.saving.serialize_keras_object(self.encoder),
      'weight': self.weight,
      **self._config,
    }

  @classmethod
  def from_config(cls, config):
    """Makes the layer that `get_config` described, with initial weights."""
    encoder = tf_keras.saving.deserialize_keras_object(config['encoder'])
    return cls(**{**config, 'encoder': encoder})

  def _draw(self, encoding):
    return encoding.experimental_sample_and_log_prob()

  def _make_marginal(self, encoding):
    """Returns the marginal for codes such as those of `encoding`."""
    raise NotImplementedError


@tf_keras.utils.register_keras_serializable(package='tfp_rd')
class StandardNormalRate(_Rate):
  """Encodes images; the rate against N(0, I) is a loss.

  Called on `x [B, ...]` it returns one draw of z, `[B, k]`, and adds
  `weight` times the mean over the batch of `log e(z|x) - log m(z)`, in nats,
  to the losses of the model: with the loss `distortion` the model is trained
  on D + weight * R, -ELBO where the weight is 1.  Sample weights of `fit` do
  not reach it.  The metric `rate_nats` is R without the weight.

  `encoder` and `marginal` (to be called without arguments) are attributes;
  with a decoder they make a `tfp_rd.LatentVariableModel`.

  Args:
    encoder: A Sequential or functional `tf_keras` model with one input, which
      ends in a distribution layer.
    weight: Of R in the loss, exactly.
    **kwargs: `name`, `dtype`, ... as of any layer.

  Raises:
    UserError: The encoder is none, or adds a KL term of its own.

  #### Examples

  ```python
  encoder = tf_keras.Sequential([
      tf_keras.layers.Flatten(input_shape=(28, 28, 1)),
      tf_keras.layers.Dense(tfp.layers.MultivariateNormalTriL.params_size(2)),
      tfp.layers.MultivariateNormalTriL(2)])
  model = tf_keras.Sequential([
      StandardNormalRate(encoder, weight=0.5),
      tfp_rd.layer.AutoregressiveBernoulli((28, 28, 1))])
  model.compile('adam', loss=tfp_rd.layer.distortion)
  model.fit(x, x, verbose=0)
  ```
  """

  def __init__(self, encoder, *, weight=1.0, **kwargs):
    super().__init__(encoder, weight=weight, config={}, **kwargs)

  def _make_marginal(self, encoding):
    return standard_normal.StandardNormal(
      encoding.event_shape[-1], dtype=encoding.dtype
    )


@tf_keras.utils.register_keras_serializable(package='tfp_rd')
class MaskedAutoregressiveRate(_Rate):
  """Encodes images; the rate against a masked autoregressive flow is a loss.

  As `StandardNormalRate`, with a marginal that is trained along.  Its density
  costs one pass of each masked network.

  Args:
    encoder: As of `StandardNormalRate`.
    weight: Of R in the loss, exactly.
    hidden_sizes: Hidden units of each masked network.
    num_steps: Autoregressive steps.
    affine: Whether the steps also scale.
    seed: Seed of the initial weights.
    **kwargs: `name`, `dtype`, ... as of any layer.

  Raises:
    UserError: The encoder is none, or adds a KL term of its own.

  #### Examples

  ```python
  encoder = tf_keras.Sequential([
      tf_keras.layers.Flatten(input_shape=(28, 28, 1)),
      tfp_rd.layer.InverseAutoregressive(2)])
  z = MaskedAutoregressiveRate(encoder)(x)  # ==> [B, 2]
  ```
  """

  def __init__(
    self,
    encoder,
    *,
    weight=1.0,
    hidden_sizes=masked.HIDDEN_SIZES['small'],
    num_steps=4,
    affine=False,
    seed=0,
    **kwargs,
  ):
    config = {
      'hidden_sizes': list(hidden_sizes),
      'num_steps': num_steps,
      'affine': affine,
      'seed': seed,
    }
    super().__init__(encoder, weight=weight, config=config, **kwargs)

  def _make_marginal(self, encoding):
    return masked_autoregressive.MaskedAutoregressive(
      encoding.event_shape[-1], dtype=encoding.dtype, **self._config
    )


@tf_keras.utils.register_keras_serializable(package='tfp_rd')
class VampRate(_Rate):
  """Encodes images; the rate against a VampPrior is a loss.

  As `StandardNormalRate`, with the mixture of the encoder at K learned
  pseudo-inputs as marginal.  The pseudo-inputs and the weights of the mixture
  are the layer's own; the encoder is shared, and trained through both.  Layers
  that act in training alone, as `Dropout`, act on images and not on
  pseudo-inputs.

  A step costs B * K densities of the encoder.

  Args:
    encoder: As of `StandardNormalRate`.
    pseudo_inputs: `[K, ...]` in [0, 1], where the pseudo-inputs start, as a few
      training images; or K, to start from random pixels.  The config of the
      layer holds K alone: where they have come to is among the weights.
    weight: Of R in the loss, exactly.
    seed: Seed of random pixels.
    **kwargs: `name`, `dtype`, ... as of any layer.

  Raises:
    UserError: The encoder is none, or adds a KL term of its own.

  #### Examples

  ```python
  encoder = tf_keras.Sequential([
      tf_keras.layers.Flatten(input_shape=(28, 28, 1)),
      tfp_rd.layer.InverseAutoregressive(2)])
  model = tf_keras.Sequential([
      VampRate(encoder, pseudo_inputs=x[:3], weight=0.5),
      tfp_rd.layer.AutoregressiveBernoulli((28, 28, 1))])
  model.compile('adam', loss=tfp_rd.layer.distortion)
  model.fit(x, x, verbose=0)
  ```
  """

  def __init__(self, encoder, *, pseudo_inputs, weight=1.0, seed=0, **kwargs):
    config = {'pseudo_inputs': pseudo_inputs, 'seed': seed}
    super().__init__(encoder, weight=weight, config=config, **kwargs)

  def get_config(self):
    """Returns the arguments, K in the place of the pseudo-inputs."""
    count = self.marginal.pseudo_inputs.shape[0]
    return {**super().get_config(), 'pseudo_inputs': count}

  def _make_marginal(self, encoding):
    start = self._config['pseudo_inputs']
    if np.ndim(start) == 0:
      shape = [int(start), *self.encoder.input_shape[1:]]
      start = initial.uniform(shape, seed=self._config['seed'])
    return vamp.Vamp(self._encoding, start, dtype=encoding.dtype)


def _as_part(encoder):
  """Returns the encoder without its hidden samples, as our parts are called."""
  encoding = part.as_part(encoder, 'encoder')
  inputs = getattr(encoder, 'inputs', None)
  if not inputs or len(inputs) != 1:
    raise errors.UserError(
      f'the encoder is a {type(encoder).__name__}; give a Sequential or '
      'functional tf_keras model of one input that ends in a distribution '
      'layer.'
    )
  return encoding
