# SPDX-License-Identifier: Apache-2.0
"""Draws images pixel by pixel from a causal network, each feature once.

The vertical stream depends on rows above alone, so it is computed for a whole
row at a time, and so is what the rows above add to the corner stream.  For each
pixel only small products of its left neighbour and of itself remain.  The
sampler stores, for every convolution, the last row of its input.

The outer loop goes over rows and the inner one over columns.  An iteration of
either covers one pixel of the coarsest scale, so that every scale advances by
whole pixels.  Maps are `[W, N, features]` here, columns first.
"""

from typing import NamedTuple, Optional

import tensorflow as tf

from tfp_rd.network import causal_pixels
from tfp_rd.network.causal import CORNER, VERTICAL
from tfp_rd.network.causal_pixels import RowInputs, starts_pixel

__all__ = ['sample']


class _Given(NamedTuple):
  """What a sample is drawn from, as maps that share their leading axes."""

  uniforms: tf.Tensor
  mask: tf.Tensor
  maps: Optional[tf.Tensor]

  def at(self, n):
    """Returns entry n of the first axis of each map."""
    return _Given(*(None if value is None else value[n] for value in self))


def sample(network, uniforms, *, planes=None, maps=None, condition=None):
  """Draws images, x = 1 where the uniform lies below the probability.

  Args:
    network: A `CausalNetwork`.
    uniforms: `[N, H, W, C]`, in [0, 1).
    planes: As the network takes it.
    maps: As the network takes it.
    condition: As the network takes it.

  Returns:
    `[N, H, W, C]` in {0, 1}, equal up to rounding to what drawing pixel by
    pixel with a whole pass for each gives.  Costs the arithmetic of about one
    pass, in H W small steps.  Call it in a `tf.function`, whose graph has loops
    in place of pixels.
  """
  height, width = uniforms.shape[1:3]
  given = _Given(
    uniforms=_by_rows(network, uniforms),
    mask=_by_rows(network, network.with_mask(uniforms, planes)),
    maps=None if maps is None else _by_rows(network, maps),
  )
  num_iterations = given.mask.shape[0]
  convs = _convs_of(network, VERTICAL) | _convs_of(network, CORNER)

  def draw_rows(n, images, entered, memory):
    rows = _RowSampler(
      network,
      condition=condition,
      entered=entered,
      memory=dict(zip(convs, memory, strict=True)),
    )
    images = images.write(n, rows.draw(given.at(n)))
    return n + 1, images, rows.entered, [*rows.memory.values()]

  _, images, *_ = tf.while_loop(
    lambda n, *_: n < num_iterations,
    draw_rows,
    (
      0,
      tf.TensorArray(uniforms.dtype, num_iterations),
      *_initial_memory(given, convs),
    ),
    maximum_iterations=num_iterations,
  )
  x = _merge(images.stack())
  return tf.transpose(x[:height, :width], [2, 0, 1, 3])


def _initial_memory(given, convs):
  """Returns zeros for the rows above the image, see `_RowSampler`."""
  *_, width, _, mask_size = given.mask.shape
  num_images, dtype = tf.shape(given.mask)[3], given.mask.dtype

  def zeros(width, size):
    return tf.zeros([width, num_images, size], dtype)

  entered = zeros(width, given.uniforms.shape[-1] + mask_size)
  memory = [zeros(width >> s, c.input_size) for c, s in convs.items()]
  return [entered] * 2, memory


def _by_rows(network, x):
  """Pads maps `[N, H, W, C]` and turns them to `[rows, M, W, N, C]`."""
  return _part(
    tf.transpose(network.pad(x), [1, 2, 0, 3]),
    causal_pixels.coarse_side(network),
  )


def _part(x, size):
  """Divides the first axis: `[n * size, ...] -> [n, size, ...]`."""
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


