# SPDX-License-Identifier: Apache-2.0
"""Draws a few pixels of a row: one turn of the loop over columns.

See `tfp_rd.network.causal_sampler`, whose loop it is.
"""

import tensorflow as tf

from tfp_rd.network import causal
from tfp_rd.network.causal import CORNER

__all__ = ['Turn', 'reach', 'side', 'up']


def reach(network) -> int:
  """M: as many pixels in a row and in a column are one of the last scale."""
  return 2 ** (network.num_scales - 1)


def side(n) -> str:
  """Names what the vertical stream found in layer n."""
  return f'side {n}'


def up(scale) -> str:
  """Names what comes up to a scale from the next one."""
  return f'up {scale}'


class Turn:
  """M pixels of a row: one column of the last scale.

  Args:
    network: The network.
    condition: `[N, c]` or `None`.
    r: Which of M rows it is.
    names: Names of the corner's convolutions.
    last: By name, what the turn before wrote, `[columns, N, ...]`.
    read: By name, what is known of this turn, `[columns, N, ...]`.
  """

  def __init__(self, network, *, condition, r, names, last, read):
    self._network = network
    self._condition = condition
    self._r = r
    self._names = names
    self._left = {name: value[-1] for name, value in last.items()}
    self._read = read
    self._wrote = {name: [] for name in last}

  def draw(self):
    """Returns what it writes."""
    for c in range(reach(self._network)):
      self._draw_pixel(c)
    return {name: tf.stack(values) for name, values in self._wrote.items()}

  def _draw_pixel(self, c):
    network = self._network

    def read(name):
      value = self._read[name]
      return value[c * value.shape[0] // reach(network)]

    def convolve(conv, here):
      name = self._names[conv]
      left = self._write(name, here)
      return read(name) + conv.of_left(left, here)

    def apply(n, h, shortcut):
      both = causal.join_sides(read(side(n)), shortcut)
      branch = network.layers[n].branches[CORNER]
      return branch(h, both, self._condition, convolve=convolve)

    def deeper(scale, h, inner):
      below, right = (self._r >> scale) % 2, (c >> scale) % 2
      conv = network.halvings[scale].convs[CORNER]
      if below:
        self._write(self._names[conv], h)
        doubled = read(up(scale))
      elif right:
        self._write(self._names[conv], h)
        doubled = self._left[up(scale)]
      else:
        double = network.doublings[scale].maps[CORNER]
        doubled = double(inner(convolve(conv, h)))
        self._write(up(scale), doubled)
      return tf.split(doubled, 4, axis=-1)[2 * below + right]

    left = self._left['entered']
    h = read('entrance') + network.entrance.corner.of_left(left)
    logits = network.last(network.walk(h, apply, deeper))
    x = tf.cast(read('uniforms') < tf.sigmoid(logits), logits.dtype)
    self._write('x', x)
    self._write('entered', causal.inputs(x, read('told')))

  def _write(self, name, value):
    """Writes, and returns what was written before."""
    before, self._left[name] = self._left[name], value
    self._wrote[name].append(value)
    return before
