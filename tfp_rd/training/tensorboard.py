# SPDX-License-Identifier: Apache-2.0
"""Writes the metrics of a run for TensorBoard."""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

__all__ = ['writing']


_OnProgress = Callable[[int, int, Mapping[str, float]], Any]


def writing(folder, on_progress: _OnProgress) -> _OnProgress:
  """Returns `on_progress` that also writes each row of metrics.

  Args:
    folder: Where TensorBoard finds them.
    on_progress: Is called as before.
  """
  writer = tf.summary.create_file_writer(str(folder))

  def write(step, num_steps, metrics):
    with writer.as_default(step=step):
      for name, value in metrics.items():
        tf.summary.scalar(name, value)
    writer.flush()
    on_progress(step, num_steps, metrics)

  return write
