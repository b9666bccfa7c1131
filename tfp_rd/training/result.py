# SPDX-License-Identifier: Apache-2.0
"""The result of a run: its points, and every test image by itself."""

import hashlib
import io
import json
import math
import platform
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd import objective as objective_lib
from tfp_rd import point as point_lib
from tfp_rd import rate_distortion, version
from tfp_rd.model import conditional_model
from tfp_rd.network import initial
from tfp_rd.run import atomic_file
from tfp_rd.training import checkpoint

__all__ = ['write']

_SPLITS = ('train', 'validation', 'test')


def write(run, state, data) -> Mapping[str, Any]:
  """Evaluates the kept weights and writes what remains of a run's files.

  Args:
    run: The run; its `result.json` is written last.
    state: A `loop.State` at its end, the kept weights in the model.
    data: The run's `Dataset`.

  Returns:
    The content of `result.json`.

  Raises:
    FloatingPointError: A rate or distortion is not finite.
    OSError: A file cannot be written.
  """
  model = state.program.model
  checkpoint.write_weights(model, run.path / 'checkpoint' / 'kept')
  points, examples = [], []
  for beta, at_beta in _models(model, run.config):
    nats = {s: _evaluate(run.config, at_beta, data, s) for s in _SPLITS}
    points.append({'beta': beta, **_records(run, nats)})
    examples.append((beta, *nats['test']))
  buffer = io.BytesIO()
  names = ('beta', 'rate_nats', 'distortion_nats')
  columns = zip(*examples, strict=True)
  arrays = dict(zip(names, map(np.stack, columns), strict=True))
  if data.source is not None:
    test = _images(run.config, data, 'test')
    arrays['log_prob_nats'] = data.source.log_prob(test)
  for name in arrays.keys() - {'beta'}:
    # Half the space, and a millionth of a nat.
    arrays[name] = arrays[name].astype(np.float32)
  np.savez_compressed(buffer, **arrays)
  atomic_file.write_atomically(run.path / 'examples.npz', buffer.getvalue())
  result = _result(run, state, data, points)
  atomic_file.write_atomically(
    run.path / 'result.json', json.dumps(result, indent=1, allow_nan=False)
  )
  return result


def _models(model, config):
  """Yields each beta of the result, and the model at it until the next."""
  if not isinstance(model, conditional_model.ConditionalModel):
    yield config.beta, model
    return
  slide = conditional_model.Slide(model)
  objective = objective_lib.parse(config.objective)
  for beta in config.evaluation.eval_betas or objective.betas():
    yield beta, slide.to(beta)


def _records(run, nats):
  """Returns the record of each split's point."""
  points = {
    split: point_lib.Point.from_examples(
      *values, num_samples=run.config.evaluation.eval_samples
    )
    for split, values in nats.items()
  }
  for split, point in points.items():
    if not math.isfinite(point.elbo_nats):
      raise FloatingPointError(
        f'rate or distortion of {run.path.name} is not finite on the {split} '
        'split; lower the learning rate, or train it with another seed.'
      )
  return {split: point.to_dict() for split, point in points.items()}


def _result(run, state, data, points):
  # The result's own splits are those of the beta nearest to the ELBO's.
  first = min(points, key=lambda entry: abs(math.log(entry['beta'])))
  return {
    'schema': 1,
    'config': json.loads(run.config.to_json()),
    'versions': {
      'tfp_rd': version.__version__,
      'tensorflow': tf.__version__,
      'tensorflow_probability': tfp.__version__,
      'numpy': np.__version__,
      'python': platform.python_version(),
    },
    'seed': run.config.seed,
    'wall_time_s': float(state.seconds),
    'num_parameters': state.program.model.num_parameters,
    'image_shape': list(data.image_shape),
    'images_sha256': _digest(getattr(data, split) for split in _SPLITS),
    # By which runs on the same images are known, to be paired.
    'test_images_sha256': _digest([_images(run.config, data, 'test')]),
    'jit_compile': bool(state.program.is_compiled),
    'kept': {
      'step': int(state.selection.step) or run.config.training.num_steps,
      'is_averaged': bool(state.selection.is_averaged),
    },
    **_entropy(data),
    'points': points,
    **{split: first[split] for split in _SPLITS},
  }


def _entropy(data):
  """Returns what is known of H: nothing but for a source."""
  if data.source is None:
    return {}
  entropy = data.source.entropy()
  return {
    'entropy_nats': entropy.nats,
    'entropy_stderr_nats': entropy.stderr_nats,
  }


def _digest(arrays):
  """Returns a digest of images: the same name may hold other ones."""
  digest = hashlib.sha256()
  for array in arrays:
    digest.update(np.ascontiguousarray(array).tobytes())
  return digest.hexdigest()


def _images(config, data, split):
  return data.evaluation_images(split, count=config.evaluation.eval_examples)


def _evaluate(config, model, data, split):
  """Returns rate and distortion of each image of a split."""
  return rate_distortion.evaluate_examples(
    model,
    _images(config, data, split),
    num_samples=config.evaluation.eval_samples,
    seed=initial.fold_in(config.seed, 3 + _SPLITS.index(split)),
  )
