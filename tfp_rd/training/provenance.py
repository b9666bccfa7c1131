# SPDX-License-Identifier: Apache-2.0
"""How a result came about: versions, device, and digests of its files."""

import hashlib
import pathlib
import platform
from collections.abc import Iterable
from typing import Any, Optional

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd import errors, version
from tfp_rd.run import elsewhere, result_file
from tfp_rd.training import checkpoint

__all__ = [
  'about_evaluation',
  'about_training',
  'check_images',
  'digest_of_images',
  'digest_of_splits',
  'versions',
]


def about_training(run, state, data) -> dict[str, Any]:
  """Returns what a result says besides its points.

  Args:
    run: The run.
    state: A `loop.State` at its end, the kept weights in the model.
    data: The run's `Dataset`.
  """
  program = state.program
  return {
    'versions': versions(),
    'seed': run.config.seed,
    'wall_time_s': float(state.seconds),
    'num_parameters': program.model.num_parameters,
    'image_shape': list(data.image_shape),
    'images_sha256': digest_of_splits(data),
    'weights_sha256': checkpoint.weights_sha256(program.model),
    'metrics_sha256': _file_digest(run.path / 'metrics.csv'),
    'device': _device(),
    'tf32': tf.config.experimental.tensor_float_32_execution_enabled(),
    'jit_compile': bool(program.is_compiled),
    'kept': {
      'step': int(state.selection.step) or run.config.training.num_steps,
      'is_averaged': bool(state.selection.is_averaged),
    },
    **elsewhere.read(run.path),
    **_entropy(data),
  }


def about_evaluation() -> dict[str, Any]:
  """Returns what measures a point: versions and device, never TF32."""
  return {**versions(), 'device': _device(), 'tf32': False}


def check_images(run, digest: str) -> None:
  """Refuses images that are not those of a run's result.

  Args:
    run: A finished run.
    digest: From `digest_of_splits`.

  Raises:
    HeldBackError: The run was evaluated on other images.
  """
  if run.result.get('images_sha256') not in (None, digest):
    raise errors.HeldBackError(
      f'{run.path} was evaluated with other images than those that are there '
      'now; put them back, or remove its result.json to train it again.'
    )


def versions() -> dict[str, str]:
  """Returns the versions of the packages that make a number."""
  return {
    'tfp_rd': version.__version__,
    'tensorflow': tf.__version__,
    'tensorflow_probability': tfp.__version__,
    'numpy': np.__version__,
    'python': platform.python_version(),
  }


def _device() -> str:
  """Returns the name of the device that computes."""
  gpus = tf.config.list_physical_devices('GPU')
  if not gpus:
    return 'CPU'
  details = tf.config.experimental.get_device_details(gpus[0])
  return details.get('device_name', 'GPU')


def _entropy(data):
  """Returns what is known of H: nothing but for a source."""
  if data.source is None:
    return {}
  entropy = data.source.entropy()
  return {
    'entropy_nats': entropy.nats,
    'entropy_stderr_nats': entropy.stderr_nats,
  }


def digest_of_images(arrays: Iterable[np.ndarray]) -> str:
  """Returns the SHA-256 of images: one name may hold several."""
  digest = hashlib.sha256()
  for array in arrays:
    digest.update(np.ascontiguousarray(array).tobytes())
  return digest.hexdigest()


def digest_of_splits(data) -> str:
  """Returns the SHA-256 of all images of a `Dataset`."""
  return digest_of_images(getattr(data, split) for split in result_file.SPLITS)


def _file_digest(path: pathlib.Path) -> Optional[str]:
  if not path.exists():
    return None
  return hashlib.sha256(path.read_bytes()).hexdigest()
