# SPDX-License-Identifier: Apache-2.0
"""The paper's models of the toy world, trained from many starts at once.

Encoder and decoder have 60 parameters each:

    e(z_i|x_j) ~ exp(-(w_i u_j - b_i)^2)
    d(x_j|z_i) ~ exp(-(v_j u_i - c_j)^2)

with u the scaled index of the variable that is given.  By the subscripts that
are printed in the paper, parameters of the decoder would belong to z; such a
decoder cannot draw the two humps of the paper's Figure 2b.  That reading is
`parametrization='condition'`.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy import special

from tfp_rd import errors, field
from tfp_rd.network import initial
from tfp_rd.toy import world as world_lib
from tfp_rd.training import optimizer

__all__ = ['INDEX_SCALES', 'PARAMETRIZATIONS', 'Recipe', 'train']

INDEX_SCALES = {
  'symmetric': (-1.0, 1.0),
  'unit': (0.0, 1.0),
  'raw': (0.0, 29.0),
}
PARAMETRIZATIONS = ('output', 'condition')
_LEAST_LOG = -700.0


@dataclasses.dataclass(frozen=True)
class Recipe:
  """Settings of the training that the paper does not print.

  Attributes:
    num_starts: Random starts, all trained at once.
    num_steps: Steps of Adam.
    learning_rate: Of Adam; from half of the steps on it falls linearly to 0.
    index_scale: The range of the scaled index: `'symmetric'` is [-1, 1],
      `'unit'` [0, 1] and `'raw'` [0, 29].
    parametrization: Which variable the parameters belong to: `'output'`, the
      one that is predicted, or `'condition'`, the one that is given.
    start_stddev: Standard deviation of all parameters at the start.
    seed: Integer.
  """

  num_starts: int = 10
  num_steps: int = 40_000
  learning_rate: float = 0.01
  index_scale: str = 'symmetric'
  parametrization: str = 'output'
  start_stddev: float = 1.0
  seed: int = 0

  def __post_init__(self):
    field.check_whole(self, 'num_starts', least=1)
    field.check_whole(self, 'num_steps', least=1)
    field.check_positive(self, 'learning_rate', 'start_stddev')
    field.check_choice(self, 'index_scale', INDEX_SCALES)
    field.check_choice(self, 'parametrization', PARAMETRIZATIONS)
    field.check_whole(self, 'seed')


def train(
  source: npt.ArrayLike, objectives: Sequence[Any], *, recipe: Recipe = Recipe()
) -> list[world_lib.Model]:
  """Trains every start of every objective in one compiled loop.

  R and D are sums over all x, so that steps have no noise and nothing is
  over-fitted.  Adam treats each parameter separately, so that starts do not
  affect each other.

  Args:
    source: `[X]`, p*(x).
    objectives: Records with a method `value(distortion, rate)`.
    recipe: A `Recipe`.

  Returns:
    The models of each objective.  Ten starts of three objectives take half a
    minute on two cores.

  Raises:
    UserError: A parameter is no longer finite.
  """
  starts = _Starts(len(source), len(objectives), recipe)
  adam = optimizer.Adam(dict(enumerate(starts.trainable_variables)))
  probabilities = tf.constant(source, tf.float32)

  def loss():
    distortion, rate = _distortion_and_rate(probabilities, *starts.log_probs())
    values = [
      objective.value(d, r)
      for objective, d, r in zip(
        objectives, tf.unstack(distortion), tf.unstack(rate), strict=True
      )
    ]
    return tf.reduce_sum(values)

  @tf.function(autograph=False, jit_compile=True)
  def run():
    def step(n):
      with tf.GradientTape() as tape:
        total = loss()
      gradients = tape.gradient(total, starts.trainable_variables)
      adam.update(
        gradients,
        optimizer.learning_rate_at(
          n, learning_rate=recipe.learning_rate, num_steps=recipe.num_steps
        ),
        n,
      )
      return (n + 1,)

    tf.while_loop(lambda n: n < recipe.num_steps, step, (0,))

  run.get_concrete_function()()  # Not counted as one more tracing.
  for variable in starts.trainable_variables:
    if not np.isfinite(variable).all():
      raise errors.UserError(
        'a parameter is no longer finite; lower learning_rate, which is '
        f'{recipe.learning_rate:g}.'
      )
  return starts.models()


class _Starts(tf.Module):
  """The parameters of all starts; every objective has the same starts."""

  def __init__(self, size, num_objectives, recipe):
    super().__init__()
    shape = [recipe.num_starts, size]
    seeds = initial.split(recipe.seed, 5)

    def variable(seed):
      start = tf.random.stateless_normal(
        shape, seed, stddev=recipe.start_stddev
      )
      return tf.Variable(tf.stack([start] * num_objectives))

    self.encoder = [variable(seed) for seed in seeds[:2]]
    self.decoder = [variable(seed) for seed in seeds[2:4]]
    self.marginal = variable(seeds[4])
    low, high = INDEX_SCALES[recipe.index_scale]
    self._index = tf.constant(np.linspace(low, high, size), tf.float32)
    self._is_output = recipe.parametrization == 'output'

  def log_probs(self):
    """Returns log e(z|x), log m(z) and log d(x|z), the given variable first."""
    return (
      self._table(*self.encoder),
      tf.nn.log_softmax(self.marginal),
      self._table(*self.decoder),
    )

  def _table(self, slope, offset):
    if self._is_output:
      inner = slope[..., tf.newaxis, :] * self._index[:, tf.newaxis]
      inner -= offset[..., tf.newaxis, :]
    else:
      inner = slope[..., tf.newaxis] * self._index - offset[..., tf.newaxis]
    return tf.nn.log_softmax(-(inner**2))

  def models(self):
    """Returns a `Model` for each objective."""
    # Normalised again in float64: float32 sums to 1 up to seven digits only,
    # and probabilities that underflow to 0 would make D infinite.
    tables = [
      special.softmax(np.maximum(np.float64(table), _LEAST_LOG), axis=-1)
      for table in self.log_probs()
    ]
    return [world_lib.Model(*row) for row in zip(*tables, strict=True)]


def _distortion_and_rate(source, log_encoder, log_marginal, log_decoder):
  """Returns exact D and R, each `[objectives, S]`."""
  encoder = tf.exp(log_encoder)
  rate = encoder * (log_encoder - log_marginal[..., tf.newaxis, :])
  distortion = -encoder * tf.linalg.matrix_transpose(log_decoder)
  return (
    tf.einsum('...xz,x->...', distortion, source),
    tf.einsum('...xz,x->...', rate, source),
  )
