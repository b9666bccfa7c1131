# SPDX-License-Identifier: Apache-2.0
"""A masked autoregressive network, and its inversion in about one pass.

Hidden units have degrees 0 to D - 1, sorted.  A unit of degree d sees inputs
below d and units of degree at most d; output i sees units of degree at most i,
so it depends on inputs before i alone.  Masks multiply the kernels in the
forward pass: no optimiser can break them.

The slow direction, x_i = f_i(outputs at x_{<i}), needs no D passes either:
step i computes only the units of degree i, each once, so that all D steps
together cost the arithmetic of one pass.

#### References

[1]: Mathieu Germain et al. MADE: Masked Autoencoder for Distribution
     Estimation. In _International Conference on Machine Learning_, 2015.
     https://arxiv.org/abs/1502.03509
"""

import numpy as np
import tensorflow as tf

from tfp_rd.network import batch, initial

__all__ = ['HIDDEN_SIZES', 'MaskedNetwork']

HIDDEN_SIZES = {'small': (64, 64), 'paper': (640, 640, 640)}

# Degrees that are solved between two large products; 8 balances the size of
# the products against their number.
_CHUNK = 8


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
    event_size,
    num_outputs,
    *,
    hidden_sizes,
    context_size=0,
    seed,
    output_gain=0.01,
    dtype='float32',
  ):
    super().__init__()
    self.event_size = event_size
    self.num_outputs = num_outputs
    self._degrees = [_degrees(event_size, n) for n in hidden_sizes]
    self._masks = [
      tf.constant(m, dtype)
      for m in _masks(event_size, num_outputs, self._degrees)
    ]
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

  def __call__(self, x, context=None):
    """Computes all outputs in one pass.

    Args:
      x: `[..., D]`.
      context: `[..., c]`, broadcast against x, where the network has one.

    Returns:
      `[..., D, P]`.
    """
    masked = [k * m for k, m in zip(self._kernels, self._masks, strict=True)]
    h = tf.tensordot(x, masked[0], 1) + self._context_bias(context)
    for kernel, bias in zip(masked[1:], self._biases[1:], strict=True):
      h = tf.tensordot(tf.nn.relu(h), kernel, 1) + bias
    shape = tf.concat(
      [tf.shape(h)[:-1], [self.event_size, self.num_outputs]], 0
    )
    return tf.reshape(h, shape)

  def solve(self, y, step, context=None):
    """Solves x_i = step(y_i, outputs_i(x_{<i})) for all i.

    Args:
      y: `[..., D]`.
      step: Function of `y_i [N]` and `outputs_i [N, P]` that returns
        `x_i [N]`.
      context: `[..., c]`, broadcast against y.

    Returns:
      x: `[..., D]`, with exact gradients.  Costs the arithmetic of about one
      pass, in about `(D + D / 8) * (1 + layers)` products.
    """
    y = tf.convert_to_tensor(y)
    bias = self._context_bias(context)
    leading = tf.broadcast_dynamic_shape(tf.shape(y)[:-1], tf.shape(bias)[:-1])
    static = tf.broadcast_static_shape(y.shape[:-1], bias.shape[:-1])
    x = self._solve_rows(
      batch.rows(y, leading), batch.rows(bias, leading), step
    )
    x = tf.reshape(x, tf.concat([leading, [self.event_size]], 0))
    return tf.ensure_shape(x, static.concatenate(self.event_size))

  def _solve_rows(self, y, bias, step):
    # What is known so far: x, then the units of each hidden layer.
    known = [y[:, :0]] + [bias[:, :0]] * len(self._degrees)
    columns = tf.unstack(y, self.event_size, axis=-1)
    for start in range(0, self.event_size, _CHUNK):
      stop = min(start + _CHUNK, self.event_size)
      fresh = self._solve_chunk(known, columns, bias, step, start, stop)
      known = [
        tf.concat([k, *f], -1) for k, f in zip(known, fresh, strict=True)
      ]
    return known[0]

  def _solve_chunk(self, known, columns, bias, step, start, stop):
    """Returns the new columns of x and of each hidden layer, in blocks."""
    bases = self._known_products(known, bias, start, stop)
    fresh = [[] for _ in known]
    for i in range(start, stop):
      for layer in range(len(self._degrees)):
        h = self._add_fresh(bases, known, fresh, layer, i, start)
        fresh[layer + 1].append(tf.nn.relu(h))
      outputs = self._add_fresh(bases, known, fresh, -1, i, start)
      fresh[0].append(step(columns[i], outputs)[:, tf.newaxis])
    return fresh

  def _known_products(self, known, bias, start, stop):
    """Returns what is known gives to each degree of the chunk.

    One product a layer, split by degrees: the gradient of a split is one
    concatenation, where that of slices is as many full-sized sums.
    """
    bases = []
    for layer, k in enumerate(known):
      bounds = self._bounds[layer][start : stop + 1]
      units = slice(bounds[0], bounds[-1])
      b = bias[:, units] if layer == 0 else self._biases[layer][units]
      if start:
        b = k @ self._kernels[layer][: k.shape[-1], units] + b
      bases.append(tf.split(b, np.diff(bounds), axis=-1))
    return bases

  def _add_fresh(self, bases, known, fresh, layer, degree, start):
    """Adds what this chunk has found so far to the known products."""
    h = bases[layer][degree - start]
    if fresh[layer]:
      block = tf.concat(fresh[layer], -1)
      begin = known[layer].shape[-1]
      units = slice(*self._bounds[layer][degree : degree + 2])
      rows = slice(begin, begin + block.shape[-1])
      h = block @ self._kernels[layer][rows, units] + h
    return h

  @property
  def _bounds(self):
    """Where the units of each degree begin: a list of D + 1 for each layer."""
    ends = np.arange(self.event_size + 1)
    units = [np.searchsorted(d, ends) for d in self._degrees]
    return [*units, ends * self.num_outputs]

  def _context_bias(self, context):
    bias = self._biases[0]
    if self._context_kernel is None:
      return tf.convert_to_tensor(bias)
    return tf.tensordot(context, self._context_kernel, 1) + bias


def _degrees(event_size, num_units):
  return np.arange(num_units) * event_size // num_units


def _masks(event_size, num_outputs, degrees):
  """Returns one 0-1 matrix for each layer, `[inputs, outputs]`."""
  inputs = np.arange(event_size)
  outputs = np.repeat(inputs, num_outputs)
  masks = [inputs[:, None] < degrees[0]]
  for before, after in zip(degrees, [*degrees[1:], outputs], strict=True):
    masks.append(before[:, None] <= after)
  return masks
