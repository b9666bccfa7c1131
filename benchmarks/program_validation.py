# SPDX-License-Identifier: Apache-2.0
"""Validation of an exported run under JAX, without TensorFlow."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks import artifact as artifact_lib
from benchmarks import run_program
from tfp_rd import point as point_lib
from tfp_rd.training import scoring

__all__ = ['Validation']


class Validation:
  """R and D of weights on the validation images of a run.

  Args:
    artifact: The exported run.
    device: Where it is compiled.
    objective: What scores the points.
  """

  def __init__(
    self, artifact: artifact_lib.Artifact, device: run_program.Device, objective
  ):
    self._images = artifact.arrays['validation']
    self._seeds = artifact.arrays['seeds']
    self._about = artifact.about['validation']
    self._device = device
    self._objective = objective
    self._program = device.compile(artifact.programs['evaluate'])

  def score(self, values: Mapping[str, Any]) -> scoring.Score:
    """Returns the score of weights.

    Args:
      values: Arrays on the device by name, the weights among them.
    """
    return scoring.score(
      self._objective,
      lambda beta, num_samples: self._point(values, beta, num_samples),
    )

  def first_pass(self, values: Mapping[str, Any], beta) -> list[float]:
    """Returns R and D in nats of the first pass at a beta.

    Args:
      values: As of `score`.
      beta: One of the run's.
    """
    draws = self._about['num_samples'] / self._seeds.shape[1]
    nats = self._sums(values, beta, 0, 0).mean(axis=1) / draws
    return nats.tolist()

  def _point(self, values, beta, num_samples):
    num_batches, num_passes = self._seeds.shape[:2]
    sums = [
      sum(self._sums(values, beta, n, m) for m in range(num_passes))
      for n in range(num_batches)
    ]
    nats = np.concatenate(sums, axis=1)[:, : len(self._images)]
    return point_lib.Point.from_examples(
      *nats / num_samples, num_samples=num_samples
    )

  def _sums(self, values, beta, n, m):
    """Returns sums over draws, `[2, B]`, of pass `m` over batch `n`."""
    size = self._about['batch_size']
    images = self._images[n * size : (n + 1) * size]
    fill = np.repeat(images[-1:], size - len(images), 0)
    given = {
      'images': np.concatenate([images, fill]),
      'seed': self._seeds[n, m],
    }
    if 'beta' in values:  # Of a curve.
      given['beta'] = np.array(beta, values['beta'].dtype)
    outputs, _ = self._program({**values, **self._device.put(given)})
    return outputs['sums']
