# SPDX-License-Identifier: Apache-2.0
"""Solves x_i = step(y_i, outputs_i(x_<i)) of a masked network by its degrees.

The units of degree d depend only on inputs before d, so each unit is computed
once, when its degree comes, and all D steps together cost the arithmetic of
about one pass of the network.  Degrees are divided into chunks: one large
product a layer adds the results of all earlier chunks, small products add those
of the same chunk.

The gradient is exact and costs about as much again.  At the solution
lambda = g + (d step / d x)^T lambda, whose matrix is triangular too: these are
the equations of the transposed network from the last degree to the first, so
the same loop solves them.

Here and only here units come first and rows last, `[units, N]`: results are
then appended, and split, without moving single numbers.
"""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfp_rd.network import degree_stages

__all__ = ['solve']


def solve(
  y: tf.Tensor,
  step: Callable[..., tf.Tensor],
  *,
  kernels: Sequence[tf.Tensor],
  biases: Sequence[tf.Tensor],
  degrees: Sequence[np.ndarray],
) -> tf.Tensor:
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
    # Otherwise an eager tape would record and keep every operation inside.
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
  inputs, *layers = degree_stages.starts(degrees)
  *hidden_layers, last_layer = range(len(kernels))
  outputs = []

  def rectify(units, h):
    return tf.nn.relu(h)

  def take_step(units, h):
    outputs.append(h)
    i = units.start // num_outputs
    return step(y[i : i + 1], *tf.split(h, num_outputs))

  def stage(layer, *, results, finish):
    kernel = kernels[layer]
    return degree_stages.Stage(
      product=lambda units, seen, h: tf.matmul(
        kernel[seen, units], h, transpose_a=True
      ),
      bias=biases[layer],
      sums=layers[layer],
      results=results,
      finish=finish,
    )

  *hidden, x = degree_stages.run(
    [
      *(stage(n, results=layers[n], finish=rectify) for n in hidden_layers),
      stage(last_layer, results=inputs, finish=take_step),
    ],
    like=y,
  )
  return [x, *hidden], tf.concat(outputs, 0)


def _adjoint(g, y, step, kernels, biases, degrees, layers, outputs):
  """Returns the gradients of y, kernels and biases for the cotangent g."""
  slope_y, slopes = _slopes(y, step, outputs)
  starts = degree_stages.starts(degrees)
  solution = []  # lambda, one row for each degree.

  def take_step(units, h):
    solution.insert(0, g[units] + h)
    outputs_here = slice(*starts[-1][units.start : units.start + 2])
    return slopes[outputs_here] * solution[0]

  def rectify(layer):
    return lambda units, h: h * tf.cast(layers[layer][units] > 0, h.dtype)

  def stage(layer, *, results, finish):
    kernel = kernels[layer]
    return degree_stages.Stage(
      product=lambda units, seen, h: tf.matmul(kernel[units, seen], h),
      bias=tf.zeros([len(degrees[layer]), 1], y.dtype),
      sums=starts[layer],
      results=results,
      finish=finish,
    )

  # At each degree: the inputs, whose step leads to the outputs, and then the
  # hidden layers from the last to the first.
  of_outputs, *of_hidden = degree_stages.run(
    [
      stage(0, results=starts[-1], finish=take_step),
      *(
        stage(n, results=starts[n], finish=rectify(n))
        for n in reversed(range(1, len(kernels)))
      ),
    ],
    like=y,
    descending=True,
  )
  # Cotangents of the sums to which each kernel leads, in the kernels' order.
  cotangents = [*reversed(of_hidden), of_outputs]
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
