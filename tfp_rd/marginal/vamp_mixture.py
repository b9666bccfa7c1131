# SPDX-License-Identifier: Apache-2.0
"""VampPrior as a distribution: a mixture of an encoder at pseudo-inputs.

#### References

[1]: Jakub M. Tomczak, Max Welling. VAE with a VampPrior. In _Artificial
     Intelligence and Statistics_, 2018. https://arxiv.org/abs/1705.07120
"""

from collections.abc import Callable
from typing import Any, Optional, Union

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd.network import initial, mixture

__all__ = ['MAX_DENSITIES', 'VampMixture']

tfd = tfp.distributions

# A batch of 128 codes and 100 components are one chunk.
MAX_DENSITIES = 2**14


class VampMixture(tfd.Distribution):
  """The mixture m(z) = sum_k w_k e(z|u_k) of an encoder at pseudo-inputs.

  Variables are read when a method is called, so that a mixture stays valid
  while they are trained.  Variables of an encoder that is a module are among
  those of the mixture.

  The density of N codes costs K encodings, at each condition, and N * K
  densities.  Above `max_densities` they are computed in chunks, and again for
  the gradient.  With a dynamic shape each code is then assumed to have its own
  condition, which is slower.  In chunks, variables of the encoder get their
  gradient, and other tensors that it closes over get `None`.  A sample costs
  one encoding.

  Args:
    encoder: A callable from images `[..., H, W, C]`, or other examples, to a
      distribution of batch shape `[...]`; it takes `condition` if there is one.
    pseudo_inputs: `[K, H, W, C]`.
    logits: `[K]`, log-weights up to a constant.
    condition: `[..., c]`; its leading shape becomes the batch shape, and the
      pseudo-inputs are encoded at each condition.
    max_densities: The most densities of codes given images, held at once.
    name: Name of the distribution.

  Raises:
    ValueError: `max_densities` is below 1, or the encoder does not return one
      distribution for each image.

  #### Examples

  ```python
  def encoder(x):
    pixels = tf.reshape(x, [-1, 784])
    return tfd.MultivariateNormalDiag(pixels[:, :2], tf.ones(2))

  marginal = VampMixture(encoder, x, tf.zeros(len(x)))
  marginal.log_prob(marginal.sample(3, seed=(0, 1)))  # ==> shape [3]
  ```
  """

  def __init__(
    self,
    encoder: Callable[..., Any],
    pseudo_inputs: Union[tf.Tensor, tfp.util.DeferredTensor],
    logits: Union[tf.Tensor, tfp.util.DeferredTensor],
    *,
    condition: Optional[tf.Tensor] = None,
    max_densities: int = MAX_DENSITIES,
    name: str = 'VampMixture',
  ):
    parameters = dict(locals())
    if max_densities < 1:
      raise ValueError(f'max_densities is {max_densities}; give 1 or more.')
    self._encoder = encoder
    self._pseudo_inputs = pseudo_inputs
    self._logits = logits
    self._condition = condition
    self._max_densities = max_densities
    first = self._encode_first()
    self._code_shape = first.event_shape
    super().__init__(
      dtype=first.dtype,
      reparameterization_type=tfd.NOT_REPARAMETERIZED,
      validate_args=False,
      allow_nan_stats=True,
      parameters=parameters,
      name=name,
    )

  @classmethod
  def _parameter_properties(cls, dtype, num_classes=None):
    return {'condition': tfp.util.ParameterProperties(event_ndims=1)}

  @property
  def mixture_distribution(self) -> tfd.Distribution:
    """The distribution of a component's index."""
    return tfd.Categorical(logits=self._logits)

  @property
  def components_distribution(self) -> tfd.Distribution:
    """The encoder at all pseudo-inputs, of batch shape `[..., K]`."""
    return self._encode(self._images, self._condition)

  @property
  def _images(self):
    return tf.convert_to_tensor(self._pseudo_inputs)

  def _encode(self, images, condition=None):
    """Encodes `[k, H, W, C]`, at each condition `[..., c]` if there is one."""
    if condition is None:
      return self._encoder(images)
    shape = tf.concat([tf.shape(condition)[:-1], tf.shape(images)], 0)
    return self._encoder(
      tf.broadcast_to(images, shape), condition=condition[..., tf.newaxis, :]
    )

  def _encode_first(self):
    """Encodes one pseudo-input, for the shape and type of all codes."""
    c = self._condition
    c = None if c is None else tf.zeros([c.shape[-1]], c.dtype)
    first = self._encode(self._images[:1], c)
    batch_shape = getattr(first, 'batch_shape', tf.TensorShape([]))
    if not batch_shape.is_compatible_with([1]):
      raise ValueError(
        f'the encoder returned {first} for one image; it must return a '
        'tfd.Distribution of batch shape [1]; wrap it in tfd.Independent.'
      )
    return first

  def _event_shape(self):
    return self._code_shape

  def _points(self, x, event_shape):
    """Pairs codes, or indices, and the condition with their event shapes."""
    c = self._condition
    return [(x, event_shape)] + ([] if c is None else [(c, c.shape[-1:])])

  def _log_prob(self, z):
    def log_probs(points, images):
      z, *condition = points
      components = self._encode(images, *condition)
      return components.log_prob(tf.expand_dims(z, -1 - self._code_shape.rank))

    weights = tf.nn.log_softmax(self._logits)
    if self._is_chunked(z) and self._has_groups(z):
      x, conditions, restore = self._groups(z)
      return restore(
        mixture.log_density_by_group(
          log_probs,
          x,
          conditions=conditions,
          components=self._images,
          log_weights=weights,
          most=self._max_densities,
        )
      )
    points = self._points(z, self._code_shape)
    return mixture.log_density(
      log_probs,
      points,
      components=self._images,
      log_weights=weights,
      most=self._max_densities,
    )

  def _leading(self, z):
    """Returns the shape of the log-densities, as far as it is known."""
    own = z.shape[: z.shape.rank - self._code_shape.rank]
    return tf.broadcast_static_shape(own, self.batch_shape)

  def _is_chunked(self, z):
    num = self._leading(z).num_elements()
    return num is None or num * self._logits.shape[0] > self._max_densities

  def _has_groups(self, z):
    """Whether several codes are known to share a condition."""
    c = self._condition
    if c is None or not c.shape.is_fully_defined():
      return False
    return self._leading(z).num_elements() != c.shape[:-1].num_elements()

  def _groups(self, z):
    """Groups the codes by condition.

    Returns:
      Codes `[G, N, ...]`, conditions `[G, c]`, and the function that restores
      the order of the codes for values `[G, N]` that belong to them.
    """
    c, event_shape = self._condition, self._code_shape
    rank = self._leading(z).rank
    leading = tf.broadcast_dynamic_shape(
      tf.shape(z)[: z.shape.rank - event_shape.rank], self.batch_shape_tensor()
    )
    z = tf.broadcast_to(z, tf.concat([leading, event_shape], 0))
    sizes = [1] * (rank + 1 - c.shape.rank) + c.shape[:-1].as_list()
    # The axes on which conditions differ come first.
    order = sorted(range(rank), key=lambda axis: sizes[axis] == 1)
    event_axes = range(rank, rank + event_shape.rank)
    z = tf.transpose(z, [*order, *event_axes])
    num_groups = c.shape[:-1].num_elements()

    def restore(values):
      values = tf.reshape(values, tf.gather(leading, order))
      return tf.transpose(values, np.argsort(order))

    return (
      tf.reshape(z, [num_groups, -1, *event_shape]),
      tf.reshape(c, [num_groups, c.shape[-1]]),
      restore,
    )

  def _sample_n(self, n, seed=None):
    index_seed, code_seed = initial.split(initial.sampling_seed(seed), 2)
    shape = tf.concat([[n], self.batch_shape_tensor()], 0)
    indices = self.mixture_distribution.sample(shape, seed=index_seed)
    images = self._images

    def draw(rows, seed):
      chosen, *condition = rows
      keywords = {'condition': condition[0]} if condition else {}
      component = self._encoder(tf.gather(images, chosen), **keywords)
      return component.sample(seed=seed)

    z = mixture.sample(
      draw,
      self._points(indices, []),
      seed=code_seed,
      most=self._max_densities,
      dtype=self.dtype,
    )
    return tf.reshape(z, tf.concat([shape, self._code_shape], 0))

  def _mean(self):
    return mixture.mean(self.components_distribution, self._logits)

  def _variance(self):
    return mixture.variance(self.components_distribution, self._logits)