class _RowSampler:
  """Draws the M rows of pixels that one row of the coarsest scale covers.

  Args:
    network: A `CausalNetwork`.
    condition: `[N, c]` or `None`.
    entered: Inputs of the network at the two rows above, `[W, N, ...]` each.
    memory: For each convolution the last row of its input.
  """

  def __init__(self, network, *, condition, entered, memory):
    self.entered = entered
    self.memory = memory
    self._network = network
    self._condition = condition
    self._corner_convs = _convs_of(network, CORNER)
    # Outputs of `Doubling` by scale, of either stream.  Each holds two rows of
    # the scale: it is computed at the first one and used again at the second.
    self._doubled = {}
    self._doubled_corner = {}

  def draw(self, given):
    """Draws pixels `[M, W, N, C]`, given maps of such shapes."""
    num_rows = causal_pixels.coarse_side(self._network)
    return tf.stack([self._draw_row(r, given.at(r)) for r in range(num_rows)])

  def _draw_row(self, r, given):
    """Draws the pixels of row r, left to right, and stores the row."""
    drawn = self._scan(r, self._inputs(r, given))
    for n, conv in enumerate(self._corner_convs):
      self.memory[conv] = drawn.conv_inputs.get(n, self.memory[conv])
    self._doubled_corner |= drawn.doubled
    self.entered = [self.entered[1], drawn.entered]
    return drawn.x

  def _inputs(self, r, given):
    """Computes what is known of row r before its pixels are drawn."""
    maps = [0.0, 0.0]
    if given.maps is not None:
      maps = tf.split(given.maps, 2, axis=-1)
    entrance = self._network.entrance.corner.of_above(self.entered[1])
    return RowInputs(
      uniforms=given.uniforms,
      mask=given.mask,
      entrance=entrance + maps[CORNER],
      vertical=self._vertical(r, maps[VERTICAL]),
      above={
        n: conv.of_above(self.memory[conv])
        for n, (conv, scale) in enumerate(self._corner_convs.items())
        if r % (conv.stride << scale) == 0  # Its output has a row here.
      },
      doubled={
        scale: doubled
        for scale, doubled in self._doubled_corner.items()
        if starts_pixel(r, scale) and not starts_pixel(r, scale + 1)
      },
    )

  def _vertical(self, r, maps):
    """Computes row r of the vertical stream; returns outputs by layer."""
    outputs = {}
    condition = self._condition
    condition = None if condition is None else condition[tf.newaxis]

    def convolve(conv, row):
      above, self.memory[conv] = self.memory[conv], row
      return conv.of_rows(above, row)

    def apply(n, h, shortcut):
      branch = self._network.layers[n].branches[VERTICAL]
      outputs[n] = branch(h, shortcut, condition, convolve=convolve)
      return outputs[n]

    def deeper(scale, h, inner):
      below = (r >> scale) % 2
      h = convolve(self._network.halvings[scale].convs[VERTICAL], h)
      if not below:
        double = self._network.doublings[scale].maps[VERTICAL]
        self._doubled[scale] = double(inner(h))
      return _row_of_doubled(self._doubled[scale], below)

    h = self._network.entrance.vertical.of_rows(*self.entered)
    self._network.walk(h + maps, apply, deeper)
    return outputs

  def _scan(self, r, inputs):
    """Runs the inner loop over a row, M columns at a time."""
    columns = causal_pixels.coarse_side(self._network)
    width = inputs.mask.shape[0]
    numbers = {conv: n for n, conv in enumerate(self._corner_convs)}
    drawn = tf.scan(
      lambda last, now: causal_pixels.ColumnSampler(
        self._network,
        condition=self._condition,
        row=r,
        conv_numbers=numbers,
        inputs=now,
        last=last,
      ).draw(),
      tf.nest.map_structure(
        lambda value: _part(value, value.shape[0] * columns // width), inputs
      ),
      initializer=causal_pixels.initial_state(
        self._network, self._corner_convs, row=r, inputs=inputs
      ),
    )
    return tf.nest.map_structure(_merge, drawn)


def _row_of_doubled(h, below):
  """Takes the upper or lower row of `[w, N, 4 F]`: `[2 w, N, F]`."""
  width, _, size = h.shape
  h = tf.split(h, 2, axis=-1)[below]
  h = tf.reshape(h, [width, tf.shape(h)[1], 2, size // 4])
  return _merge(tf.transpose(h, [0, 2, 1, 3]))
