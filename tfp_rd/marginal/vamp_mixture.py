# SPDX-License-Identifier: Apache-2.0
"""VampPrior as a distribution: a mixture of an encoder at pseudo-inputs.

#### References

[1]: Jakub M. Tomczak, Max Welling. VAE with a VampPrior. In _Artificial
     Intelligence and Statistics_, 2018. https://arxiv.org/abs/1705.07120
"""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd.marginal import mixture
from tfp_rd.network import initial

__all__ = ['MAX_DENSITIES', 'VampMixture']

tfd = tfp.distributions

# A batch of 128 codes and 100 components are one chunk.
MAX_DENSITIES = 2**14


class VampMixture(tfd.Distribution):
  """The mixture m(z) = sum_k w_k e(z|u_k) of an encoder at pseudo-inputs.

  Variables are read when a method is called, so the mixture may be kept while
  they are trained; those of an encoder that is a module are among its own.

  The density of N codes costs K encodings, at each condition, and N * K
  densities.  Above
  `max_densities` they are computed in chunks, and once more for the gradient.
  Variables of the encoder have it wherever they are; that of other tensors that
  it closes over is then `None`.  A sample costs one encoding.

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
    ValueError: `max_densities` is below 1, or an image has not one code.

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
    encoder,
    pseudo_inputs,
    logits,
    *,
    condition=None,
    max_densities=MAX_DENSITIES,
    name='VampMixture',
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
    """Encodes one pseudo-input, which tells what all codes are like."""
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
    """Returns codes, or what stands for them, and what they depend on."""
    c = self._condition
    return [(x, event_shape)] + ([] if c is None else [(c, c.shape[-1:])])

  def _log_prob(self, z):
    c = self._condition
    is_shared = c is None or c.shape.rank == 1
    if not is_shared and self._is_chunked(z):
      return self._log_prob_by_group(z)
    points = self._points(z, self._code_shape)

    def log_probs(points, images):
      z, *condition = points
      components = self._encode(images, *(condition or [c]))
      return components.log_prob(tf.expand_dims(z, -1 - self._code_shape.rank))

    return mixture.log_density(
      log_probs,
      # As one of the points it would cost the encodings of each.
      points[:1] if is_shared else points,
      self._images,
      tf.nn.log_softmax(self._logits),
      most=self._max_densities,
    )

  def _is_chunked(self, z):
    num = tf.broadcast_static_shape(
      z.shape[: z.shape.rank - self._code_shape.rank], self.batch_shape
    ).num_elements()
    count = self._logits.shape[0]
    return num is None or num * count > self._max_densities

  def _log_prob_by_group(self, z):
    """Takes the first axis of the condition apart, one mixture for each."""
    c, event_rank = self._condition, self._code_shape.rank
    axis = 1 - c.shape.rank  # Of the batch, from the right.
    leading = tf.broadcast_dynamic_shape(
      tf.shape(z)[: z.shape.rank - event_rank], self.batch_shape_tensor()
    )
    z = tf.broadcast_to(z, tf.concat([leading, self._code_shape], 0))
    if c.shape[0] == 1:
      return self.copy(condition=c[0]).log_prob(z)
    parts = tf.unstack(z, num=c.shape[0], axis=axis - event_rank)
    groups = [self.copy(condition=c[g]) for g in range(c.shape[0])]
    log_probs = [g.log_prob(x) for g, x in zip(groups, parts, strict=True)]
    return tf.stack(log_probs, axis=axis)

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
