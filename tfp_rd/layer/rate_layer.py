# SPDX-License-Identifier: Apache-2.0
"""A layer that holds an encoder and a marginal, and adds the rate to a loss.

A rate needs e(z|x) for the images and, with a VampPrior, for pseudo-inputs.
So the layer holds the encoder instead of following it; the encoder is then
only once in the model, in its config and in its weights.
"""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras

from tfp_rd import errors
from tfp_rd.model import coercion

__all__ = ['RateLayer']


class RateLayer(tf_keras.layers.Layer):
  """Encodes images, and adds `weight * mean(rate)` to the model's losses.

  A layer derives from it and returns its marginal from `_make_marginal`.

  Args:
    encoder: A Sequential or functional `tf_keras` model with one input, which
      ends in a distribution layer.
    weight: Factor of R in the loss, fixed at construction.
    config: The layer's other arguments by name, as JSON holds them once the
      marginal is made.
    **kwargs: `name`, `dtype`, ... of any layer.

  Raises:
    UserError: The encoder is no such model, takes images of no fixed shape, or
      adds a KL term of its own.
  """

  def __init__(
    self,
    encoder: tf_keras.Model,
    *,
    weight: float,
    config: Mapping[str, Any],
    **kwargs: Any,
  ):
    super().__init__(autocast=False, **kwargs)
    self.encoder = encoder
    self.weight = float(weight)
    self._rate_nats = tf_keras.metrics.Mean('rate_nats')
    self._hold_parts(_as_part(encoder), config)
    shared = {id(v) for v in encoder.variables}
    self._own_variables = [
      v for v in self.marginal.variables if id(v) not in shared
    ]

  # Keras would track the variables of these modules and train those of a frozen
  # encoder.  It tracks the encoder and the layer's own variables already.
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

  def call(self, x: tf.Tensor, training: Any = None) -> tf.Tensor:
    """Returns one draw of z, `[B, k]`, for `x [B, ...]`."""
    # A part with a seed runs as in training.
    encoding = self._encoding(x, seed=0 if training else None)
    z, encoding_log_prob = self._draw(encoding)
    rate = encoding_log_prob - self.marginal().log_prob(z)
    self.add_loss(self.weight * tf.reduce_mean(rate))
    self._rate_nats.update_state(rate)
    return z

  def get_config(self) -> dict[str, Any]:
    """Returns the arguments, with the config of the encoder."""
    return {
      **super().get_config(),
      'encoder': tf_keras.saving.serialize_keras_object(self.encoder),
      'weight': self.weight,
      **self._config,
    }

  @classmethod
  def from_config(cls, config: Mapping[str, Any]) -> 'RateLayer':
    """Makes the layer that `get_config` described, with initial weights."""
    encoder = tf_keras.saving.deserialize_keras_object(config['encoder'])
    return cls(**{**config, 'encoder': encoder})

  def _draw(self, encoding):
    return encoding.experimental_sample_and_log_prob()

  def _make_marginal(self, encoding):
    """Returns a marginal whose codes have the shape and type of `encoding`."""
    raise NotImplementedError


def _as_part(encoder):
  """Returns the encoder as a part, which draws no hidden sample."""
  encoding = coercion.as_part(encoder, 'encoder')
  inputs = getattr(encoder, 'inputs', None)
  if not inputs or len(inputs) != 1:
    raise errors.UserError(
      f'the encoder is a {type(encoder).__name__}; give a Sequential or '
      'functional tf_keras model of one input that ends in a distribution '
      'layer.'
    )
  if None in encoder.input_shape[1:]:
    raise errors.UserError(
      f'the encoder takes inputs of shape {encoder.input_shape}; give its '
      'first layer an input_shape without None.'
    )
  return encoding
