# SPDX-License-Identifier: Apache-2.0
"""A sum over components, cut into chunks that nothing outlives.

Rows and components are cut; the log-sums of one chunk of both are folded into
those of all, and the gradient computes each chunk once more.
"""

import tensorflow as tf

__all__ = ['cut', 'even_size', 'length', 'log_sums']


def log_sums(log_probs):
  """Returns the function of chunks that sums over all components."""

  def terms(*chunk):
    *rows, components, log_weights = chunk
    return log_probs(rows, components) + log_weights

  @tf.custom_gradient
  def summed(*chunks):
    # The wrapper keeps an eager tape from recording what happens inside.  Its
    # own gradient, which would hold all chunks at once, is never asked for.
    sums = tf.recompute_grad(lambda *c: _forward(terms, c))(*chunks)

    def gradient(upstream, variables=()):
      wanted = [*chunks, *variables]
      found = _backward(terms, chunks, wanted, sums, upstream)
      ours, theirs = found[: len(chunks)], found[len(chunks) :]
      return (ours, theirs) if variables else ours

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
  """Folds a function of a state and of the places of a chunk's parts."""
  *of_rows, _, weights = chunks
  num_rows, num_components = length(chunks[0]), length(weights)

  def step(n, state):
    row, component = n // num_components, n % num_components
    places = [*[row] * len(of_rows), component, component]
    return n + 1, function(state, places)

  # One chunk after the other, or more of them would be held at once.
  _, state = tf.while_loop(
    lambda n, _: n < num_rows * num_components,
    step,
    (tf.constant(0), state),
    parallel_iterations=1,
  )
  return state


def _chunk(chunks, places):
  return [x[place] for x, place in zip(chunks, places, strict=True)]


def cut(x, size, *, fill=None):
  """Cuts `[N, ...]` into `[ceil(N / size), size, ...]`.

  The last chunk is filled up by the last row, which has a density wherever the
  others have one, unless by a number.
  """
  count = _ceil(length(x), size)
  missing = count * size - length(x)
  if fill is not None:
    x = tf.pad(x, [[0, missing]], constant_values=fill)
  elif tf.is_tensor(missing) or missing:
    x = tf.concat([x, tf.repeat(x[-1:], missing, axis=0)], axis=0)
  return tf.reshape(x, tf.concat([[count, size], tf.shape(x)[1:]], 0))


def even_size(count, most, *, beside=1):
  """Returns the size of even parts of `count`, at least 1.

  A part holds at most `most` of what is `beside` each of its members; all are
  numbers or tensors.
  """
  num_parts = _at_least_1(
    _ceil(count, _at_least_1(most // _at_least_1(beside)))
  )
  return _at_least_1(_ceil(count, num_parts))


def length(x, axis=0):
  """Returns the length of an axis, a number wherever it is known."""
  return tf.shape(x)[axis] if x.shape[axis] is None else x.shape[axis]


def _at_least_1(count):
  return tf.maximum(1, count) if tf.is_tensor(count) else max(1, count)


def _ceil(count, size):
  return -(-count // size)
