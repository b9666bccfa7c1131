# SPDX-License-Identifier: Apache-2.0
"""What of a run's evaluation is written: `examples.npz`, then `result.json`."""

import functools
import hashlib
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TYPE_CHECKING

import numpy as np

from tfp_rd.run import atomic_file, result_file, sealed

if TYPE_CHECKING:
  from tfp_rd.run import directory

__all__ = ['Evaluated', 'Images', 'OF_AN_EVALUATION', 'publish', 'read']

_ARRAYS = ('rate_nats', 'distortion_nats')
# Entries of a result that another evaluation replaces.
OF_AN_EVALUATION = {
  'evaluated_with',
  *('schema', 'config', 'examples_sha256', 'test_images_sha256', 'points'),
  *result_file.SPLITS,
}


class Evaluated(NamedTuple):
  """One point of a run: its records, and its test images one by one."""

  entry: dict[str, Any]
  rate: np.ndarray
  distortion: np.ndarray


class Images:
  """The images of each split on which a run is evaluated."""

  def __init__(self, config, data):
    self._splits = {
      split: data.evaluation_images(split, count=config.evaluation.count(split))
      for split in result_file.SPLITS
    }
    self._source = data.source

  def __getitem__(self, split) -> np.ndarray:
    return self._splits[split]

  @functools.cached_property
  def log_prob(self) -> dict[str, np.ndarray]:
    """Of the test images, where the source is known."""
    if self._source is None:
      return {}
    return {'log_prob_nats': self._source.log_prob(self['test'])}


def read(run: 'directory.Run') -> list[Evaluated]:
  """Returns the points that a result has."""
  arrays = run.examples
  columns = zip(*(arrays[name] for name in _ARRAYS), strict=True)
  return [
    Evaluated(dict(entry), *values)
    for entry, values in zip(run.result['points'], columns, strict=True)
  ]


def publish(
  run: 'directory.Run',
  points: Sequence[Evaluated],
  images: Images,
  about: Mapping[str, Any],
) -> None:
  """Writes the images one by one, then the result, which names their digest."""
  content = _examples(points, images, about['weights_sha256'])
  digest = hashlib.sha256(content).hexdigest()
  # What the present result names stays until it is replaced.
  new = run.path / f'examples_{digest[:8]}.npz'
  atomic_file.write_atomically(new, content)
  result = {
    'schema': 1,
    'config': run.config.to_dict(),
    **about,
    'examples_sha256': digest,
    'points': [point.entry for point in points],
    **_nearest_to_elbo(points),
  }
  sealed.write_json(run.path / 'result.json', result)
  new.replace(run.path / 'examples.npz')
  for old in run.path.glob('examples_*.npz'):
    old.unlink()


def _nearest_to_elbo(points):
  """Returns the splits of the point whose beta is nearest to the ELBO's."""

  def distance(point):
    beta = point.entry['beta']
    return 0.0 if beta is None else abs(math.log(beta))

  first = min(points, key=distance).entry
  return {split: first[split] for split in result_file.SPLITS}


def _examples(points, images, weights_sha256) -> bytes:
  """Returns the content of `examples.npz`."""
  betas = [point.entry['beta'] for point in points]
  arrays = {
    'beta': np.array([math.nan if b is None else b for b in betas]),
    'rate_nats': np.stack([point.rate for point in points]),
    'distortion_nats': np.stack([point.distortion for point in points]),
    **images.log_prob,
  }
  for name in arrays.keys() - {'beta'}:
    # Half the space, and a millionth of a nat.
    arrays[name] = arrays[name].astype(np.float32)
  if weights_sha256 is not None:
    arrays['weights_sha256'] = np.array(weights_sha256)
  buffer = io.BytesIO()
  np.savez_compressed(buffer, **arrays)
  return buffer.getvalue()
