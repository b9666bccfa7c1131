# SPDX-License-Identifier: Apache-2.0
"""Times the slow direction of autoregressive flows against TFP's own bijector.

    python -m benchmarks.flows

Sixty-four dimensions, three hidden layers of 640 units, 6,400 rows, affine
steps on both sides.  Takes some three minutes on two idle cores.  The last
line is one JSON record; README.md says what its ratios mean.
"""

import json
import statistics

import benchmarks.quiet  # noqa: F401, before TensorFlow itself

# isort: split

import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from benchmarks import fresh, timing
from tfp_rd.network import autoregressive, masked

__all__ = ['gradient', 'inversion', 'main']

tfb = tfp.bijectors


def main() -> None:
  """Times the solution alone and with its gradient, and prints a record."""
  record = fresh.machine()
  for function in ('inversion', 'gradient'):
    record |= fresh.measure('benchmarks.flows', function)
  print(json.dumps(record))


def inversion(
  *, event_size=64, hidden_sizes=(640, 640, 640), num_rows=6400, num_pairs=3
) -> dict[str, float]:
  """Compares the inversion with TFP's, and with one pass of the network.

  Args:
    event_size: Dimensions.
    hidden_sizes: Units of the hidden layers.
    num_rows: Vectors at once.
    num_pairs: How often each pair is timed.

  Returns:
    `inversion_speedup`, the median of TFP's time / ours, `inversion_passes`,
    the median of our time / that of one pass, and the numbers behind them.
  """
  ours, theirs, y = _bijectors(event_size, hidden_sizes, num_rows)
  forward, fast, peer = (
    _compiled(f) for f in (ours.forward, ours.inverse, theirs.forward)
  )
  ours_s, pass_s = timing.in_turn(
    lambda: forward(y), lambda: fast(y), num_pairs=5 * num_pairs
  )
  peer_s, beside_s = timing.in_turn(
    lambda: peer(y), lambda: forward(y), num_pairs=num_pairs
  )
  return {
    'inversion_speedup': round(timing.median_ratio(peer_s, beside_s), 1),
    'inversion_passes': round(timing.median_ratio(ours_s, pass_s), 2),
    'inversion_s': round(statistics.median(ours_s), 4),
    'pass_s': round(statistics.median(pass_s), 4),
    'peer_inversion_s': round(statistics.median(peer_s), 3),
  }


def gradient(
  *, event_size=64, hidden_sizes=(640, 640, 640), num_rows=6400, num_pairs=1
) -> dict[str, float]:
  """Compares the inversion with its gradient with TFP's.

  Args:
    event_size: Dimensions.
    hidden_sizes: Units of the hidden layers.
    num_rows: Vectors at once.
    num_pairs: How often each pair is timed.

  Returns:
    `gradient_speedup`, the median of TFP's time / ours, and both.
  """
  ours, theirs, y = _bijectors(event_size, hidden_sizes, num_rows)
  first, second = (_compiled(_with_gradient(b)) for b in (ours, theirs))
  ours_s, peer_s = timing.in_turn(
    lambda: first(y), lambda: second(y), num_pairs=num_pairs
  )
  return {
    'gradient_speedup': round(timing.median_ratio(peer_s, ours_s), 1),
    'gradient_s': round(statistics.median(ours_s), 4),
    'peer_gradient_s': round(statistics.median(peer_s), 3),
  }


def _bijectors(event_size, hidden_sizes, num_rows):
  """Returns our bijector, that of TFP with the same sizes, and rows."""
  network = masked.MaskedNetwork(
    event_size, 2, hidden_sizes=hidden_sizes, seed=0
  )
  theirs = tfb.AutoregressiveNetwork(
    params=2,
    event_shape=[event_size],
    hidden_units=list(hidden_sizes),
    activation='relu',
    # With the default weights samples of 64 dimensions overflow.
    kernel_initializer=tf_keras.initializers.VarianceScaling(0.1, seed=0),
  )
  y = tf.random.stateless_normal([num_rows, event_size], (0, 1))
  return (
    autoregressive.MaskedAutoregressive(network),
    tfb.MaskedAutoregressiveFlow(theirs),
    y,
  )


def _with_gradient(bijector):
  def loss_and_gradient(y):
    with tf.GradientTape() as tape:
      tape.watch(y)
      loss = tf.reduce_sum(bijector.forward(y) ** 2)
    return loss, tape.gradient(loss, [y, *bijector.trainable_variables])

  return loss_and_gradient


def _compiled(function):
  """Compiles a function; inside, the cache of a bijector is not used."""
  return tf.function(lambda y: function(tf.identity(y)), autograph=False)


if __name__ == '__main__':
  main()
