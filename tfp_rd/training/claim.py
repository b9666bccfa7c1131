# SPDX-License-Identifier: Apache-2.0
"""`fit.json`: what is trained in a folder, where nothing else may go on."""

import hashlib
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

import numpy as np

from tfp_rd import errors
from tfp_rd.run import atomic_file, sealed
from tfp_rd.training import checkpoint, folder

__all__ = [
  'Claim',
  'claim',
  'digest_of',
  'is_claimed',
  'leave',
  'withdraw',
]

_NAME = 'fit.json'
_LAST = 'last_weights_sha256'
_WEIGHTS = 'initial_weights_sha256'
_STEPS = 'num_steps'
# Of the trainings that a longer one went on from.
_BEFORE = 'num_steps_before'


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


def is_claimed(run_dir) -> bool:
  """Whether something is trained in a folder; true for no folder at all."""
  return run_dir is None or (pathlib.Path(run_dir) / _NAME).exists()


class Claim(NamedTuple):
  """What is trained in a folder.

  Attributes:
    owner: SHA-256 of it, by which its checkpoints are known.
    origin: The training with fewer steps that it goes on from, or `None`.
    former: What `fit.json` held before; `None` where it was not there.
  """

  owner: str
  origin: Optional[folder.Origin] = None
  former: Optional[bytes] = None


def claim(
  run_dir, settings: Mapping[str, Any], *, weights_sha256: str, resume: bool
) -> Claim:
  """Writes into a folder what is trained there, or refuses another's folder.

  A finished training of the same settings but for fewer steps is gone on with:
  the folder is then that of the longer one.

  Args:
    run_dir: The folder, or `None`.
    settings: All that determines the training, as plain values.
    weights_sha256: Digest of the initial weights.
    resume: Whether other initial weights are all the same.

  Returns:
    What is trained, with what went before.

  Raises:
    UserError: The folder is of another training, and what differs; or its
      `fit.json` is damaged.
    OSError: The file cannot be written.
  """
  if run_dir is None:
    return _claim_of(run_dir, settings, ())
  path = pathlib.Path(run_dir) / _NAME
  what = {**settings, _WEIGHTS: weights_sha256}
  try:
    former = sealed.read_bytes(path)
    known = sealed.parse(former, path)
  except FileNotFoundError:
    path.parent.mkdir(parents=True, exist_ok=True)
    sealed.write_json(path, what)
    return _claim_of(run_dir, settings, ())
  except errors.UserError as e:
    raise errors.UserError(
      f'{e} What is trained in {run_dir} is not known any more; name another '
      'run_dir, or remove this one to begin again.'
    ) from e
  known, before = dict(known), tuple(known.get(_BEFORE, ()))
  known.pop(_BEFORE, None)
  is_last = known.pop(_LAST, None) == weights_sha256
  if is_last and checkpoint.last_step(path.parent / 'checkpoint'):
    what[_WEIGHTS] = known.get(_WEIGHTS)  # The very model, once more.
  if _is_longer(run_dir, known, what):
    before = (*before, known[_STEPS])
    known[_STEPS] = what[_STEPS]
    _check(run_dir, known, what, resume=resume)
    sealed.write_json(path, {**known, _BEFORE: [*before]})
  else:
    _check(run_dir, known, what, resume=resume)
  return _claim_of(run_dir, settings, before)._replace(former=former)


def withdraw(run_dir, claimed: Claim) -> None:
  """Gives a folder back what it held before a claim that led to no step."""
  if claimed.former is not None:
    atomic_file.write_atomically(pathlib.Path(run_dir) / _NAME, claimed.former)


def leave(run_dir, model) -> None:
  """Notes the weights that a model is left with, so that it may go on.

  Args:
    run_dir: The folder, or `None`.
    model: The model after the training, or after a part of it.
  """
  if run_dir is not None:
    path, last = pathlib.Path(run_dir) / _NAME, checkpoint.weights_sha256(model)
    sealed.write_json(path, {**sealed.read_json(path), _LAST: last})


def _claim_of(run_dir, settings, before):
  """Returns the claim of a training that went on at the steps `before`."""
  if not before:
    return Claim(sealed.digest(settings))
  first = _claim_of(run_dir, {**settings, _STEPS: before[-1]}, before[:-1])
  origin = folder.Origin(pathlib.Path(run_dir), first.owner, before[-1])
  return Claim(sealed.digest({**settings, _BEFORE: [*before]}), origin)


def _is_longer(run_dir, known, what) -> bool:
  """Whether more steps are asked of what is there; refuses it half done."""
  there = known.get(_STEPS)
  others = _differing(known, what) - {_STEPS, _WEIGHTS}
  if others or not isinstance(there, int) or there >= what[_STEPS]:
    return False
  last = checkpoint.last_step(pathlib.Path(run_dir) / 'checkpoint')
  if last == there:
    return True
  raise errors.UserError(
    f'{run_dir} holds a training of {there} steps that is at step {last}; '
    f'finish it with num_steps={there} before it goes on to {what[_STEPS]}, or '
    'name another run_dir.'
  )


def _check(run_dir, known, what, *, resume):
  """Refuses a training that is not the one that is known."""
  differing = sorted(_differing(known, what))
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


def _differing(known, what):
  keys = known.keys() | what.keys()
  return {key for key in keys if known.get(key) != what.get(key)}


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
