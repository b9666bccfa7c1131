# SPDX-License-Identifier: Apache-2.0
"""Losses that layers of tf_keras add: of their weights, or of their last call.

`kernel_regularizer`, `activity_regularizer` and `add_loss` make them; Keras'
own training adds them to its loss, and so does ours.
"""

from collections.abc import Collection

import tensorflow as tf

__all__ = ['is_keras_3', 'is_tf_keras', 'of', 'outermost']


def is_keras_3(value) -> bool:
  """Whether a value is of Keras 3, whose variables no tf.Module sees."""
  return any(c.__module__.split('.')[0] == 'keras' for c in type(value).__mro__)


def is_tf_keras(value) -> bool:
  """Whether a value is a layer or model of tf_keras."""
  modules = {c.__module__.split('.')[0] for c in type(value).__mro__}
  return 'tf_keras' in modules and hasattr(type(value), 'non_trainable_weights')


def outermost(part, *, but: Collection = ()) -> list:
  """Returns the layers and models of tf_keras that no other one holds.

  Args:
    part: A `tf.Module`.
    but: Modules that do not count.
  """
  modules = (part, *part.submodules) if isinstance(part, tf.Module) else ()
  layers = [m for m in modules if is_tf_keras(m)]
  inner = {id(m) for layer in layers for m in layer.submodules if m != layer}
  inner |= {id(m) for m in but}
  return [layer for layer in layers if id(layer) not in inner]


def of(part, *, but: Collection = ()) -> list[tf.Tensor]:
  """Returns the losses of a part's layers, right after the part was called.

  The next call forgets those of this one, so that they have to be taken before
  the part is called again, as a VampPrior does.

  Args:
    part: A `tf.Module`.
    but: Modules whose losses do not count.

  Returns:
    Scalars of the graph that is being traced; none that an earlier graph left.
  """
  return [
    loss
    for layer in outermost(part, but=but)
    for loss in layer.losses
    if _is_here(loss)
  ]


def _is_here(loss):
  if tf.executing_eagerly():
    return True
  return getattr(loss, 'graph', None) is tf.compat.v1.get_default_graph()
