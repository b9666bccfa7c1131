# SPDX-License-Identifier: Apache-2.0
"""Mixtures of many components, with a bounded number of densities in memory.

K components have N * K densities at N points, and the intermediate values of a
flow take many times that memory.  Densities are computed in chunks of
components, and of points if these alone are too many.  No chunk is kept: the
gradient computes it again.
"""

import functools
from collections.abc import Callable, Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd.network import initial, log_sum_chunks

__all__ = ['log_density', 'log_density_by_group', 'mean', 'sample', 'variance']


def mean(
  components: tfp.distributions.Distribution, logits: tf.Tensor
) -> tf.Tensor:
  """Returns the mean, given a distribution of batch shape `[..., K]`."""
  return _average(components.mean(), components, logits)


def variance(
  components: tfp.distributions.Distribution, logits: tf.Tensor
) -> tf.Tensor:
  """Returns the variance of the means plus the mean of the variances."""
  axis = -1 - components.event_shape.rank
  away = components.mean() - tf.expand_dims(mean(components, logits), axis)
  return _average(components.variance() + away**2, components, logits)


def _average(values, components, logits):
  event_ndims = components.event_shape.rank
  weights = tf.reshape(tf.nn.softmax(logits), [-1, *[1] * event_ndims])
  return tf.reduce_sum(weights * values, axis=-1 - event_ndims)


def sample(
  draw: Callable[..., tf.Tensor],
  points: Sequence[tuple[tf.Tensor, tf.TensorShape]],
  *,
  seed: tf.Tensor,
  most: int,
  dtype: tf.Tensor,
) -> tf.Tensor:
  """Draws a sample for each point, at most `most` of them at once.

  Args:
    draw: Function of a list of rows `[n, *event]` and of a seed that returns
      samples `[n, ...]`.
    points: Pairs of a tensor `[..., *event]` and its static event shape.
    seed: Seed of all samples; each chunk has one of its own.
    most: Rows of a chunk.  Samples of points that fit into one chunk do not
      depend on it.
    dtype: Type of the samples.

  Returns:
    `[N, ...]`, where N counts the points in order.
  """
  rows = _rows(points, _leading(points)[1])
  num_rows = log_sum_chunks.length(rows[0])
  chunks = [
    log_sum_chunks.cut(x, log_sum_chunks.even_size(num_rows, most))
    for x in rows
  ]

  def draw_chunk(number_and_rows):
    number, *some = number_and_rows
    return draw(some, initial.fold_in(seed, number))

  if chunks[0].shape[0] == 1:
    return draw_chunk([0, *rows])
  drawn = tf.map_fn(
    draw_chunk,
    [tf.range(log_sum_chunks.length(chunks[0])), *chunks],
    fn_output_signature=dtype,
    parallel_iterations=1,
  )
  return tf.reshape(drawn, tf.concat([[-1], tf.shape(drawn)[2:]], 0))[:num_rows]


def log_density(
  log_probs: Callable[..., tf.Tensor],
  points: Sequence[tuple[tf.Tensor, tf.TensorShape]],
  *,
  components: tf.Tensor,
  log_weights: tf.Tensor,
  most: int,
) -> tf.Tensor:
  """Computes the log of a weighted sum of densities.

  Components are divided into chunks first.  Points are divided only if they are
  too many for one component, since a component is made again, perhaps by an
  encoder, for each chunk of points.

  Args:
    log_probs: Function of a list of points `[..., *event]` and of components
      `[k, ...]` that returns log-densities `[..., k]`.  From chunks, gradients
      go to its arguments and to the variables that it uses, not to other
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
  num_rows = log_sum_chunks.length(rows[0])
  k = log_sum_chunks.even_size(num_components, most, densities_each=num_rows)
  n = log_sum_chunks.even_size(num_rows, most, densities_each=k)
  chunks = [
    *(log_sum_chunks.cut(x, n) for x in rows),
    *_weighted_chunks(components, log_weights, k),
  ]
  sums = log_sum_chunks.log_sums(log_probs)(*chunks)
  return tf.reshape(tf.reshape(sums, [-1])[:num_rows], leading)


def log_density_by_group(
  log_probs: Callable[..., tf.Tensor],
  x: tf.Tensor,
  *,
  conditions: tf.Tensor,
  components: tf.Tensor,
  log_weights: tf.Tensor,
  most: int,
) -> tf.Tensor:
  """Computes `log_density` for groups of points that share their components.

  Each group has one condition, and its components are made once for each chunk
  of its points; with a condition for each point, they would be made for each
  point.

  Args:
    log_probs: As of `log_density`, of `[x, condition]`, `[n, *event]` and
      `[c]`, and of `[k, ...]`; returns `[n, k]`.
    x: `[G, N, *event]`.
    conditions: `[G, c]`.
    components: `[K, ...]`.
    log_weights: `[K]`.
    most: The most densities that are held at once, at least 1.

  Returns:
    `[G, N]`.
  """
  num_groups, num_points = conditions.shape[0], log_sum_chunks.length(x, axis=1)
  k = log_sum_chunks.even_size(
    log_weights.shape[0], most, densities_each=num_points
  )
  n = log_sum_chunks.even_size(num_points, most, densities_each=k)
  parts = [log_sum_chunks.cut(x[g], n) for g in range(num_groups)]
  repeats = log_sum_chunks.length(parts[0])
  chunks = [
    tf.concat(parts, 0),
    tf.repeat(conditions, repeats, axis=0),
    *_weighted_chunks(components, log_weights, k),
  ]
  sums = tf.reshape(
    log_sum_chunks.log_sums(log_probs)(*chunks), [num_groups, repeats * n]
  )
  return sums[:, :num_points]


def _weighted_chunks(components, log_weights, size):
  # Components that fill up the last chunk have weight 0.
  weights = log_sum_chunks.cut(log_weights, size, fill=float('-inf'))
  return log_sum_chunks.cut(components, size), weights


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
