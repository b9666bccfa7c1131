# SPDX-License-Identifier: Apache-2.0
"""The distribution of binary images, each pixel given those before it."""

from collections.abc import Callable
from typing import Optional

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd.network import batch, initial

__all__ = ['AutoregressiveBernoulli']

tfd = tfp.distributions


class AutoregressiveBernoulli(tfd.Distribution):
  """Binary images, each pixel given those before it in raster order.

  Args:
    logits_fn: Function of `x [N, H, W, C]`, `maps [N, H, W, M]` and
      `condition [N, c]` (or `None`) that returns logits `[N, H, W, C]`; a
      logit must depend on earlier pixels of x alone.
    maps: `[..., H, W, M]`, features of z.
    condition: `[..., c]` or `None`.
    num_channels: C; channels of a pixel are independent given earlier pixels.
    draw_fn: Function of uniforms `[N, H, W, C]`, maps and condition that draws
      pixel by pixel, x = 1 where the uniform lies below the probability.
      `None` draws by iteration: all pixels are drawn again, given the last
      image and by the same uniforms, until none changes.  The n-th pixel is
      final after n iterations at the latest, and usually all are final after a
      few dozen.
    name: Name of the distribution.

  `sample(..., first_rows=rows)` completes images: `rows [..., R, W, C]` in
  {0, 1}, broadcast against the batch, are observed, and the rest is drawn
  given them.  Only `sample` takes them.  Rows of another width, or more rows
  than the image has, raise a `ValueError`.

  The variables that the functions use are not among those of the distribution;
  they are the decoder's.

  #### Examples

  ```python
  model = tfp_rd.build('-+-', image_shape=(4, 4, 1), latent_size=2)
  images = tf.ones([3, 4, 4, 1])
  decoding = model.decoder(tf.zeros([3, 2]))
  completed = decoding.sample(seed=(0, 1), first_rows=images[:, :2])
  ```
  """

  # Its density is one of 0 and 1 alone; `tfp_rd.draw` refuses other pixels.
  takes_bits = True

  def __init__(
    self,
    logits_fn: Callable[..., tf.Tensor],
    maps: tf.Tensor,
    *,
    condition: Optional[tf.Tensor] = None,
    num_channels: int = 1,
    draw_fn: Optional[Callable[..., tf.Tensor]] = None,
    name: str = 'autoregressive_bernoulli',
  ):
    parameters = dict(locals())
    self._logits_fn = logits_fn
    self._maps = tf.convert_to_tensor(maps)
    self._condition = condition
    self._num_channels = num_channels
    self._draw_fn = draw_fn
    super().__init__(
      dtype=self._maps.dtype,
      reparameterization_type=tfd.NOT_REPARAMETERIZED,
      validate_args=False,
      allow_nan_stats=True,
      parameters=parameters,
      name=name,
    )

  @classmethod
  def _parameter_properties(cls, dtype, num_classes=None):
    return {
      'maps': tfp.util.ParameterProperties(event_ndims=3),
      'condition': tfp.util.ParameterProperties(event_ndims=1),
    }

  def _event_shape(self):
    return self._maps.shape[-3:-1].concatenate(self._num_channels)

  def _event_shape_tensor(self):
    return tf.concat([tf.shape(self._maps)[-3:-1], [self._num_channels]], 0)

  def _flat_parameters(self, leading):
    """Returns maps and condition of flat images, for a leading shape."""
    maps = self._maps
    full = tf.broadcast_to(maps, tf.concat([leading, maps.shape[-3:]], 0))
    maps, _ = batch.flatten(full, 3)
    return maps, batch.rows(self._condition, leading)

  def logits(self, x: tf.Tensor) -> tf.Tensor:
    """Returns the logit of every pixel of `x [..., H, W, C]`, in one pass."""
    x = tf.cast(x, self.dtype)
    leading = tf.broadcast_dynamic_shape(
      tf.shape(x)[:-3], self.batch_shape_tensor()
    )
    full = tf.broadcast_to(x, tf.concat([leading, x.shape[-3:]], 0))
    flat, _ = batch.flatten(full, 3)
    logits = self._logits_fn(flat, *self._flat_parameters(leading))
    return tf.reshape(logits, tf.shape(full))

  def _log_prob(self, x):
    logits = self.logits(x)
    losses = tf.nn.sigmoid_cross_entropy_with_logits(
      labels=tf.broadcast_to(tf.cast(x, self.dtype), tf.shape(logits)),
      logits=logits,
    )
    return -tf.reduce_sum(losses, axis=[-3, -2, -1])

  def _sample_n(self, n, seed=None, first_rows=None):
    leading = tf.concat([[n], self.batch_shape_tensor()], 0)
    shape = tf.concat([leading, self.event_shape_tensor()], 0)
    uniforms = initial.uniform(
      shape, seed=initial.sampling_seed(seed), dtype=self.dtype
    )
    if first_rows is not None:
      uniforms = self._observe(uniforms, tf.convert_to_tensor(first_rows))
    flat = tf.reshape(uniforms, [-1, *self.event_shape])
    draw = self._draw_fn or self._draw_by_iteration
    return tf.reshape(draw(flat, *self._flat_parameters(leading)), shape)

  def _draw_by_iteration(self, uniforms, maps, condition):
    def draw_again(x, _):
      probs = tf.sigmoid(self._logits_fn(x, maps, condition))
      again = tf.cast(uniforms < probs, self.dtype)
      return again, tf.reduce_any(again != x)

    x, _ = tf.while_loop(
      lambda _, has_changed: has_changed,
      draw_again,
      (tf.zeros_like(uniforms), True),
      maximum_iterations=self.event_shape[0] * self.event_shape[1] + 1,
    )
    return x

  def _observe(self, uniforms, rows):
    """Replaces the uniforms of the first rows by values that force them."""
    height, *row_shape = self.event_shape
    if rows.shape[-2:] != row_shape or not rows.shape[-3] <= height:
      raise ValueError(
        f'first_rows has shape {rows.shape}; give [..., R, *{row_shape}] with '
        f'at most {height} rows R.'
      )
    num_rows = rows.shape[-3]
    shape = tf.shape(uniforms[..., :num_rows, :, :])
    is_on = tf.broadcast_to(tf.cast(rows, uniforms.dtype) > 0.5, shape)
    # Below every probability, or above every one.
    forced = tf.cast(tf.where(is_on, -1.0, 2.0), uniforms.dtype)
    return tf.concat([forced, uniforms[..., num_rows:, :, :]], axis=-3)
