# SPDX-License-Identifier: Apache-2.0
"""Draws images pixel by pixel from a causal network, each feature once.

The vertical stream needs rows above alone, so it goes a whole row at a time;
so does what the rows above give to the corner stream.  Left to each pixel are
small products of its left neighbour and of itself.  All that is remembered is,
for every convolution, the last row of its input.

Loops go over rows and, in them, over columns, at each turn as many as one
pixel of the coarsest scale covers: so every scale moves on its own pixels
alone.  Maps are `[W, N, features]` here, columns first.
"""

import tensorflow as tf

from tfp_rd.network import causal_pixels
from tfp_rd.network.causal import CORNER, VERTICAL

__all__ = ['sample']


def sample(network, uniforms, *, planes=None, maps=None, condition=None):
  """Draws images, x = 1 where the uniform lies below the probability.

  Args:
    network: A `CausalNetwork`.
    uniforms: `[N, H, W, C]`.
    planes: As the network takes it.
    maps: As the network takes it.
    condition: As the network takes it.

  Returns:
    `[N, H, W, C]`: what drawing pixel by pixel gives, up to rounding.  Costs
    the arithmetic of about one pass, in H W small steps.  To be called in a
    `tf.function`, whose graph has loops in place of pixels.
  """
  height, width, num_channels = uniforms.shape[1:]
  given = {
    'uniforms': _by_rows(network, uniforms),
    'told': _by_rows(network, network.tell(uniforms, planes)),
  }
  if maps is not None:
    given['maps'] = _by_rows(network, maps)
  num_rows, _, padded_width = given['told'].shape[:3]
  convs = _convs_of(network, VERTICAL) | _convs_of(network, CORNER)

  def paint(n, images, entered, memory):
    rows = _Rows(
      network,
      condition=condition,
      entered=entered,
      memory=dict(zip(convs, memory, strict=True)),
    )
    x = rows.paint({name: value[n] for name, value in given.items()})
    return n + 1, images.write(n, x), rows.entered, [*rows.memory.values()]

  def zeros(width, size):
    return tf.zeros([width, tf.shape(uniforms)[0], size], uniforms.dtype)

  _, images, *_ = tf.while_loop(
    lambda n, *_: n < num_rows,
    paint,
    (
      0,
      tf.TensorArray(uniforms.dtype, num_rows),
      [zeros(padded_width, num_channels + given['told'].shape[-1])] * 2,
      [zeros(padded_width >> s, c.input_size) for c, s in convs.items()],
    ),
    maximum_iterations=num_rows,
  )
  x = _merge(images.stack())
  return tf.transpose(x[:height, :width], [2, 0, 1, 3])


def _by_rows(network, x):
  """Pads maps `[N, H, W, C]` and turns them to `[rows, M, W, N, C]`."""
  return _part(
    tf.transpose(network.pad(x), [1, 2, 0, 3]), causal_pixels.reach(network)
  )


