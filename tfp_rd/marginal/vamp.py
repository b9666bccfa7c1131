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

from tfp_rd.network import initial

__all__ = ['Vamp', 'build']

tfd = tfp.distributions

# Distance of the initial pixels from 0 and 1: the slope of the sigmoid there
# is 0.05, a fifth of its largest.
_MARGIN = 0.05


class Vamp(tf.Module):
  """The marginal m(z) = sum_k w_k e(z|u_k).

  Args:
    encoder: A callable from images to distributions of z, shared with the
      model.
    pseudo_inputs: `[K, H, W, C]` in [0, 1], where the pseudo-inputs start.
    dtype: Type of the variables.

  The density of `[N]` codes costs N * K component densities.  Samples are of
  the mixture: a component is drawn by its weight, then z from it.
  """

  def __init__(self, encoder, pseudo_inputs, *, dtype='float32'):
    super().__init__()
    self._encoder = encoder
    pixels = np.clip(np.asarray(pseudo_inputs), _MARGIN, 1 - _MARGIN)
    self._logits = tf.Variable(
      tf.cast(np.log(pixels) - np.log1p(-pixels), dtype), name='pseudo_logits'
    )
    self._weights = initial.zeros([len(pixels)], dtype=dtype, name='weights')

  @property
  def pseudo_inputs(self) -> tf.Tensor:
    """`[K, H, W, C]` in (0, 1)."""
    return tf.sigmoid(self._logits)

  @property
  def num_components(self) -> int:
    """K, and so how many densities each code costs."""
    return self._weights.shape[0]

  def __call__(self, *, condition=None):
    """Returns the mixture, of event shape `[k]`.

    Args:
      condition: `[..., c]`; its leading shape becomes the batch shape, and the
        pseudo-inputs are encoded at each condition.
    """
    if condition is None:
      components = self._encoder(self.pseudo_inputs)
    else:
      shape = tf.shape(condition)[:-1]
      images = tf.broadcast_to(
        self.pseudo_inputs, tf.concat([shape, tf.shape(self._logits)], 0)
      )
      components = self._encoder(
        images, condition=condition[..., tf.newaxis, :]
      )
    return tfd.MixtureSameFamily(
      tfd.Categorical(logits=self._weights), components
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
