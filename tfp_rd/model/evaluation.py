# SPDX-License-Identifier: Apache-2.0
"""R, D and ELBO of a model on images, in passes of bounded size."""

import weakref
from typing import NamedTuple, TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfp_rd import agreement, argument, errors, field, rate_distortion
from tfp_rd import point as point_lib
from tfp_rd.model import condition, examples, fingerprint, passes
from tfp_rd.network import initial, precision

if TYPE_CHECKING:
  from tfp_rd.model.latent_variable_model import LatentVariableModel

__all__ = [
  'Evaluation',
  'evaluate',
  'evaluate_examples',
  'evaluate_whole',
]

# The compiled evaluation of each model, with the fingerprint that it had.
_COMPILED = weakref.WeakKeyDictionary()


class Evaluation(NamedTuple):
  """What `evaluate_whole` returns.

  Attributes:
    point: Means over the images.
    rate_nats: `[N]`, rate of each image, averaged over its draws.
    distortion_nats: `[N]`, likewise.
  """

  point: point_lib.Point
  rate_nats: np.ndarray
  distortion_nats: np.ndarray


def evaluate(
  model: 'LatentVariableModel',
  images: npt.ArrayLike,
  *,
  num_samples: int = 16,
  seed: initial.Seed = 0,
  batch_size: int = 250,
) -> point_lib.Point:
  """Measures R, D and ELBO of a model on images.

  Products of float32 are not rounded to TF32 here, whatever training does.  The
  first call compiles the model, and so does one after a part or a plain
  attribute has changed; what is compiled is forgotten with the model.  Globals
  that a function of yours reads are not watched.

  Args:
    model: A `LatentVariableModel`.
    images: `[N, ...]`, or a `tf.data.Dataset` that ends and fits into memory.
    num_samples: Draws of z for each image.
    seed: An integer or a pair.
    batch_size: Images in one pass.

  Returns:
    The point, with standard errors over images.  Dropout is off.  Its status is
    `estimate` where a part, or the distribution that it returns, has an
    attribute `density_status` of this value.

  Raises:
    UserError: The images are not finite, are no bits where the decoder is a
      distribution of bits, or do not fit the model; the model is a whole curve
      or at several betas; a part returns what is no part, see `draw`.
  """
  return evaluate_whole(
    model, images, num_samples=num_samples, seed=seed, batch_size=batch_size
  ).point


def evaluate_examples(
  model: 'LatentVariableModel',
  images: npt.ArrayLike,
  *,
  num_samples: int = 16,
  seed: initial.Seed = 0,
  batch_size: int = 250,
) -> tuple[np.ndarray, np.ndarray]:
  """Measures rate and distortion of each image.

  Args:
    model: A `LatentVariableModel`.
    images: `[N, ...]`.
    num_samples: Draws of z for each image.
    seed: An integer or a pair.
    batch_size: Images in one pass.

  Returns:
    rate_nats: `[N]`, mean over the draws.
    distortion_nats: `[N]`, likewise.
  """
  _, rate, distortion = evaluate_whole(
    model, images, num_samples=num_samples, seed=seed, batch_size=batch_size
  )
  return rate, distortion


def evaluate_whole(
  model: 'LatentVariableModel',
  images: npt.ArrayLike,
  *,
  num_samples: int = 16,
  seed: initial.Seed = 0,
  batch_size: int = 250,
) -> Evaluation:
  """Measures a model on images, in the mean and image by image.

  Args:
    model: A `LatentVariableModel`.
    images: `[N, ...]`.
    num_samples: Draws of z for each image.
    seed: An integer or a pair.
    batch_size: Images in one pass.

  Raises:
    UserError: As of `evaluate`.
  """
  rate_distortion.refuse_curve(model)
  _refuse_several_betas(model)
  num_samples = field.whole('num_samples', num_samples, least=1)
  batch_size = field.whole('batch_size', batch_size, least=1)
  images = examples.as_array(images, model)
  images = np.asarray(rate_distortion.as_examples(images, model.dtype))
  argument.check_examples(images, 'images')
  plan = passes.plan(
    len(images),
    num_samples=num_samples,
    seed=argument.seed(seed),
    batch_size=batch_size,
  )
  at_once = plan.draws_at_once
  compiled = _compiled(model)
  results = []
  with precision.without_tf32():
    compiled.trace(tf.constant(plan.batch(images, 0)), plan.seed, at_once)
    if compiled.takes_bits:
      argument.check_bits(images, 'images')
    for n in range(plan.num_batches):
      x = tf.constant(plan.batch(images, n))  # One shape, one trace.
      results.append(
        sum(compiled(x, s, at_once).numpy() for s in plan.seeds(n))
      )
  nats = np.concatenate(results, axis=1)[:, : len(images)] / num_samples
  point = point_lib.Point.from_examples(
    *nats, num_samples=num_samples, status=compiled.status
  )
  return Evaluation(point, *nats)


def _refuse_several_betas(model):
  num_betas = condition.num_betas(model.encoder)
  if num_betas > 1:
    raise errors.UserError(
      f'the model is at {num_betas} betas, and a point is of one; evaluate it '
      'at each, as in [tfp_rd.evaluate(model.at(b), images) for b in betas].'
    )


def _compiled(model):
  """Returns the compiled sums of a model, made anew where it has changed."""
  mark = fingerprint.fingerprint(model)
  known, compiled = _COMPILED.get(model, (None, None))
  if compiled is None or known != mark:
    compiled = _Compiled(model)
    _COMPILED[model] = mark, compiled
  return compiled


class _Compiled:
  """The compiled sums of draws of a model, which it does not keep alive."""

  def __init__(self, model):
    self._model = weakref.ref(model)
    self._traced = {}
    self.status = {}
    self.takes_bits = False

  def __call__(self, x, seed, num_samples):
    """Returns sums over draws of rate and distortion, `[2, B]`."""
    return self.trace(x, seed, num_samples)(x, seed)

  def trace(self, x, seed, num_samples):
    """Returns the compiled sums for arguments of these shapes."""
    key = (x.shape, x.dtype, num_samples)
    if key not in self._traced:

      def sum_of_draws(x, seed):
        draws = rate_distortion.draw(
          self._model(), x, num_samples=num_samples, seed=seed
        )
        self.status = _status(self._model(), draws)
        self.takes_bits = agreement.takes_bits(draws.decoding)
        return passes.sum_of_draws(draws)

      compiled = tf.function(sum_of_draws, autograph=False)
      self._traced[key] = compiled.get_concrete_function(x, seed)
      # A first call may set attributes of its own, as layers of tf_keras do.
      _COMPILED[self._model()] = fingerprint.fingerprint(self._model()), self
    return self._traced[key]


def _status(model, draws):
  """Returns the status of what rests on a density that is an estimate."""
  rate = _is_estimate(model.encoder, draws.encoding) or _is_estimate(
    model.marginal, draws.marginal
  )
  distortion = _is_estimate(model.decoder, draws.decoding)
  estimates = {
    'rate_nats': rate,
    'distortion_nats': distortion,
    'elbo_nats': rate or distortion,
  }
  return {name: 'estimate' for name, is_one in estimates.items() if is_one}


def _is_estimate(part, distribution):
  """Whether a part, a part inside of it, or its distribution says so."""
  said = (
    getattr(value, 'density_status', 'exact')
    for value in (distribution, part, *part.submodules)
  )
  return 'estimate' in said
