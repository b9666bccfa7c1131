# SPDX-License-Identifier: Apache-2.0
"""Finished runs whose numbers a test makes up, and damaged files."""

import hashlib
import io
import random

import numpy as np

from tfp_rd.run import atomic_file, sealed

NUM_FLIPS = 200
SPLITS = ('train', 'validation', 'test')


def finish(run, entries, *, examples=None, **fields):
  """Writes `examples.npz` and a result of these points, and returns the run.

  Args:
    run: Made by `create_run`.
    entries: Records of points, as `result.json` has them.
    examples: Arrays; by default a number for each point and two images.
    **fields: Further entries of the result, or others in place of those here.
  """
  if examples is None:
    betas = [entry.get('beta') for entry in entries]
    rate = np.ones([len(betas), 2], np.float32)
    examples = {
      'beta': np.array([np.nan if b is None else b for b in betas]),
      'rate_nats': rate,
      'distortion_nats': 2 * rate,
    }
  buffer = io.BytesIO()
  np.savez(buffer, **examples)
  content = buffer.getvalue()
  atomic_file.write_atomically(run.path / 'examples.npz', content)
  result = {
    'schema': 1,
    'config': run.config.to_dict(),
    'image_shape': [8, 8, 1],
    'weights_sha256': None,
    'metrics_sha256': None,
    'examples_sha256': hashlib.sha256(content).hexdigest(),
    'points': list(entries),
    **fields,
  }
  sealed.write_json(run.path / 'result.json', result)
  return run


def entry(point, beta):
  """Returns the record of one point, the same on every split."""
  return {'beta': beta, **dict.fromkeys(SPLITS, point)}


def entries_of(run, point):
  """Returns records of a point at each beta that the run is evaluated at."""
  betas = [run.config.beta]
  if run.config.objective.is_curve:
    evaluation = run.config.evaluation
    betas = evaluation.eval_betas or run.config.objective.betas()
  return [entry(point, beta) for beta in betas]


def damages(content, other):
  """Yields a file with flipped bits, cut at ten places, and other content."""
  rng = random.Random(0)
  for _ in range(NUM_FLIPS):
    place = rng.randrange(8 * len(content))
    flipped = bytearray(content)
    flipped[place // 8] ^= 1 << place % 8
    yield bytes(flipped)
  for n in range(10):
    yield content[: n * len(content) // 10]
  yield other
  yield b'[' * 100_000
