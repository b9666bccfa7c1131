# SPDX-License-Identifier: Apache-2.0
"""A latent-variable model is three distributions and nothing else.

What users bring is taken at the door: our parts as they are, any callable that
returns a `tfd.Distribution`, a plain distribution as marginal, `tf_keras`
models with or without `tfp.layers`.  What would train nothing, or count the
rate twice, is refused there by a sentence.
"""

from collections.abc import Callable
from typing import Any, Optional, Union

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd.model import coercion, variables

__all__ = ['LatentVariableModel']


class LatentVariableModel(tf.Module):
  """An encoder e(z|x), a marginal m(z) and a decoder d(x|z).

  `model.encoder(x)`, `model.marginal()` and `model.decoder(z)` return
  distributions.  No loss and no training lives here, and nothing derives from
  this class: what differs between models are their parts.

  Args:
    encoder: A callable from `x [B, ...]` to a distribution of batch shape
      `[B]`.
    marginal: A distribution of z, or a callable without arguments that returns
      one.
    decoder: A callable from `z [..., k]` to a distribution of x with batch
      shape `[...]`.

  Callables that take the keywords `condition` (a feature vector an example),
  `training`, or `seed` (of dropout) are given them.

  A distribution that is made once holds what it was made of: its scale is
  trained if it is a `tfp.util.TransformedVariable`, and not if it is
  `tf.nn.softplus(variable)`, of which there is a warning.

  Regularisers of layers of tf_keras, of their weights too, are added to the
  loss of `fit` as Keras adds them, and to nothing that is measured.

  Raises:
    UserError: A part cannot be called, is or holds a Keras 3 model, hides
      variables in a closure, adds a KL term of its own, or has variables of a
      `tf.distribute` strategy; or the marginal is a tf_keras model.

  #### Examples

  ```python
  model = LatentVariableModel(
      encoder=tf_keras.Sequential([
          tf_keras.layers.Flatten(input_shape=(28, 28, 1)),
          tf_keras.layers.Dense(tfpl.MultivariateNormalTriL.params_size(2)),
          tfpl.MultivariateNormalTriL(2)]),
      marginal=tfd.MultivariateNormalDiag(tf.zeros(2)),
      decoder=my_decoder)
  ```
  """

  def __init__(
    self,
    encoder: Callable[..., Any],
    marginal: Union[Callable[..., Any], tfp.distributions.Distribution],
    decoder: Callable[..., Any],
  ):
    super().__init__()
    self.encoder = coercion.as_part(encoder, 'encoder')
    self.marginal = coercion.as_part(marginal, 'marginal')
    self.decoder = coercion.as_part(decoder, 'decoder')

  @property
  def trainable_variables(self) -> tuple[tf.Variable, ...]:
    """The parts' trainable variables; those of frozen Keras layers are not."""
    return variables.trainable_variables(self)

  @property
  def dtype(self) -> Optional[tf.DType]:
    """Type of the weights, `None` for a model without."""
    types = (v.dtype for v in self.variables if v.dtype.is_floating)
    return next(types, None)

  @property
  def num_parameters(self) -> int:
    """Number of trainable numbers."""
    return sum(v.shape.num_elements() for v in self.trainable_variables)
