# SPDX-License-Identifier: Apache-2.0
"""Solves x_i = step(y_i, outputs_i(x_<i)) of a masked network by its degrees.

The units of degree d need inputs before d alone, so each unit is computed
once, when its degree comes, and all D steps together cost the arithmetic of
about one pass of the network.  Degrees go in chunks: one large product a layer
for all that earlier chunks have found, small ones for the rest.

The gradient is exact and costs about as much again.  At the solution
lambda = g + (d step / d x)^T lambda, whose matrix is triangular too: these are
the equations of the transposed network from the last degree to the first, so
the same march solves them.

Here and only here units come first and rows last, `[units, N]`: what is found
is then appended, and taken apart, without moving single numbers.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

__all__ = ['solve']


def solve(y, step, *, kernels, biases, degrees) -> tf.Tensor:
  """Solves for x, with exact first derivatives.

  Args:
    y: `[D, N]`.
    step: Function of `y_i` and of P outputs, all of one shape, that returns
      `x_i`, elementwise.  Tensors that it closes over get no gradient.
    kernels: The masked kernels `[i, o]` of the L + 1 layers.
    biases: `[o, 1]`, or `[o, N]`, for each layer.
    degrees: Sorted degrees of each layer's units: inputs 0 to D - 1, hidden
      units, and outputs, P for each input.

  Returns:
    x: `[D, N]`.

  Raises:
    NotImplementedError: A second derivative is taken, or a forward-mode one.
  """
  num_layers = len(kernels)

  @tf.custom_gradient
  def run(*args):
    # Else an eager tape would record, and keep, all that happens inside.
    y, *weights = map(tf.stop_gradient, args)
    kernels, biases = weights[:num_layers], weights[num_layers:]
    layers, outputs = _forward(y, step, kernels, biases, degrees)

    @tf.custom_gradient
    def gradients(*args):
      g, y, *weights = map(tf.stop_gradient, args)
      kernels, biases = weights[:num_layers], weights[num_layers:]
      out = _adjoint(g, y, step, kernels, biases, degrees, layers, outputs)
      return out, _no_second_derivative

    return layers[0], lambda g: gradients(g, *args)

  return run(y, *kernels, *biases)


def _no_second_derivative(*_):
  raise NotImplementedError(
    'second derivatives, and forward-mode ones, through the solution of a '
    'masked network are not implemented; take them through its fast direction.'
  )


def _forward(y, step, kernels, biases, degrees):
  """Returns x and the hidden layers, and the outputs, `[units, N]` each."""
  num_outputs = len(degrees[-1]) // len(degrees[0])
  outputs = []

  def rectify(units, h):
    return tf.nn.relu(h)

  def advance(units, h):
    outputs.append(h)
    i = units.start // num_outputs
    return step(y[i : i + 1], *tf.split(h, num_outputs))

  bounds = _bounds(degrees)
  *hidden, x = _march(
    [
      _Stage(
        product=lambda units, seen, h, k=kernel: tf.matmul(
          k[seen, units], h, transpose_a=True
        ),
        bias=bias,
        sums=sums,
        found=sums if layer + 1 < len(kernels) else bounds[0],
        finish=rectify if layer + 1 < len(kernels) else advance,
      )
      for layer, (kernel, bias, sums) in enumerate(
        zip(kernels, biases, bounds[1:], strict=True)
      )
    ],
    like=y,
  )
  return [x, *hidden], tf.concat(outputs, 0)


def _adjoint(g, y, step, kernels, biases, degrees, layers, outputs):
  """Returns the gradients of y, kernels and biases for the cotangent g."""
  slope_y, slopes = _slopes(y, step, outputs)
  bounds = _bounds(degrees)
  solution = []

  def advance(units, h):
    solution.insert(0, g[units] + h)
    rows = slice(*bounds[-1][units.start : units.start + 2])
    return slopes[rows] * solution[0]

  def through(layer):
    return lambda units, h: h * tf.cast(layers[layer][units] > 0, h.dtype)

  found = _march(
    [
      _Stage(
        product=lambda units, seen, h, k=kernels[layer]: tf.matmul(
          k[units, seen], h
        ),
        bias=tf.zeros([len(degrees[layer]), 1], y.dtype),
        sums=bounds[layer],
        found=bounds[layer or -1],
        finish=through(layer) if layer else advance,
      )
      for layer in (0, *range(len(kernels) - 1, 0, -1))
    ],
    like=y,
    descending=True,
  )
  # Of the sums of each layer: hidden ones first, outputs last.
  cotangents = [*found[:0:-1], found[0]]
  return (
    slope_y * tf.concat(solution, 0),
    *[
      tf.matmul(h, c, transpose_b=True)
      for h, c in zip(layers, cotangents, strict=True)
    ],
    *[
      c if b.shape[1] != 1 else tf.reduce_sum(c, 1, keepdims=True)
      for b, c in zip(biases, cotangents, strict=True)
    ],
  )


def _slopes(y, step, outputs):
  """Derivatives of the steps by y `[D, N]` and by the outputs `[D * P, N]`."""
  num_outputs = outputs.shape[0] // y.shape[0]
  with tf.GradientTape() as tape:
    tape.watch([y, outputs])
    each = tf.reshape(outputs, [y.shape[0], num_outputs, tf.shape(y)[1]])
    x = step(y, *tf.unstack(each, axis=1))
  return tape.gradient(x, [y, outputs], unconnected_gradients='zero')


@dataclasses.dataclass(frozen=True)
class _Stage:
  """What one layer does at each degree.

  It sums `bias` and the `product(units, seen, h)` of what the stage before it
  has found so far; the first stage follows the last one of the degree before.
  `finish(units, h)` makes of it what is found.  `sums` and `found` say where
  the units of each degree begin.
  """

  product: Callable
  bias: tf.Tensor
  sums: np.ndarray
  found: np.ndarray
  finish: Callable


def _march(stages, *, like, descending=False):
  """Goes through the degrees; returns what each stage found, `[units, N]`.

  Args:
    stages: The stages in the order in which they come at each degree.
    like: `[D, N]`.
    descending: Whether the last degree comes first.
  """
  num_degrees = like.shape[0]
  known = [like[:0]] * len(stages)
  # Balances what is copied within chunks against what is copied between them.
  size = math.isqrt(num_degrees)
  chunks = range(0, num_degrees, size)
  for start in reversed(chunks) if descending else chunks:
    chunk = slice(start, min(start + size, num_degrees))
    fresh = _march_chunk(stages, known, chunk, like, descending)
    known = [
      _join([k, *f], descending) for k, f in zip(known, fresh, strict=True)
    ]
  return known


def _march_chunk(stages, known, chunk, like, descending):
  """Returns the blocks that each stage found in a chunk, in their order."""
  bases = [
    _base(stage, stages[n - 1].found, known[n - 1], chunk, like, descending)
    for n, stage in enumerate(stages)
  ]
  fresh = [[] for _ in stages]
  degrees = range(chunk.start, chunk.stop)
  for degree in reversed(degrees) if descending else degrees:
    for n, stage in enumerate(stages):
      units = slice(*stage.sums[degree : degree + 2])
      h = bases[n][degree - chunk.start]
      before = fresh[n - 1]
      if before and units.start < units.stop:
        begin = chunk.stop - len(before) if descending else chunk.start
        seen = slice(begin, begin + len(before))
        seen = _units(stages[n - 1].found, seen)
        h += stage.product(units, seen, _join(before, descending))
      fresh[n].append(stage.finish(units, h))
  return fresh


def _base(stage, found, known, chunk, like, descending):
  """Returns what is known gives to each degree of a chunk."""
  units = _units(stage.sums, chunk)
  bias = stage.bias[units]
  if known.shape[0]:
    earlier = slice(chunk.stop, -1) if descending else slice(0, chunk.start)
    base = stage.product(units, _units(found, earlier), known) + bias
  else:
    shape = [units.stop - units.start, tf.shape(like)[1]]
    base = tf.broadcast_to(bias, shape)
  return tf.split(base, np.diff(stage.sums[chunk.start : chunk.stop + 1]))


def _units(bounds, degrees):
  """Turns a range of degrees into the range of their units."""
  return slice(int(bounds[degrees.start]), int(bounds[degrees.stop]))


def _join(blocks, descending):
  return tf.concat(blocks[::-1] if descending else blocks, 0)


def _bounds(degrees):
  """Where the units of each degree begin: D + 1 numbers for each layer."""
  ends = np.arange(len(degrees[0]) + 1)
  return [np.searchsorted(d, ends) for d in degrees]
