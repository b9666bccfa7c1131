# SPDX-License-Identifier: Apache-2.0
"""What a run reconstructs and generates, in `pictures.npz` beside its result.

Pixels are bits, eight in a byte.  The file names the weights that drew them,
and has a digest of all else in it.  No TensorFlow here.
"""

import hashlib
import io
import math
from collections.abc import Mapping
from typing import NamedTuple, Optional, TYPE_CHECKING

import numpy as np

from tfp_rd import errors
from tfp_rd.run import atomic_file, sealed

if TYPE_CHECKING:
  from tfp_rd.run import directory

__all__ = ['NAME', 'Pictures', 'read', 'read_of_weights', 'write']

NAME = 'pictures.npz'
_DIGEST = 'sha256'
_ARRAYS = ('images', 'reconstructions', 'generations')


class Pictures(NamedTuple):
  """The pictures of a run at one beta.

  Attributes:
    images: Test images, `[N, H, W]`, of bool.
    reconstructions: `[R, N, H, W]`: R draws of each, at a draw of its z.
    generations: `[G, H, W]`, at draws of z from the marginal.
  """

  images: np.ndarray
  reconstructions: np.ndarray
  generations: np.ndarray


def write(
  run: 'directory.Run',
  pictures: Mapping[Optional[float], Pictures],
  *,
  seed: int,
  weights_sha256: str,
) -> None:
  """Writes the pictures of a run, whole or not at all.

  Args:
    run: The run.
    pictures: By beta, `None` for a run without; all of the same images.
    seed: From which they were drawn.
    weights_sha256: Digest of the weights that drew them.

  Raises:
    OSError: The file cannot be written.
  """
  first, *_ = pictures.values()
  betas = sorted(pictures, key=lambda beta: beta or 0.0)
  arrays = {
    'beta': np.array([math.nan if b is None else b for b in betas]),
    'shape': np.array(first.images.shape[1:]),
    'seed': np.array(seed),
    'weights_sha256': np.array(weights_sha256),
    'images': _pack(first.images),
  }
  for name in _ARRAYS[1:]:
    drawn = [_pack(getattr(pictures[beta], name)) for beta in betas]
    arrays[name] = np.stack(drawn)
  buffer = io.BytesIO()
  np.savez_compressed(buffer, **arrays, **{_DIGEST: np.array(_digest(arrays))})
  atomic_file.write_atomically(run.path / NAME, buffer.getvalue())


def read(run: 'directory.Run') -> Mapping[Optional[float], Pictures]:
  """Reads the pictures of a finished run.

  Args:
    run: The run.

  Returns:
    The pictures at each beta that has some; none if there is no file.

  Raises:
    UserError: The file is damaged, or of other weights than the result.
  """
  return read_of_weights(run, run.result.get('weights_sha256'))


def read_of_weights(
  run: 'directory.Run', weights_sha256: Optional[str]
) -> Mapping[Optional[float], Pictures]:
  """Reads the pictures that some weights drew; see `read`."""
  path = run.path / NAME
  try:
    arrays = _read_arrays(sealed.read_bytes(path), path)
  except FileNotFoundError:
    return {}
  if str(arrays['weights_sha256']) != weights_sha256:
    raise errors.UserError(
      f'{path} shows pictures of other weights than those of the result; '
      '`tfp-rd sample --keep` draws them anew.'
    )
  return {
    None if math.isnan(beta) else beta: Pictures(
      *(_unpack(a, arrays['shape']) for a in (arrays['images'], *drawn))
    )
    for beta, *drawn in zip(
      arrays['beta'].tolist(), *(arrays[n] for n in _ARRAYS[1:]), strict=True
    )
  }


def _read_arrays(content, path):
  try:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
      arrays = dict(file)
    if str(arrays.pop(_DIGEST)) != _digest(arrays):
      raise ValueError('its digest is another')
    for name in ('beta', 'shape', 'weights_sha256', *_ARRAYS):
      arrays[name]  # noqa: B018 (a KeyError is what is asked for)
    return arrays
  except Exception as e:  # Whatever NumPy meets in a damaged archive.
    raise errors.UserError(
      f'{path} is corrupt ({e!s:.80}); `tfp-rd sample --keep` draws the '
      'pictures anew.'
    ) from e


def _digest(arrays):
  """Returns the SHA-256 of arrays: names, types, shapes and values."""
  digest = hashlib.sha256()
  for name in sorted(arrays):
    array = np.ascontiguousarray(arrays[name])
    digest.update(f'{name} {array.dtype.str} {array.shape};'.encode())
    digest.update(array.tobytes())
  return digest.hexdigest()


def _pack(images):
  """Packs bits `[..., H, W]` to bytes `[..., ceil(H W / 8)]`."""
  flat = np.reshape(images, [*images.shape[:-2], -1])
  return np.packbits(flat.astype(bool), axis=-1)


def _unpack(packed, shape):
  num = int(np.prod(shape))
  flat = np.unpackbits(packed, axis=-1, count=num).astype(bool)
  return flat.reshape([*packed.shape[:-1], *shape])
