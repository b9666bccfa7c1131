# SPDX-License-Identifier: Apache-2.0
"""Times samples of the autoregressive decoder against tfd.PixelCNN.

    python -m benchmarks.sampling

28x28 images, the default depth, and features chosen such that the causal
network has as many parameters as the peer within 10 %.  Takes some six minutes
on two idle cores, most of them the peer's.  The last line is one JSON record;
README.md says what its ratios mean.
"""

import json
import statistics

import benchmarks.quiet  # noqa: F401, before TensorFlow itself

# isort: split

import tensorflow as tf
import tensorflow_probability as tfp

from benchmarks import fresh, timing
from tfp_rd.decoder import pixel_cnn

__all__ = ['against_peer', 'growth', 'main']

tfd = tfp.distributions

_LATENT_SIZE = 16
# Of our network, and of the peer's: 254,000 and 249,000 parameters.
_FEATURES = 36
_PEER = {'num_resnet': 1, 'num_hierarchies': 2, 'num_filters': 20}


def main() -> None:
  """Times both batch sizes and all sides, and prints a record."""
  record = fresh.machine()
  for batch_size in (16, 64):
    record[f'batch_{batch_size}'] = fresh.measure(
      'benchmarks.sampling', 'against_peer', batch_size=batch_size
    )
  record['growth'] = fresh.measure('benchmarks.sampling', 'growth')
  print(json.dumps(record))


def against_peer(*, batch_size, side=28, num_pairs=7) -> dict[str, float]:
  """Compares a sample with the peer's, and with one density of its own.

  Args:
    batch_size: Images at once.
    side: Height and width.
    num_pairs: How often sample and density are timed; the peer, once.

  Returns:
    `speedup`, the peer's time / the median of ours, and `passes`, the median
    of our time / that of one `log_prob` of the same batch; seconds, of which
    `first_s` is the first sample, which traces; parameters and depth, the
    residual layers that a pixel goes through, of both sides.
  """
  decoder, sample, z = _ours(side, batch_size)
  log_prob = tf.function(lambda z, x: decoder(z).log_prob(x), autograph=False)
  first_s = timing.seconds(lambda: sample(z))
  x = sample(z)
  ours_s, pass_s = timing.in_turn(
    lambda: sample(z), lambda: log_prob(z, x), num_pairs=num_pairs
  )
  peer, peer_sample = _peer(side, batch_size)
  peer_s = timing.seconds(peer_sample)
  return {
    'speedup': round(peer_s / statistics.median(ours_s), 1),
    'passes': round(timing.median_ratio(ours_s, pass_s), 2),
    'sample_s': round(statistics.median(ours_s), 4),
    'first_s': round(first_s, 2),
    'log_prob_s': round(statistics.median(pass_s), 4),
    'peer_sample_s': round(peer_s, 1),
    'parameters': _size(decoder._network),
    'decoder_parameters': _size(decoder),
    'peer_parameters': _size(peer),
    'depth': len(decoder._network.layers),
    'peer_depth': _peer_depth(),
  }


def growth(*, sides=(8, 16, 32, 64), batch_size=16, num_repeats=3):
  """Times samples of square images of several sides.

  Args:
    sides: Heights and widths.
    batch_size: Images at once.
    num_repeats: How often each is timed.

  Returns:
    Microseconds a pixel, by side: constant where the cost is linear.
  """
  times_by_side = {}
  for side in sides:
    _, sample, z = _ours(side, batch_size)
    sample(z)
    times = [
      timing.seconds(lambda s=sample, z=z: s(z)) for _ in range(num_repeats)
    ]
    times_by_side[side] = round(1e6 * statistics.median(times) / side**2, 1)
  return {'us_a_pixel': times_by_side}


def _ours(side, batch_size):
  decoder = pixel_cnn.PixelCNN(
    _LATENT_SIZE, (side, side, 1), features=_FEATURES, seed=0
  )
  z = tf.random.stateless_normal([batch_size, _LATENT_SIZE], (0, 1))
  return decoder, lambda z: decoder(z).sample(seed=(0, 1)), z


def _peer(side, batch_size):
  peer = tfd.PixelCNN(
    image_shape=(side, side, 1),
    num_logistic_mix=1,
    dropout_p=0.0,
    use_weight_norm=False,
    use_data_init=False,
    high=1,
    low=0,
    **_PEER,
  )
  peer.log_prob(tf.zeros([1, side, side, 1]))
  sample = tf.function(lambda: peer.sample(batch_size), autograph=False)
  # Traces; samples are too slow for one that is not timed.
  sample.get_concrete_function()
  return peer, sample


def _peer_depth():
  # On the way up every scale but the last has one layer more, whose shortcut is
  # the output of the convolution that halves, or of the entrance.
  scales, layers = _PEER['num_hierarchies'], _PEER['num_resnet']
  return scales * layers + scales * (layers + 1) - 1


def _size(module):
  return sum(int(tf.size(v)) for v in module.trainable_variables)


if __name__ == '__main__':
  main()
