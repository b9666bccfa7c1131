# SPDX-License-Identifier: Apache-2.0
"""A masked autoregressive network, and its inversion in about one pass.

Hidden units have degrees 0 to D - 1, sorted.  A unit of degree d sees inputs
below d and units of degree at most d; output i sees units of degree at most i,
so it depends on inputs before i alone.  Masks multiply the kernels in the
forward pass: no optimiser can break them.

The slow direction, x_i = f_i(outputs at x_{<i}), does not need D passes either:
see `tfp_rd.network.masked_solver`.

#### References

[1]: Mathieu Germain et al. MADE: Masked Autoencoder for Distribution
     Estimation. In _International Conference on Machine Learning_, 2015.
     https://arxiv.org/abs/1502.03509
"""

from collections.abc import Callable, Sequence
from typing import Optional

import numpy as np
import tensorflow as tf

from tfp_rd.network import batch, initial, masked_solver

__all__ = ['HIDDEN_SIZES', 'MaskedNetwork']

HIDDEN_SIZES = {'small': (64, 64), 'paper': (640, 640, 640)}


class MaskedNetwork(tf.Module):
  """A network whose output i depends on inputs before i, and on a context.

  Args:
    event_size: D.
    num_outputs: Numbers P for each input.
    hidden_sizes: Units of each hidden layer (ReLU), at least one layer.
    context_size: Width of the context, which every unit may see; 0 for none.
    seed: Seed of the initial weights.
    output_gain: Gain of the output layer; small, so that flows start near the
      identity.
    dtype: Type of the weights.
  """

  def __init__(
    self,
    event_size: int,
    num_outputs: int,
    *,
    hidden_sizes: Sequence[int],
    context_size: int = 0,
    seed: initial.Seed,
    output_gain: float = 0.01,
    dtype: initial.DType = 'float32',
  ):
    super().__init__()
    self.event_size = event_size
    self.num_outputs = num_outputs
    inputs = np.arange(event_size)
    # Of inputs, hidden units and outputs; they are sorted.
    self._degrees = [
      inputs,
      *(np.arange(n) * event_size // n for n in hidden_sizes),
      np.repeat(inputs, num_outputs),
    ]
    self._masks = [tf.constant(m, dtype) for m in _masks(self._degrees)]
    sizes = [event_size, *hidden_sizes, event_size * num_outputs]
    seeds = initial.split(seed, len(sizes))
    gains = [2.0] * len(hidden_sizes) + [output_gain]
    self._kernels = [
      initial.normal([i, o], seed=s, gain=g, dtype=dtype, name='kernel')
      for i, o, s, g in zip(sizes, sizes[1:], seeds, gains, strict=False)
    ]
    self._biases = [
      initial.zeros([o], dtype=dtype, name='bias') for o in sizes[1:]
    ]
    self._context_kernel = (
      initial.normal(
        [context_size, hidden_sizes[0]],
        seed=seeds[-1],
        dtype=dtype,
        name='context_kernel',
      )
      if context_size
      else None
    )

  @property
  def has_context(self) -> bool:
    """Whether units see a context."""
    return self._context_kernel is not None

  def __call__(
    self, x: tf.Tensor, context: Optional[tf.Tensor] = None
  ) -> tf.Tensor:
    """Computes all outputs in one pass.

    Args:
      x: `[..., D]`.
      context: `[..., c]`, broadcast against x, where the network has one.

    Returns:
      `[..., D, P]`.
    """
    masked = self._masked_kernels()
    h = tf.tensordot(x, masked[0], 1) + self._context_bias(context)
    for kernel, bias in zip(masked[1:], self._biases[1:], strict=True):
      h = tf.tensordot(tf.nn.relu(h), kernel, 1) + bias
    shape = tf.concat(
      [tf.shape(h)[:-1], [self.event_size, self.num_outputs]], 0
    )
    return tf.reshape(h, shape)

  def solve(
    self,
    y: tf.Tensor,
    step: Callable[..., tf.Tensor],
    *,
    context: Optional[tf.Tensor] = None,
  ) -> tf.Tensor:
    """Solves x_i = step(y_i, outputs_i(x_{<i})) for all i.

    Args:
      y: `[..., D]`.
      step: Function of y_i and of P outputs, all of one shape, that returns
        x_i, elementwise.  Tensors that it closes over get no gradient.
      context: `[..., c]`, broadcast against y.

    Returns:
      x: `[..., D]`, with exact first derivatives.  Costs the arithmetic of
      about one pass, in about `D * (1 + layers)` products, and the gradient
      costs about two passes.

    Raises:
      NotImplementedError: A second derivative is taken.
    """
    y = tf.convert_to_tensor(y)
    bias = self._context_bias(context)
    leading = tf.broadcast_dynamic_shape(tf.shape(y)[:-1], tf.shape(bias)[:-1])
    static = tf.broadcast_static_shape(y.shape[:-1], bias.shape[:-1])
    if bias.shape.rank > 1:
      bias = batch.rows(bias, leading)
    else:
      bias = bias[tf.newaxis]
    x = masked_solver.solve(
      tf.transpose(batch.rows(y, leading)),
      step,
      kernels=self._masked_kernels(),
      biases=[
        tf.transpose(bias),
        *(b[:, tf.newaxis] for b in self._biases[1:]),
      ],
      degrees=self._degrees,
    )
    shape = tf.concat([leading, [self.event_size]], 0)
    x = tf.reshape(tf.transpose(x), shape)
    return tf.ensure_shape(x, static.concatenate(self.event_size))

  def _masked_kernels(self):
    return [k * m for k, m in zip(self._kernels, self._masks, strict=True)]

  def _context_bias(self, context):
    bias = self._biases[0]
    if not self.has_context:
      return tf.convert_to_tensor(bias)
    return tf.tensordot(context, self._context_kernel, 1) + bias


def _masks(degrees):
  """Returns one 0-1 matrix for each layer, `[inputs, outputs]`."""
  first = degrees[0][:, None] < degrees[1]
  rest = [
    a[:, None] <= b for a, b in zip(degrees[1:-1], degrees[2:], strict=True)
  ]
  return [first, *rest]
