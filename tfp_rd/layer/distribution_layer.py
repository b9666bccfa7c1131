# SPDX-License-Identifier: Apache-2.0
"""A distribution layer made from a `tf.Module` and restored from its config."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional

import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

__all__ = ['DistributionLayer']


class DistributionLayer(tfp.layers.DistributionLambda):
  """A `DistributionLambda` without a lambda.

  A layer derives from it and returns its module from `_make_part`.

  Args:
    convert_to_tensor_fn: Function of the distribution; returns the tensor that
      other layers use.
    config: The layer's own arguments by name, as JSON holds them.
    **kwargs: `name`, `dtype`, ... of any layer.
  """

  def __init__(
    self,
    convert_to_tensor_fn: Callable[..., Any],
    *,
    config: Mapping[str, Any],
    **kwargs: Any,
  ):
    # Densities are computed in the precision of the weights, even if a policy
    # of mixed precision casts the features.
    super().__init__(
      self._distribution, convert_to_tensor_fn, autocast=False, **kwargs
    )
    self._config = config

  def build(self, input_shape: Sequence[Optional[int]]) -> None:
    """Makes the module for inputs `[..., F]`."""
    size = input_shape[-1]
    self.input_spec = tf_keras.layers.InputSpec(min_ndim=2, axes={-1: size})
    self._part = self._make_part(size)
    # Keras saves variables that are attributes of the layer, but not those of
    # a module.
    self._part_variables = list(self._part.variables)
    super().build(input_shape)

  def get_config(self) -> dict[str, Any]:
    """Returns the arguments of the layer."""
    # `get_config` of a Lambda would pickle the function.
    return {**tf_keras.layers.Layer.get_config(self), **self._config}

  @classmethod
  def from_config(
    cls,
    config: Mapping[str, Any],
    custom_objects: Optional[Mapping[str, Any]] = None,
  ) -> 'DistributionLayer':
    """Makes the layer that `get_config` described, with initial weights."""
    del custom_objects
    return cls(**config)

  def _make_part(self, input_size):
    """Returns the module that maps `[..., input_size]` to a distribution."""
    raise NotImplementedError

  def _distribution(self, inputs):
    return self._part(tf.cast(inputs, self.variable_dtype))
