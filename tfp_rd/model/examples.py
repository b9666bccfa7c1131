# SPDX-License-Identifier: Apache-2.0
"""Examples as users bring them: arrays, and data sets of tf.data that end."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_rd import errors
from tfp_rd.network import initial

__all__ = ['as_array']

# Of a data set whose length TensorFlow does not know.
_MOST_BYTES, _MOST_ELEMENTS = 8 * 2**30, 10_000_000


def as_array(examples: Any, model: Any, *, name: str = 'images') -> Any:
  """Returns the examples of a `tf.data.Dataset` as one array, others as given.

  Args:
    examples: An array, or a `tf.data.Dataset` of examples or of batches.
    model: The `LatentVariableModel` of these examples.
    name: What to call them.

  Returns:
    `[N, ...]`, which has to fit into memory.

  Raises:
    UserError: The data set has no end or holds more than images; or they are
      a generator, a record of three splits, or several arrays.
  """
  if hasattr(examples, 'evaluation_images'):
    raise errors.UserError(
      f'{name} is the data set {examples.name!r} of three splits; name one of '
      'them, as in data.test.'
    )
  if isinstance(examples, Iterator):
    raise errors.UserError(
      f'{name} is a {type(examples).__name__}, which can be read only once; '
      f'give an array, as in np.stack(list({name})), or a tf.data.Dataset.'
    )
  if isinstance(examples, tf.data.Dataset):
    return _gather(examples, model, name)
  _refuse_pair(examples, name)
  return examples


def _refuse_pair(examples, name):
  """Refuses (images, labels), and other arrays of several shapes."""
  try:
    np.shape(examples)
  except ValueError as e:
    raise errors.UserError(
      f'{name} is a {type(examples).__name__} that is no array; give an array '
      'whose first axis goes through the images, and labels, where an '
      'objective requires them, by labels=.'
    ) from e


def _elements(examples, name):
  """Yields the elements; a data set of unknown length may have no end."""
  if examples.cardinality() != tf.data.UNKNOWN_CARDINALITY:
    yield from examples.as_numpy_iterator()
    return
  num_bytes = 0
  for number, element in enumerate(examples.as_numpy_iterator()):
    num_bytes += np.asarray(element).nbytes
    if num_bytes > _MOST_BYTES or number >= _MOST_ELEMENTS:
      raise errors.UserError(
        f'{name} is a tf.data.Dataset of unknown length that has not ended '
        f'after {number:,} elements; give a part of it, as in '
        'dataset.take(1000), or say how long it is by '
        'tf.data.experimental.assert_cardinality.'
      )
    yield element


def _gather(examples, model, name):
  spec = examples.element_spec
  if not isinstance(spec, tf.TensorSpec):
    raise errors.UserError(
      f'{name} is a tf.data.Dataset of {_kinds(spec)}; map it to images alone, '
      'as in dataset.map(lambda image, label: image).'
    )
  if examples.cardinality() == tf.data.INFINITE_CARDINALITY:
    raise errors.UserError(
      f'{name} is a tf.data.Dataset without end; leave out its repeat(), or '
      'give a part of it, as in dataset.take(1000).'
    )
  elements = [*_elements(examples, name)]
  if not elements:
    raise errors.UserError(
      f'{name} is a tf.data.Dataset without elements; give at least one image.'
    )
  if np.ndim(elements[0]) > _example_rank(model):
    return np.concatenate(elements)
  return np.stack(elements)


def _kinds(spec):
  if isinstance(spec, tuple):
    return f'tuples of {len(spec)}'
  return f'elements of type {type(spec).__name__}'


def _example_rank(model):
  """Returns the rank of an example, from what the decoder makes of a code."""
  z = model.marginal().sample(1, seed=initial.as_seed(0))
  return model.decoder(z).event_shape.rank
