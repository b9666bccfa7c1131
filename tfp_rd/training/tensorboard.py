# SPDX-License-Identifier: Apache-2.0
"""What a run tells TensorBoard."""

import tensorflow as tf

from tfp_rd.training import loop

__all__ = ['writing']


def writing(folder, on_progress: loop.OnProgress) -> loop.OnProgress:
  """Returns `on_progress` that also writes the metrics of every call.

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
