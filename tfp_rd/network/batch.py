# SPDX-License-Identifier: Apache-2.0
"""Merges leading axes into one batch axis, and restores them."""

from typing import Any, Optional

import tensorflow as tf

__all__ = ['ShapeError', 'broadcast_leading', 'flatten', 'restore', 'rows']


class ShapeError(ValueError):
  """Inputs have another shape than those that a network is for."""


def broadcast_leading(x: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
  """Broadcasts vectors `[..., c]` to the leading axes of `other [..., d]`."""
  leading = tf.shape(other)[:-1]
  full = tf.broadcast_to(x, tf.concat([leading, tf.shape(x)[-1:]], 0))
  return tf.ensure_shape(full, other.shape[:-1].concatenate(x.shape[-1:]))


def flatten(x: tf.Tensor, event_ndims: int) -> tuple[tf.Tensor, tf.Tensor]:
  """Merges all leading axes into one.

  Args:
    x: `[..., e1, ..., en]`, where `n = event_ndims`.
    event_ndims: Number of trailing axes to keep.

  Returns:
    flat: `[N, e1, ..., en]`.
    leading: Shape of the merged axes, for `restore`.
  """
  x = tf.convert_to_tensor(x)
  shape = x.shape if x.shape.is_fully_defined() else tf.shape(x)
  rank = x.shape.rank - event_ndims
  leading, event = shape[:rank], shape[rank:]
  if rank == 1:
    return x, leading
  return tf.reshape(x, tf.concat([[-1], event], 0)), leading


def restore(flat: tf.Tensor, leading: Any) -> tf.Tensor:
  """Undoes `flatten` for a tensor `[N, ...]`: returns `[*leading, ...]`."""
  rank = leading.shape[0] if tf.is_tensor(leading) else len(leading)
  if rank == 1:
    return flat
  event = flat.shape[1:]
  if not event.is_fully_defined():
    event = tf.shape(flat)[1:]
  return tf.reshape(flat, tf.concat([leading, event], 0))


def rows(x: Optional[tf.Tensor], leading: Any) -> Optional[tf.Tensor]:
  """Broadcasts vectors to given leading axes and merges these.

  Args:
    x: `[..., c]`, or `None`.
    leading: Shape of the leading axes.

  Returns:
    `[N, c]` where N is the product of `leading`; `None` for `None`.
  """
  if x is None:
    return None
  full = tf.broadcast_to(x, tf.concat([leading, tf.shape(x)[-1:]], 0))
  return tf.reshape(full, [-1, x.shape[-1]])
