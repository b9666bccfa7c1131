# SPDX-License-Identifier: Apache-2.0
"""Marginal `v`: VampPrior, a mixture of the encoder at learned pseudo-inputs.

m(z) = sum_k w_k e(z|u_k), with learned weights w.  Each pseudo-input is
u = sigmoid(a), so that it stays an image while a is trained.  It starts near a
training image, but away from 0 and 1, where the sigmoid is flat.

#### References

[1]: Jakub M. Tomczak, Max Welling. VAE with a VampPrior. In _Artificial
     Intelligence and Statistics_, 2018. https://arxiv.org/abs/1705.07120
"""

from collections.abc import Callable
from typing import Any, Optional

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd.marginal import vamp_mixture
from tfp_rd.network import initial

__all__ = ['Vamp', 'build']

# Distance of the initial pixels from 0 and 1: the slope of the sigmoid there
# is 0.05, a fifth of its largest.
_MARGIN = 0.05


class Vamp(tf.Module):
  """The marginal m(z): pseudo-inputs and weights of a `VampMixture`.

  Args:
    encoder: As for `VampMixture`, shared with the model.
    pseudo_inputs: `[K, H, W, C]` in [0, 1], where the pseudo-inputs start.
    max_densities: The most component densities that are held at once.
    dtype: Type of the variables.

  Raises:
    ValueError: A pseudo-input has values outside of [0, 1].
  """

  def __init__(
    self,
    encoder: Callable[..., Any],
    pseudo_inputs: npt.ArrayLike,
    *,
    max_densities: int = vamp_mixture.MAX_DENSITIES,
    dtype: initial.DType = 'float32',
  ):
    super().__init__()
    self._encoder = encoder
    self._max_densities = max_densities
    pixels = np.asarray(pseudo_inputs)
    if not (np.min(pixels) >= 0 and np.max(pixels) <= 1):
      raise ValueError(
        f'the values of pseudo_inputs go from {np.min(pixels):g} to '
        f'{np.max(pixels):g}; expected images in [0, 1], so divide greys of '
        '0..255 by 255.'
      )
    pixels = np.clip(pixels, _MARGIN, 1 - _MARGIN)
    self._pixel_logits = tf.Variable(
      tf.cast(np.log(pixels) - np.log1p(-pixels), dtype), name='pixel_logits'
    )
    self._logits = initial.zeros([len(pixels)], dtype=dtype, name='logits')

  @property
  def pseudo_inputs(self) -> tf.Tensor:
    """`[K, H, W, C]` in (0, 1)."""
    return tf.sigmoid(self._pixel_logits)

  def __call__(
    self, *, condition: Optional[tf.Tensor] = None
  ) -> tfp.distributions.Distribution:
    """Returns the `VampMixture` at a condition `[..., c]` or at none."""
    return vamp_mixture.VampMixture(
      self._encoder,
      tfp.util.DeferredTensor(self._pixel_logits, tf.sigmoid),
      self._logits,
      condition=condition,
      max_densities=self._max_densities,
    )


def build(
  spec: Any,
  *,
  seed: initial.Seed,
  encoder: Callable[..., Any],
  images: Optional[npt.ArrayLike],
) -> Vamp:
  """Returns the marginal of a `tfp_rd.architecture.Spec`.

  Args:
    spec: What to build.
    seed: Seed of the choice of images.
    encoder: The model's encoder.
    images: `[N, H, W, C]` to start from, each of them once before any is used
      again; `None` starts from random pixels.
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
