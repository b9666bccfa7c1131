# SPDX-License-Identifier: Apache-2.0
"""Linear gates, h(x) = (W1 x + b1) * sigmoid(W2 x + b2), the paper's unit.

One product with twice the outputs computes both maps.  With a condition there
are two such pairs, which `tfp_rd.network.modulation` blends into one.

#### References

[1]: Alexander A. Alemi et al. Fixing a Broken ELBO. In _International
     Conference on Machine Learning_, 2018, Appendix F.
     https://arxiv.org/abs/1711.00464
"""

import tensorflow as tf

from tfp_rd.network import initial, modulation, precision

__all__ = [
  'Conv',
  'Dense',
  'GatedConv',
  'GatedDeconv',
  'GatedDense',
  'dropout',
  'gate',
  'num_outputs',
  'product',
]

# E[(a sigmoid(b))^2] is 0.29 for unit normals a, b; this gain keeps the
# variance of deep stacks near 1.
_GATED_GAIN = 3.4


def num_outputs(output_size: int, condition_size: int) -> int:
  """Returns how many features the linear map before a gate must have.

  The gate halves their number; with a condition, `modulation.Blend` halves it
  before.
  """
  return 2 * output_size * (2 if condition_size else 1)


def gate(x: tf.Tensor) -> tf.Tensor:
  """Returns a * sigmoid(b) for `x = [a, b]` along the last axis."""
  a, b = tf.split(x, 2, axis=-1)
  return a * tf.sigmoid(b)


def dropout(x, rate: float, *, seed) -> tf.Tensor:
  """Sets features to 0 with probability `rate` and scales up the others.

  Args:
    x: Any shape.
    rate: In [0, 1).
    seed: A seed of its own, or `None` to drop nothing.
  """
  if seed is None or not rate:
    return x
  noise = initial.uniform(tf.shape(x), seed=seed, dtype=x.dtype)
  return x * tf.cast(noise >= rate, x.dtype) / (1.0 - rate)


class Dense(tf.Module):
  """A linear map with bias: `[..., i] -> [..., o]`."""

  def __init__(self, input_size, output_size, *, seed, gain=1.0, dtype):
    super().__init__()
    self.kernel = initial.normal(
      [input_size, output_size],
      seed=seed,
      gain=gain,
      dtype=dtype,
      name='kernel',
    )
    self.bias = initial.zeros([output_size], dtype=dtype, name='bias')
    self.output_size = output_size

  def __call__(self, x: tf.Tensor) -> tf.Tensor:
    """Maps `x [..., i]`."""
    y = precision.multiply(product, x, self.kernel)
    return y + self.bias


class Conv(tf.Module):
  """A linear convolution with bias: `[N, h, w, i] -> [N, h', w', o]`."""

  def __init__(
    self,
    input_size,
    output_size,
    *,
    kernel,
    stride=1,
    padding='SAME',
    seed,
    gain=1.0,
    dtype,
  ):
    super().__init__()
    self.kernel = initial.normal(
      [*kernel, input_size, output_size],
      seed=seed,
      gain=gain,
      dtype=dtype,
      name='kernel',
    )
    self.bias = initial.zeros([output_size], dtype=dtype, name='bias')
    self._stride = stride
    self._padding = padding

  def __call__(self, x: tf.Tensor) -> tf.Tensor:
    """Maps `x [N, h, w, i]`."""
    y = precision.multiply(self._convolve, x, self.kernel)
    return tf.nn.bias_add(y, self.bias)

  def _convolve(self, x, kernel):
    return tf.nn.conv2d(x, kernel, self._stride, self._padding)


class _Gated(tf.Module):
  """A linear map with `num_outputs` features, a blend, and a gate."""

  def __init__(self, linear, output_size, condition_size, dtype):
    super().__init__()
    self._linear = linear
    self._blend = (
      modulation.Blend(condition_size, 2 * output_size, dtype=dtype)
      if condition_size
      else None
    )

  def __call__(self, x, condition=None):
    y = self._linear(x)
    if self._blend is not None:
      y = self._blend(y, condition)
    return gate(y)


class GatedDense(_Gated):
  """A dense layer with a linear gate: `[N, i] -> [N, o]`."""

  def __init__(
    self, input_size, output_size, *, condition_size=0, seed, dtype='float32'
  ):
    linear = Dense(
      input_size,
      num_outputs(output_size, condition_size),
      seed=seed,
      gain=_GATED_GAIN,
      dtype=dtype,
    )
    super().__init__(linear, output_size, condition_size, dtype)


class GatedConv(_Gated):
  """A convolution with a linear gate: `[N, h, w, i] -> [N, h', w', o]`."""

  def __init__(
    self,
    input_size,
    output_size,
    *,
    kernel,
    stride=1,
    padding='SAME',
    condition_size=0,
    seed,
    dtype='float32',
  ):
    linear = Conv(
      input_size,
      num_outputs(output_size, condition_size),
      kernel=kernel,
      stride=stride,
      padding=padding,
      seed=seed,
      gain=_GATED_GAIN,
      dtype=dtype,
    )
    super().__init__(linear, output_size, condition_size, dtype)


class GatedDeconv(_Gated):
  """A transposed convolution with a linear gate, SAME padding.

  `[N, h, w, i] -> [N, stride * h, stride * w, o]`.
  """

  def __init__(
    self,
    input_size,
    output_size,
    *,
    kernel,
    stride=1,
    condition_size=0,
    seed,
    dtype='float32',
  ):
    linear = _Deconv(
      input_size,
      num_outputs(output_size, condition_size),
      kernel=kernel,
      stride=stride,
      seed=seed,
      dtype=dtype,
    )
    super().__init__(linear, output_size, condition_size, dtype)


class _Deconv(tf.Module):
  def __init__(self, input_size, output_size, *, kernel, stride, seed, dtype):
    super().__init__()
    # Each output pixel sees kernel / stride^2 inputs.
    self.kernel = initial.normal(
      [*kernel, output_size, input_size],
      seed=seed,
      gain=_GATED_GAIN * stride**2 * output_size / input_size,
      dtype=dtype,
      name='kernel',
    )
    self.bias = initial.zeros([output_size], dtype=dtype, name='bias')
    self._stride = stride

  def __call__(self, x):
    y = precision.multiply(self._convolve, x, self.kernel)
    return tf.nn.bias_add(y, self.bias)

  def _convolve(self, x, kernel):
    s = self._stride
    sizes = (s * x.shape[1], s * x.shape[2], self.bias.shape[0])
    return tf.nn.conv2d_transpose(x, kernel, [tf.shape(x)[0], *sizes], s)


def product(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
  """Returns `x [..., i]` times `kernel [i, o]`."""
  return tf.tensordot(x, kernel, 1)
