# SPDX-License-Identifier: Apache-2.0
"""`fit.json`: what is trained in a folder, where nothing else may go on."""

import hashlib
import pathlib
from collections.abc import Mapping
from typing import Any, Optional

import numpy as np

from tfp_rd import errors
from tfp_rd.run import sealed

__all__ = ['NAME', 'claim', 'digest_of']

NAME = 'fit.json'
_WEIGHTS = 'initial_weights_sha256'


def digest_of(images) -> Optional[dict[str, Any]]:
  """Returns shape, type and SHA-256 of images, `None` for none."""
  if images is None:
    return None
  images = np.ascontiguousarray(images)
  return {
    'shape': list(images.shape),
    'dtype': images.dtype.name,
    'sha256': hashlib.sha256(images.tobytes()).hexdigest(),
  }


def claim(
  run_dir, settings: Mapping[str, Any], *, weights_sha256: str, resume: bool
) -> None:
  """Writes into a folder what is trained there, or refuses another's folder.

  Args:
    run_dir: The folder.
    settings: All that determines the training, as plain values.
    weights_sha256: Digest of the initial weights.
    resume: Whether other initial weights are all the same.

  Raises:
    UserError: The folder is of another training, and what differs; or its
      `fit.json` is damaged.
    OSError: The file cannot be written.
  """
  path = pathlib.Path(run_dir) / NAME
  what = {**settings, _WEIGHTS: weights_sha256}
  try:
    known = sealed.read_json(path)
  except FileNotFoundError:
    path.parent.mkdir(parents=True, exist_ok=True)
    sealed.write_json(path, what)
    return
  except errors.UserError as e:
    raise errors.UserError(
      f'{e} What is trained in {run_dir} is not known any more; name another '
      'run_dir, or remove this one to begin again.'
    ) from e
  differing = sorted(
    key for key in known.keys() | what.keys() if known.get(key) != what.get(key)
  )
  if resume and _WEIGHTS in differing:
    differing.remove(_WEIGHTS)
  if differing == [_WEIGHTS]:
    raise errors.UserError(
      f'{run_dir} was begun with other initial weights; make the model from '
      'the same seed, as in tfp_rd.build(..., seed=0), or with '
      'tf_keras.utils.set_random_seed(0) before a tf_keras model; or give '
      'resume=True to go on from the last checkpoint all the same; or name '
      'another run_dir.'
    )
  if differing:
    listed = '; '.join(_difference(k, known, what) for k in differing)
    raise errors.UserError(
      f'{run_dir} holds another training: {listed}. Name another run_dir.'
    )


def _difference(key, known, what):
  if key == _WEIGHTS:
    return 'initial weights are others'
  before, now = (_describe(values.get(key)) for values in (known, what))
  return f'{key} is {before} there and {now} here'


def _describe(value):
  """Returns a setting, or what images are, as text."""
  if not isinstance(value, dict):
    return repr(value)
  return f'{value["dtype"]} {value["shape"]} of SHA-256 {value["sha256"][:8]}'
