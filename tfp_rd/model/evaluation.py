# SPDX-License-Identifier: Apache-2.0
"""R, D and ELBO of a model on images, in passes of bounded size."""

import contextlib
import weakref
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfp_rd import point as point_lib
from tfp_rd import rate_distortion
from tfp_rd.model import fingerprint
from tfp_rd.network import initial

__all__ = [
  'Evaluation',
  'evaluate',
  'evaluate_examples',
  'evaluate_whole',
]

# Images, times draws in one pass of `evaluate`.
_ROWS_A_PASS = 1000

# Folded into the seed, so that no evaluation repeats the draws of training.
_EVALUATION = 24_301

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
  model, images, *, num_samples=16, seed=0, batch_size=250
) -> point_lib.Point:
  """Measures R, D and ELBO of a model on images.

  Products of float32 are not rounded to TF32 here, whatever training does.  The
  first call compiles the model, and so does one after a part or a plain
  attribute has changed; what is compiled is forgotten with the model.  Globals
  that a function of yours reads are not watched.

  Args:
    model: A `LatentVariableModel`.
    images: `[N, ...]`.
    num_samples: Draws of z for each image.
    seed: An integer or a pair.
    batch_size: Images in one pass.

  Returns:
    The point, with standard errors over images.  Dropout is off.  Its status is
    `estimate` where a part, or the distribution that it returns, has an
    attribute `density_status` of this value.
  """
  return evaluate_whole(
    model, images, num_samples=num_samples, seed=seed, batch_size=batch_size
  ).point


def evaluate_examples(
  model, images, *, num_samples=16, seed=0, batch_size=250
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
  model, images, *, num_samples=16, seed=0, batch_size=250
) -> Evaluation:
  """Measures a model on images, in the mean and image by image.

  Args:
    model: A `LatentVariableModel`.
    images: `[N, ...]`.
    num_samples: Draws of z for each image.
    seed: An integer or a pair.
    batch_size: Images in one pass.

  Raises:
    UserError: The model is a whole curve.
  """
  rate_distortion.refuse_curve(model)
  images = np.asarray(rate_distortion.as_examples(images, model.dtype))
  size = min(batch_size, len(images))
  at_once = _draws_at_once(size, num_samples)
  seed = initial.fold_in(seed, _EVALUATION)
  compiled = _compiled(model)
  results = []
  with _without_tf32():
    for n, start in enumerate(range(0, len(images), size)):
      x = images[start : start + size]
      # One shape, one trace: the last batch is filled up and cut again.
      x = tf.constant(np.concatenate([x, np.repeat(x[-1:], size - len(x), 0)]))
      batch_seed = initial.fold_in(seed, n)
      results.append(
        sum(
          compiled(x, initial.fold_in(batch_seed, m), at_once).numpy()
          for m in range(num_samples // at_once)
        )
      )
  nats = np.concatenate(results, axis=1)[:, : len(images)] / num_samples
  point = point_lib.Point.from_examples(
    *nats, num_samples=num_samples, status=compiled.status
  )
  return Evaluation(point, *nats)


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

  def __call__(self, x, seed, num_samples):
    """Returns sums over draws of rate and distortion, `[2, B]`."""
    key = (x.shape, x.dtype, num_samples)
    if key not in self._traced:

      def sum_of_draws(x, seed):
        draws = rate_distortion.draw(
          self._model(), x, num_samples=num_samples, seed=seed
        )
        self.status = _status(self._model(), draws)
        nats = tf.stack([draws.rate, draws.distortion])
        return tf.reduce_sum(tf.cast(nats, tf.float64), axis=1)

      compiled = tf.function(sum_of_draws, autograph=False)
      self._traced[key] = compiled.get_concrete_function(x, seed)
      # A first call may set attributes of its own, as layers of tf_keras do.
      _COMPILED[self._model()] = fingerprint.fingerprint(self._model()), self
    return self._traced[key](x, seed)


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


@contextlib.contextmanager
def _without_tf32() -> Iterator[None]:
  settings = tf.config.experimental
  before = settings.tensor_float_32_execution_enabled()
  settings.enable_tensor_float_32_execution(False)  # noqa: FBT003
  try:
    yield
  finally:
    settings.enable_tensor_float_32_execution(before)


def _draws_at_once(num_images, num_samples):
  """Returns how many draws one pass takes: a divisor of their number."""
  most = max(1, _ROWS_A_PASS // num_images)
  return max(n for n in range(1, most + 1) if num_samples % n == 0)