def _part(x, size):
  """Parts the first axis: `[n * size, ...] -> [n, size, ...]`."""
  shape = [x.shape[0] // size, size]
  return tf.reshape(x, tf.concat([shape, tf.shape(x)[1:]], 0))


def _merge(x):
  """Joins the first two axes."""
  shape = [x.shape[0] * x.shape[1]]
  return tf.reshape(x, tf.concat([shape, tf.shape(x)[2:]], 0))


def _convs_of(network, stream):
  """Convolutions of a stream, each with the scale of its input."""
  last = 2 * network.num_scales - 1
  convs = {
    conv: min(block, last - block)
    for block in range(last + 1)
    for n in network.layers_of(block)
    for conv in network.layers[n].branches[stream].convs
  }
  return convs | {
    halving.convs[stream]: scale
    for scale, halving in enumerate(network.halvings)
  }


class _Rows:
  """M rows of pixels: one row of the last scale.

  Args:
    network: The network.
    condition: `[N, c]` or `None`.
    entered: What entered the network at the two rows before, `[W, N, ...]`.
    memory: For each convolution the last row of its input.
  """

  def __init__(self, network, *, condition, entered, memory):
    self.entered = entered
    self.memory = memory
    self._network = network
    self._condition = condition
    # What comes up from the next scale, for two rows of this one.
    self._doubled = {}
    self._doubled_corner = {}

  def paint(self, given):
    """Draws pixels `[M, W, N, C]`, given maps of such shapes."""
    rows = [
      self._paint_row(r, {name: value[r] for name, value in given.items()})
      for r in range(causal_pixels.reach(self._network))
    ]
    return tf.stack(rows)

  def _paint_row(self, r, read):
    begin = read.pop('maps', None)
    begin = [0.0, 0.0] if begin is None else tf.split(begin, 2, axis=-1)
    for n, side in self._vertical(r, begin[VERTICAL]).items():
      read[causal_pixels.side(n)] = side
    entrance = self._network.entrance.corner
    read['entrance'] = entrance.of_above(self.entered[1]) + begin[CORNER]
    return self._corner(r, read)

  def _vertical(self, r, begin):
    """Moves the vertical stream on by a row; returns what layers found."""
    found = {}
    condition = self._condition
    condition = None if condition is None else condition[tf.newaxis]

    def convolve(conv, row):
      above, self.memory[conv] = self.memory[conv], row
      return conv.of_rows(above, row)

    def apply(n, h, shortcut):
      branch = self._network.layers[n].branches[VERTICAL]
      found[n] = branch(h, shortcut, condition, convolve=convolve)
      return found[n]

    def deeper(scale, h, inner):
      below = (r >> scale) % 2
      h = convolve(self._network.halvings[scale].convs[VERTICAL], h)
      if not below:
        double = self._network.doublings[scale].maps[VERTICAL]
        self._doubled[scale] = double(inner(h))
      return _row_of_doubled(self._doubled[scale], below)

    h = self._network.entrance.vertical.of_rows(*self.entered)
    self._network.walk(h + begin, apply, deeper)
    return found

  def _corner(self, r, read):
    """Draws the pixels of row r, left to right, and remembers the row."""
    network = self._network
    convs = _convs_of(network, CORNER)
    names = {conv: f'conv {n}' for n, conv in enumerate(convs)}
    writes = {'x': (0, read['uniforms'].shape[-1])}
    writes['entered'] = (0, self.entered[0].shape[-1])
    for conv, scale in convs.items():
      if not r % (1 << scale):
        writes[names[conv]] = (scale, conv.input_size)
      if not r % (conv.stride << scale):
        read[names[conv]] = conv.of_above(self.memory[conv])
    for scale, doubling in enumerate(network.doublings):
      if not r % (2 << scale):
        writes[causal_pixels.up(scale)] = (
          scale + 1,
          doubling.maps[CORNER].output_size,
        )
      elif not r % (1 << scale):
        read[causal_pixels.up(scale)] = self._doubled_corner[scale]
    wrote = self._scan(r, read, writes, names)
    for conv, name in names.items():
      self.memory[conv] = wrote.get(name, self.memory[conv])
    for scale in range(network.num_scales - 1):
      if causal_pixels.up(scale) in wrote:
        self._doubled_corner[scale] = wrote[causal_pixels.up(scale)]
    self.entered = [self.entered[1], wrote['entered']]
    return wrote['x']

  def _scan(self, r, read, writes, names):
    """Runs all turns of a row: M columns each."""
    reach, width = causal_pixels.reach(self._network), read['told'].shape[0]
    num_images, dtype = tf.shape(read['told'])[1], read['told'].dtype
    wrote = tf.scan(
      lambda last, now: causal_pixels.Turn(
        self._network,
        condition=self._condition,
        r=r,
        names=names,
        last=last,
        read=now,
      ).draw(),
      {
        name: _part(value, value.shape[0] * reach // width)
        for name, value in read.items()
      },
      initializer={
        name: tf.zeros([reach >> scale, num_images, size], dtype)
        for name, (scale, size) in writes.items()
      },
    )
    return {name: _merge(value) for name, value in wrote.items()}


def _row_of_doubled(h, below):
  """Takes the upper or lower row of `[w, N, 4 F]`: `[2 w, N, F]`."""
  width, _, size = h.shape
  h = tf.split(h, 2, axis=-1)[below]
  h = tf.reshape(h, [width, tf.shape(h)[1], 2, size // 4])
  return _merge(tf.transpose(h, [0, 2, 1, 3]))
