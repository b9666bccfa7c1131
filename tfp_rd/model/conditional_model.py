# SPDX-License-Identifier: Apache-2.0
"""One network for every beta of a range: a whole curve from one training.

The parts take features of log beta as their condition; at one beta they are an
ordinary `LatentVariableModel`, so that draws, measures and samples know nothing
of it.  Ours beyond [1]: marginals, flows and autoregressive decoders depend on
beta too.

#### References

[1]: Juhan Bae et al. Multi-Rate VAE: Train Once, Get the Full Rate-Distortion
     Curve. In _International Conference on Learning Representations_, 2023.
     https://arxiv.org/abs/2212.03905
"""

import math
import types
from collections.abc import Callable
from typing import Any, Optional, Union

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd import errors, field
from tfp_rd.model import condition as condition_lib
from tfp_rd.model import evaluation, examples, rate_search
from tfp_rd.model import latent_variable_model as model_lib
from tfp_rd.network import initial

__all__ = ['BETA_RANGE', 'ConditionalModel']

BETA_RANGE = (0.05, 10.0)


class ConditionalModel(tf.Module):
  """An encoder, a marginal and a decoder that depend on beta.

  `at(beta)` is the model at one beta, and shares all variables.  The parts are
  those of a `LatentVariableModel` that take the keyword `condition`, features
  of log beta as `tfp_rd.model.condition` has them; a part that does not take
  it is the same at every beta.

  Args:
    encoder: As of a `LatentVariableModel`.
    marginal: Likewise.
    decoder: Likewise.
    beta_range: The least and the largest beta that it is for.

  Raises:
    UserError: The range is empty, or not positive and finite; or a part is one
      that `LatentVariableModel` refuses.

  #### Examples

  ```python
  conditional = tfp_rd.build(
      '-+v', image_shape=(4, 4, 1), latent_size=2, conditional=True)
  images = tf.ones([8, 4, 4, 1])
  tfp_rd.fit(conditional, images, objective=tfp_rd.MultiRate(num_groups=2),
             batch_size=4, num_steps=2)
  point = tfp_rd.evaluate(conditional.at(0.5), images, num_samples=2)
  ```
  """

  def __init__(
    self,
    encoder: Callable[..., Any],
    marginal: Union[Callable[..., Any], tfp.distributions.Distribution],
    decoder: Callable[..., Any],
    *,
    beta_range: tuple[float, float] = BETA_RANGE,
  ):
    super().__init__()
    least, largest = map(float, beta_range)
    if not 0 < least < largest < math.inf:
      raise errors.UserError(
        f'beta_range is {beta_range}; give a positive number and a larger one.'
      )
    self.parts = model_lib.LatentVariableModel(encoder, marginal, decoder)
    self.beta_range = (least, largest)

  def at(
    self,
    beta: Union[float, npt.ArrayLike, tf.Tensor, tf.Variable],
    *,
    num_repeats: int = 1,
  ) -> model_lib.LatentVariableModel:
    """Returns the model at a beta.

    Args:
      beta: A number; or a variable, which is read at every use; or `[G]`.
      num_repeats: For how many neighbouring images each of `[G]` stands: the
        model then takes `G * num_repeats` images, and a VampPrior encodes its
        pseudo-inputs G times.

    Returns:
      A `tfp_rd.LatentVariableModel`.

    Raises:
      UserError: It is no number, or one outside of `beta_range`.
    """
    # A variable's value may change; a tensor in a graph has none yet.
    if not isinstance(beta, tf.Variable):
      known = tf.get_static_value(_as_tensor(beta))
      for value in np.ravel([] if known is None else known).tolist():
        self.check_beta(value)
    condition = condition_lib.Condition(
      beta, self.beta_range, self.dtype or tf.float32, num_repeats
    )
    return model_lib.LatentVariableModel(
      condition_lib.At(self.parts.encoder, condition),
      condition_lib.MarginalAt(self.parts.marginal, condition),
      condition_lib.At(self.parts.decoder, condition),
    )

  def at_variable(self) -> tuple[tf.Variable, model_lib.LatentVariableModel]:
    """Returns a variable, and the model at the beta that it holds."""
    beta = tf.Variable(
      self.beta_range[0], trainable=False, dtype=self.dtype or tf.float32
    )
    return beta, self.at(beta)

  def check_beta(self, beta: float) -> None:
    """Checks that a beta lies in the range.

    Raises:
      UserError: It does not.
    """
    least, largest = self.beta_range
    if not least * (1 - 1e-6) <= beta <= largest * (1 + 1e-6):
      raise errors.UserError(
        f'beta is {beta:g}; this model is for betas from {least:g} to '
        f'{largest:g}.'
      )

  def at_rate(
    self,
    rate_nats: float,
    images: npt.ArrayLike,
    *,
    num_samples: int = 16,
    seed: initial.Seed = 0,
    tolerance_nats: float = 0.05,
  ) -> tuple[model_lib.LatentVariableModel, float]:
    """Finds the model of a given rate.

    Args:
      rate_nats: Mean rate of the images that is wanted.
      images: `[N, ...]`, of the validation split.
      num_samples: Draws of z for each image.
      seed: Of the draws, the same at every beta.
      tolerance_nats: How near the rate must be.

    Returns:
      model: A `tfp_rd.LatentVariableModel`.
      beta: Where on the curve it is.  Costs some twenty evaluations of the
        images.

    Raises:
      UserError: No beta of the range has that rate, and which rates there are;
        the rate or the tolerance is no finite number; or the images are none
        that `evaluate` takes.

    Warns where the rate does not fall with beta.
    """
    wanted = types.SimpleNamespace(
      rate_nats=rate_nats, tolerance_nats=tolerance_nats
    )
    field.check_positive(wanted, 'rate_nats', or_zero=True)
    field.check_positive(wanted, 'tolerance_nats')
    variable, model = self.at_variable()
    images = examples.as_array(images, model)

    def rate_at(beta):
      variable.assign(beta)
      point = evaluation.evaluate(
        model, images, num_samples=num_samples, seed=seed
      )
      return point.rate_nats

    beta = rate_search.find_beta(
      rate_at,
      rate_nats,
      beta_range=self.beta_range,
      tolerance_nats=tolerance_nats,
    )
    return self.at(beta), beta

  @property
  def trainable_variables(self) -> tuple[tf.Variable, ...]:
    """The parts' trainable variables; those of frozen Keras layers are not."""
    return self.parts.trainable_variables

  @property
  def dtype(self) -> Optional[tf.DType]:
    """Type of the weights, `None` for a model without."""
    return self.parts.dtype

  @property
  def num_parameters(self) -> int:
    """Number of trainable numbers."""
    return self.parts.num_parameters


def _as_tensor(beta):
  try:
    tensor = tf.convert_to_tensor(beta)
  except (TypeError, ValueError):
    tensor = None
  if tensor is None or not (
    tensor.dtype.is_floating or tensor.dtype.is_integer
  ):
    raise errors.UserError(f'beta is {beta!r:.80}; expected a number.')
  return tensor
