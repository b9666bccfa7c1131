# SPDX-License-Identifier: Apache-2.0
"""Layers around an encoder: images in, z out, and the rate as a loss."""

from collections.abc import Sequence
from typing import Any, Union

import numpy as np
import numpy.typing as npt
import tf_keras

from tfp_rd.layer import rate_layer
from tfp_rd.marginal import (
  masked_autoregressive,
  standard_normal,
  vamp,
  vamp_mixture,
)
from tfp_rd.network import initial, masked

__all__ = ['MaskedAutoregressiveRate', 'StandardNormalRate', 'VampRate']


@tf_keras.utils.register_keras_serializable(package='tfp_rd')
class StandardNormalRate(rate_layer.RateLayer):
  """Encodes images and adds the rate to the losses; the marginal is N(0, I).

  Called on `x [B, ...]` it returns one draw of z, `[B, k]`, and adds
  `weight` times the mean over the batch of `log e(z|x) - log m(z)`, in nats,
  to the losses of the model: with the loss `distortion` the model is trained
  on D + weight * R, which is -ELBO if the weight is 1.  Sample weights of `fit`
  do not affect the layer.  The metric `rate_nats` is R without the weight.

  `encoder` and `marginal` (to be called without arguments) are attributes;
  with a decoder they make a `tfp_rd.LatentVariableModel`.

  Args:
    encoder: A Sequential or functional `tf_keras` model with one input, which
      ends in a distribution layer.
    weight: Factor of R in the loss, fixed at construction.
    **kwargs: `name`, `dtype`, ... of any layer.

  Raises:
    UserError: The encoder is no such model, takes images of no fixed shape, or
      adds a KL term of its own.

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

  def __init__(
    self, encoder: tf_keras.Model, *, weight: float = 1.0, **kwargs: Any
  ):
    super().__init__(encoder, weight=weight, config={}, **kwargs)

  def _make_marginal(self, encoding):
    return standard_normal.StandardNormal(
      encoding.event_shape[-1], dtype=encoding.dtype
    )


@tf_keras.utils.register_keras_serializable(package='tfp_rd')
class MaskedAutoregressiveRate(rate_layer.RateLayer):
  """Encodes images and adds the rate; the marginal is an autoregressive flow.

  Like `StandardNormalRate`, with a marginal that is trained too.  Its density
  costs one pass of each masked network.

  Args:
    encoder: As for `StandardNormalRate`.
    weight: As for `StandardNormalRate`.
    hidden_sizes: Hidden units of each masked network.
    num_steps: Autoregressive steps.
    affine: Whether the steps also scale.
    seed: Seed of the initial weights.
    **kwargs: `name`, `dtype`, ... of any layer.

  Raises:
    UserError: As for `StandardNormalRate`.

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
    encoder: tf_keras.Model,
    *,
    weight: float = 1.0,
    hidden_sizes: Sequence[int] = masked.HIDDEN_SIZES['small'],
    num_steps: int = 4,
    affine: bool = False,
    seed: initial.Seed = 0,
    **kwargs: Any,
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
class VampRate(rate_layer.RateLayer):
  """Encodes images and adds the rate; the marginal is a VampPrior.

  Like `StandardNormalRate`, with the mixture of the encoder at K learned
  pseudo-inputs as marginal.  The layer owns the pseudo-inputs and the weights
  of the mixture.  It shares the encoder, which is trained through codes and
  through the mixture.  Layers that act in training only, such as `Dropout`, act
  on images and not on pseudo-inputs.

  A step costs B * K densities of the encoder.

  Args:
    encoder: As for `StandardNormalRate`.
    pseudo_inputs: `[K, ...]` in [0, 1], where the pseudo-inputs start, such as
      some training images; or K, to start from random pixels.  The config of
      the layer holds K alone; the trained pseudo-inputs are among the weights.
    weight: As for `StandardNormalRate`.
    max_densities: The most densities of a step that are held at once; see
      `tfp_rd.marginal.vamp_mixture.VampMixture`.
    seed: Seed of random pixels.
    **kwargs: `name`, `dtype`, ... of any layer.

  Raises:
    UserError: As for `StandardNormalRate`.

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

  def __init__(
    self,
    encoder: tf_keras.Model,
    *,
    pseudo_inputs: Union[int, npt.ArrayLike],
    weight: float = 1.0,
    max_densities: int = vamp_mixture.MAX_DENSITIES,
    seed: initial.Seed = 0,
    **kwargs: Any,
  ):
    config = {
      'pseudo_inputs': pseudo_inputs,
      'max_densities': max_densities,
      'seed': seed,
    }
    super().__init__(encoder, weight=weight, config=config, **kwargs)
    self._config['pseudo_inputs'] = self.marginal.pseudo_inputs.shape[0]

  def _make_marginal(self, encoding):
    start = self._config['pseudo_inputs']
    if np.ndim(start) == 0:
      shape = [int(start), *self.encoder.input_shape[1:]]
      start = initial.uniform(shape, seed=self._config['seed'])
    return vamp.Vamp(
      self._encoding,
      start,
      max_densities=self._config['max_densities'],
      dtype=encoding.dtype,
    )
