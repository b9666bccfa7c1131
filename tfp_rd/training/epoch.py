# SPDX-License-Identifier: Apache-2.0
"""The order of the images: one endless sequence, epoch after epoch."""

import tensorflow as tf

from tfp_rd.network import initial

__all__ = ['batch_indices']


def batch_indices(seed, first_step, num_steps, *, batch_size, num_examples):
  """Returns which images each step sees.

  The steps read one endless sequence, the images in a new order each epoch,
  batch by batch; so every batch is full and every image is seen equally often,
  whether the batch divides the number of images or exceeds it.

  Args:
    seed: `[2]`.
    first_step: Scalar, from 0.
    num_steps: Steps, static.
    batch_size: B.
    num_examples: N, static.

  Returns:
    `[num_steps, B]`, int32.
  """
  start = tf.cast(first_step, tf.int64) * batch_size
  positions = start + tf.range(num_steps * batch_size, dtype=tf.int64)
  first_epoch = start // num_examples
  num_epochs = (num_steps * batch_size - 1) // num_examples + 2
  order_seed = initial.fold_in(seed, -1)

  def order(epoch):
    # Sorted uniforms, since XLA has no shuffle.
    epoch_seed = initial.fold_in(order_seed, first_epoch + epoch)
    keys = initial.uniform([num_examples], seed=epoch_seed)
    return tf.argsort(keys, stable=True)

  orders = tf.map_fn(
    order,
    tf.range(num_epochs, dtype=tf.int64),
    fn_output_signature=tf.int32,
  )
  chosen = tf.gather_nd(
    orders,
    tf.stack(
      [positions // num_examples - first_epoch, positions % num_examples], -1
    ),
  )
  return tf.reshape(chosen, [num_steps, batch_size])
