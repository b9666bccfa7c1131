# SPDX-License-Identifier: Apache-2.0
"""Mixtures of many components, a bounded number of densities at a time.

K components cost N * K densities at N points, and what a flow computes on the
way to a density is many times as large.  Here they are found in chunks of
components, and of points where these alone are too many.  Nothing of a chunk
outlives it: the gradient computes it once more.
"""

import functools

import tensorflow as tf

from tfp_rd.network import initial

__all__ = ['log_density', 'mean', 'sample', 'variance']


def mean(components, logits) -> tf.Tensor:
  """Returns the mean, given a distribution of batch shape `[..., K]`."""
  return _average(components.mean(), components, logits)


def variance(components, logits) -> tf.Tensor:
  """Returns the variance: that of the means, and the mean of variances."""
  axis = -1 - components.event_shape.rank
  away = components.mean() - tf.expand_dims(mean(components, logits), axis)
  return _average(components.variance() + away**2, components, logits)


def _average(values, components, logits):
  event_ndims = components.event_shape.rank
  weights = tf.reshape(tf.nn.softmax(logits), [-1, *[1] * event_ndims])
  return tf.reduce_sum(weights * values, axis=-1 - event_ndims)


def sample(draw, points, *, seed, most: int, dtype) -> tf.Tensor:
  """Draws a sample for each point, at most so many at once.

  Args:
    draw: Function of a list of rows `[n, *event]` and of a seed that returns
      samples `[n, ...]`.
    points: Pairs of a tensor `[..., *event]` and its static event shape.
    seed: Seed of all samples; each chunk has one of its own.
    most: Rows of a chunk; what fits into one does not depend on it.
    dtype: Type of the samples.

  Returns:
    `[N, ...]`, where N counts the points in order.
  """
  rows = _rows(points, _leading(points)[1])
  num_rows = _length(rows[0])
  chunks = [_chunked(x, _even(num_rows, most)) for x in rows]

  def draw_chunk(number_and_rows):
    number, *some = number_and_rows
    return draw(some, initial.fold_in(seed, number))

  if chunks[0].shape[0] == 1:
    return draw_chunk([0, *rows])
  drawn = tf.map_fn(
    draw_chunk,
    [tf.range(_length(chunks[0])), *chunks],
    fn_output_signature=dtype,
    parallel_iterations=1,
  )
  return tf.reshape(drawn, tf.concat([[-1], tf.shape(drawn)[2:]], 0))[:num_rows]


def log_density(log_probs, points, components, log_weights, *, most: int):
  """Computes the log of a weighted sum of densities.

  Components are divided first, and points only where one component has too many
  of them: a component is made, by an encoder perhaps, once for each chunk of
  points.

  Args:
    log_probs: Function of a list of points `[..., *event]` and of components
      `[k, ...]` that returns log-densities `[..., k]`.  From chunks gradients
      go to what it is given and to the variables that it uses, not to other
      tensors.
    points: Pairs of a tensor `[..., *event]` and its static event shape.
    components: `[K, ...]`.
    log_weights: `[K]`.
    most: The most densities that are held at once, at least 1.

  Returns:
    `[...]`.  In chunks, with the gradient, each density is computed twice.
  """
  static, leading = _leading(points)
  count, num_components = static.num_elements(), log_weights.shape[0]
  if count is not None and count * num_components <= most:
    terms = log_probs([x for x, _ in points], components) + log_weights
    return tf.reduce_logsumexp(terms, axis=-1)
  rows = _rows(points, leading)
  num_rows = _length(rows[0])
  k = _even(num_components, most // _at_least_1(num_rows))
  n = _even(num_rows, most // k)
  # What fills up the components has no weight.
  weights = _chunked(log_weights, k, fill=float('-inf'))
  chunks = [*(_chunked(x, n) for x in rows), _chunked(components, k), weights]
  sums = _log_sums(log_probs)(*chunks)
  return tf.reshape(tf.reshape(sums, [-1])[:num_rows], leading)


def _leading(points):
  """Returns the shape of the points together, static and as a tensor."""
  ranks = [(x, x.shape.rank - len(event)) for x, event in points]
  static = [x.shape[:rank] for x, rank in ranks]
  dynamic = [tf.shape(x)[:rank] for x, rank in ranks]
  return (
    functools.reduce(tf.broadcast_static_shape, static),
    functools.reduce(tf.broadcast_dynamic_shape, dynamic),
  )


def _rows(points, leading):
  """Broadcasts the points and merges their leading axes: `[N, *event]`."""
  return [
    tf.reshape(tf.broadcast_to(x, tf.concat([leading, event], 0)), [-1, *event])
    for x, event in points
  ]


def _log_sums(log_probs):
  """Returns the function of chunks that sums over all components."""

  def terms(*chunk):
    *rows, components, log_weights = chunk
    return log_probs(rows, components) + log_weights

  @tf.custom_gradient
  def log_sums(*chunks):
    # The wrapper keeps an eager tape from recording what happens inside.  Its
    # own gradient, which would hold all chunks at once, is never asked for.
    sums = tf.recompute_grad(lambda *c: _forward(terms, c))(*chunks)

    def gradient(upstream, variables=()):
      wanted = [*chunks, *variables]
      found = _backward(terms, chunks, wanted, sums, upstream)
      ours, theirs = found[: len(chunks)], found[len(chunks) :]
      return (ours, theirs) if variables else ours

    return sums, gradient

  return log_sums


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
  num_rows, num_components = _length(chunks[0]), _length(weights)

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


def _chunked(x, size, *, fill=None):
  """Cuts `[N, ...]` into `[ceil(N / size), size, ...]`.

  The last chunk is filled up by the last row, which has a density wherever the
  others have one, unless by a number.
  """
  length = _length(x)
  count = _ceil(length, size)
  missing = count * size - length
  if fill is not None:
    x = tf.pad(x, [[0, missing]], constant_values=fill)
  elif tf.is_tensor(missing) or missing:
    x = tf.concat([x, tf.repeat(x[-1:], missing, axis=0)], axis=0)
  return tf.reshape(x, tf.concat([[count, size], tf.shape(x)[1:]], 0))


def _even(count, most):
  """Returns the size of even parts of at most `most`, at least 1."""
  num_parts = _at_least_1(_ceil(count, _at_least_1(most)))
  return _at_least_1(_ceil(count, num_parts))


def _at_least_1(count):
  return tf.maximum(1, count) if tf.is_tensor(count) else max(1, count)


def _ceil(count, size):
  return -(-count // size)


def _length(x):
  return tf.shape(x)[0] if x.shape[0] is None else x.shape[0]
