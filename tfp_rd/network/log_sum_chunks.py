# SPDX-License-Identifier: Apache-2.0
"""Log-sum-exp over components in chunks, so that memory stays bounded.

Rows and components are divided into chunks.  The log-sums of each chunk are
added to those of the earlier ones, and the gradient computes each chunk again.
"""

from collections.abc import Callable
from typing import Optional, Union

import tensorflow as tf

__all__ = ['cut', 'even_size', 'length', 'log_sums']


def log_sums(log_probs: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
  """Returns a function of chunks that computes the log-sums over components."""

  def terms(*chunk):
    *rows, components, log_weights = chunk
    return log_probs(rows, components) + log_weights

  @tf.custom_gradient
  def summed(*chunks):
    # The wrapper keeps an eager tape from recording the operations inside.  Its
    # own gradient, which would hold all chunks at once, is never used.
    sums = tf.recompute_grad(lambda *c: _forward(terms, c))(*chunks)

    def gradient(upstream, variables=()):
      wanted = [*chunks, *variables]
      gradients = _backward(terms, chunks, wanted, sums, upstream)
      of_chunks = gradients[: len(chunks)]
      of_variables = gradients[len(chunks) :]
      return (of_chunks, of_variables) if variables else of_chunks

    return sums, gradient

  return summed


def _forward(terms, chunks):
  """Returns the log-sums, `[row chunks, n]`."""
  log_0 = tf.cast(float('-inf'), chunks[-1].dtype)

  def add_chunk(sums, places):
    row = places[0]
    more = tf.reduce_logsumexp(terms(*_chunk(chunks, places)), axis=-1)
    both = tf.reduce_logsumexp([sums[row], more], axis=0)
    return tf.tensor_scatter_nd_update(sums, [[row]], both[tf.newaxis])

  return _fold(add_chunk, tf.fill(tf.shape(chunks[0])[:2], log_0), chunks)


def _backward(terms, chunks, wanted, sums, upstream):
  """Returns the gradients with respect to the chunks and then variables."""

  def add_chunk(gradients, places):
    row, chunk = places[0], _chunk(chunks, places)
    sources = [*chunk, *wanted[len(chunk) :]]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(sources)
      log_terms = terms(*chunk)
    # d log-sum / d log-term is the term's share of the sum.
    shares = tf.exp(log_terms - sums[row][:, tf.newaxis])
    new = tape.gradient(
      log_terms,
      sources,
      output_gradients=upstream[row][:, tf.newaxis] * shares,
      unconnected_gradients='zero',
    )
    new = [tf.convert_to_tensor(g) for g in new]  # Some are sparse.
    of_chunks = [
      tf.tensor_scatter_nd_add(total, [[place]], g[tf.newaxis])
      for total, g, place in zip(gradients, new, places, strict=False)
    ]
    rest = slice(len(chunks), None)
    return of_chunks + list(map(tf.add, gradients[rest], new[rest]))

  return _fold(add_chunk, [tf.zeros_like(x) for x in wanted], chunks)


def _fold(function, state, chunks):
  """Applies a function of a state and of a chunk's indices to all chunks."""
  *of_rows, _, weights = chunks
  num_rows, num_components = length(chunks[0]), length(weights)

  def step(n, state):
    row, component = n // num_components, n % num_components
    places = [*[row] * len(of_rows), component, component]
    return n + 1, function(state, places)

  # One chunk at a time: in parallel, several would be held at once.
  _, state = tf.while_loop(
    lambda n, _: n < num_rows * num_components,
    step,
    (tf.constant(0), state),
    parallel_iterations=1,
  )
  return state


def _chunk(chunks, places):
  return [x[place] for x, place in zip(chunks, places, strict=True)]


def cut(
  x: tf.Tensor, size: Union[int, tf.Tensor], *, fill: Optional[float] = None
) -> tf.Tensor:
  """Cuts `[N, ...]` into `[ceil(N / size), size, ...]`.

  The last chunk is filled up with copies of the last row, whose density is
  finite if those of the others are, or with the number `fill`.
  """
  count = _ceil(length(x), size)
  missing = count * size - length(x)
  if fill is not None:
    x = tf.pad(x, [[0, missing]], constant_values=fill)
  elif tf.is_tensor(missing) or missing:
    x = tf.concat([x, tf.repeat(x[-1:], missing, axis=0)], axis=0)
  return tf.reshape(x, tf.concat([[count, size], tf.shape(x)[1:]], 0))


def even_size(
  count: Union[int, tf.Tensor],
  most: Union[int, tf.Tensor],
  *,
  densities_each: Union[int, tf.Tensor] = 1,
) -> Union[int, tf.Tensor]:
  """Returns the size of equal parts of `count` members, at least 1.

  Args:
    count: Members to be divided.
    most: The most densities of a part, unless one member has more.
    densities_each: Densities of each member.  All three are numbers or tensors.
  """
  num_parts = _at_least_1(
    _ceil(count, _at_least_1(most // _at_least_1(densities_each)))
  )
  return _at_least_1(_ceil(count, num_parts))


def length(x: tf.Tensor, axis: int = 0) -> Union[int, tf.Tensor]:
  """Returns the length of an axis: an `int` if it is static, else a tensor."""
  return tf.shape(x)[axis] if x.shape[axis] is None else x.shape[axis]


def _at_least_1(count):
  return tf.maximum(1, count) if tf.is_tensor(count) else max(1, count)


def _ceil(count, size):
  return -(-count // size)
