# SPDX-License-Identifier: Apache-2.0
"""Marginal `v`: VampPrior, a mixture of the encoder at learned pseudo-inputs.

m(z) = sum_k w_k e(z|u_k), with learned weights w.  Each pseudo-input is
u = sigmoid(a), so that every pixel can always move; it starts near a training
image, held away from 0 and 1 where the sigmoid is flat.

#### References

[1]: Jakub M. Tomczak, Max Welling. VAE with a VampPrior. In _Artificial
     Intelligence and Statistics_, 2018. https://arxiv.org/abs/1705.07120
"""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd.marginal import mixture
from tfp_rd.network import initial

__all__ = ['MAX_DENSITIES', 'Vamp', 'VampMixture', 'build']

tfd = tfp.distributions

# A batch of 128 codes and 100 components are one chunk.
MAX_DENSITIES = 2**14

# Distance of the initial pixels from 0 and 1: the slope of the sigmoid there
# is 0.05, a fifth of its largest.
_MARGIN = 0.05


class VampMixture(tfd.Distribution):
  """The mixture m(z) = sum_k w_k e(z|u_k) of an encoder at pseudo-inputs.

  Variables are read when a method is called, so the mixture may be kept while
  they are trained; those of an encoder that is a module are among its own.

  The density of N codes costs K encodings, and N * K densities.  Above
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
    def log_probs(points, images):
      z, *condition = points
      components = self._encode(images, *condition)
      return components.log_prob(tf.expand_dims(z, -1 - self._code_shape.rank))

    return mixture.log_density(
      log_probs,
      self._points(z, self._code_shape),
      self._images,
      tf.nn.log_softmax(self._logits),
      most=self._max_densities,
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


class Vamp(tf.Module):
  """The marginal whose call returns a `VampMixture`, and its variables.

  Args:
    encoder: As of a `VampMixture`, shared with the model.
    pseudo_inputs: `[K, H, W, C]` in [0, 1], where the pseudo-inputs start.
    max_densities: The most component densities that are held at once.
    dtype: Type of the variables.
  """

  def __init__(
    self,
    encoder,
    pseudo_inputs,
    *,
    max_densities=MAX_DENSITIES,
    dtype='float32',
  ):
    super().__init__()
    self._encoder = encoder
    self._max_densities = max_densities
    pixels = np.clip(np.asarray(pseudo_inputs), _MARGIN, 1 - _MARGIN)
    self._pixel_logits = tf.Variable(
      tf.cast(np.log(pixels) - np.log1p(-pixels), dtype), name='pixel_logits'
    )
    self._logits = initial.zeros([len(pixels)], dtype=dtype, name='logits')

  @property
  def pseudo_inputs(self) -> tf.Tensor:
    """`[K, H, W, C]` in (0, 1)."""
    return tf.sigmoid(self._pixel_logits)

  def __call__(self, *, condition=None):
    """Returns the `VampMixture` at a condition `[..., c]` or at none."""
    return VampMixture(
      self._encoder,
      tfp.util.DeferredTensor(self._pixel_logits, tf.sigmoid),
      self._logits,
      condition=condition,
      max_densities=self._max_densities,
    )


def build(spec, *, seed, encoder, images):
  """Returns the marginal of a `tfp_rd.architecture.Spec`.

  Args:
    spec: What to build.
    seed: Seed of the choice of images.
    encoder: The model's encoder.
    images: `[N, H, W, C]` to start from: distinct ones as far as they reach,
      then again; `None` starts from random pixels.
  """
  count = spec.num_pseudo_inputs
  if images is None:
    start = initial.uniform([count, *spec.image_shape], seed=seed)
  else:
    order = tf.random.experimental.stateless_shuffle(
      tf.range(len(images)), initial.as_seed(seed)
    )
    start = np.asarray(images)[np.resize(order.numpy(), count)]
  return Vamp(encoder, start, dtype=spec.dtype)
