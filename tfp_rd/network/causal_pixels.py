# SPDX-License-Identifier: Apache-2.0
"""Draws the pixels of a few columns of a row, from left to right.

This is the inner loop of `tfp_rd.network.causal_sampler`.  One iteration draws
as many columns as one pixel of the coarsest scale is wide.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

import tensorflow as tf

from tfp_rd.network import causal
from tfp_rd.network.causal import CORNER

__all__ = [
  'ColumnSampler',
  'ColumnState',
  'RowInputs',
  'coarse_side',
  'initial_state',
  'starts_pixel',
]


class RowInputs(NamedTuple):
  """Values that are known of a row before its pixels are drawn.

  All tensors are `[columns, N, features]`, with fewer columns on coarser
  scales.  A mapping has only the entries that this row needs.

  Attributes:
    uniforms: Uniform random numbers, one for each pixel.
    mask: From `CausalNetwork.with_mask`.
    entrance: What the rows above, and the maps, add to the first features of
      the corner stream.
    vertical: By number of a layer, its output in the vertical stream.
    above: By number of a convolution of the corner stream, what the row above
      adds to its output.
    doubled: By scale, the output of `Doubling` to that scale, which was
      computed for the row above.
  """

  uniforms: tf.Tensor
  mask: tf.Tensor
  entrance: tf.Tensor
  vertical: Mapping[int, tf.Tensor]
  above: Mapping[int, tf.Tensor]
  doubled: Mapping[int, tf.Tensor]


class ColumnState(NamedTuple):
  """Values of the columns that an iteration has drawn, for the next one.

  Attributes:
    x: Pixels, `[columns, N, C]`.
    entered: Inputs of the network at these pixels, `[columns, N, ...]`.
    conv_inputs: By number of a convolution of the corner stream, its input
      `[columns, N, features]`.
    doubled: By scale, the output of `Doubling` to that scale.
  """

  x: tf.Tensor
  entered: tf.Tensor
  conv_inputs: Mapping[int, tf.Tensor]
  doubled: Mapping[int, tf.Tensor]


def coarse_side(network: causal.CausalNetwork) -> int:
  """Returns the side, in pixels, of one pixel of the coarsest scale."""
  return 2 ** (network.num_scales - 1)


def starts_pixel(n: int, scale: int) -> bool:
  """Whether a pixel of this scale starts at row or column n of the image."""
  return n % (1 << scale) == 0


def initial_state(
  network: causal.CausalNetwork,
  convs: Mapping[Any, int],
  *,
  row: int,
  inputs: RowInputs,
) -> ColumnState:
  """Returns zeros for the columns to the left of the image.

  Args:
    network: A `CausalNetwork`.
    convs: Convolutions of the corner stream, each with the scale of its input.
    row: The row, counted from the start of a pixel of the coarsest scale.
    inputs: `RowInputs` of the row.
  """
  num_images, dtype = tf.shape(inputs.mask)[1], inputs.mask.dtype
  num_channels, mask_size = inputs.uniforms.shape[-1], inputs.mask.shape[-1]

  def zeros(scale, size):
    num_columns = coarse_side(network) >> scale
    return tf.zeros([num_columns, num_images, size], dtype)

  return ColumnState(
    x=zeros(0, num_channels),
    entered=zeros(0, num_channels + mask_size),
    conv_inputs={
      n: zeros(scale, conv.input_size)
      for n, (conv, scale) in enumerate(convs.items())
      if starts_pixel(row, scale)
    },
    doubled={
      scale: zeros(scale + 1, doubling.maps[CORNER].output_size)
      for scale, doubling in enumerate(network.doublings)
      if starts_pixel(row, scale + 1)
    },
  )


class ColumnSampler:
  """Draws `coarse_side(network)` pixels of a row.

  Args:
    network: A `CausalNetwork`.
    condition: `[N, c]` or `None`.
    row: The row, counted from the start of a pixel of the coarsest scale.
    conv_numbers: The number of each convolution of the corner stream.
    inputs: `RowInputs` of these columns.
    last: `ColumnState` of the columns to the left.
  """

  def __init__(
    self,
    network: causal.CausalNetwork,
    *,
    condition: Optional[tf.Tensor],
    row: int,
    conv_numbers: Mapping[Any, int],
    inputs: RowInputs,
    last: ColumnState,
  ):
    self._network = network
    self._condition = condition
    self._row = row
    self._conv_numbers = conv_numbers
    self._inputs = inputs
    # Each value becomes a list of columns, which begins with the last one to
    # the left.
    self._columns = tf.nest.map_structure(lambda value: [value[-1]], last)

  def draw(self) -> ColumnState:
    """Draws the pixels and returns the state of their columns."""
    columns = self._columns
    for column in range(coarse_side(self._network)):
      self._draw_pixel(column)
    return ColumnState(
      x=tf.stack(columns.x[1:]),
      entered=tf.stack(columns.entered[1:]),
      conv_inputs={k: tf.stack(v[1:]) for k, v in columns.conv_inputs.items()},
      doubled={k: tf.stack(v[1:]) for k, v in columns.doubled.items()},
    )

  def _draw_pixel(self, column):
    network, inputs, columns = self._network, self._inputs, self._columns

    def at_column(value):
      return value[column * value.shape[0] // coarse_side(network)]

    def convolve(conv, here):
      n = self._conv_numbers[conv]
      left = columns.conv_inputs[n][-1]
      columns.conv_inputs[n].append(here)
      return at_column(inputs.above[n]) + conv.of_left(left, here)

    def apply(n, h, shortcut):
      side = causal.join_sides(at_column(inputs.vertical[n]), shortcut)
      branch = network.layers[n].branches[CORNER]
      return branch(h, side, self._condition, convolve=convolve)

    def deeper(scale, h, inner):
      # Which of the 2x2 pixels that one of the next scale becomes.
      below, right = (self._row >> scale) % 2, (column >> scale) % 2
      conv = network.halvings[scale].convs[CORNER]
      if below or right:
        columns.conv_inputs[self._conv_numbers[conv]].append(h)
      else:
        double = network.doublings[scale].maps[CORNER]
        columns.doubled[scale].append(double(inner(convolve(conv, h))))
      if below:
        doubled = at_column(inputs.doubled[scale])
      else:
        doubled = columns.doubled[scale][-1]
      return tf.split(doubled, 4, axis=-1)[2 * below + right]

    left = columns.entered[-1]
    h = at_column(inputs.entrance) + network.entrance.corner.of_left(left)
    logits = network.last(network.walk(h, apply=apply, deeper=deeper))
    x = tf.cast(at_column(inputs.uniforms) < tf.sigmoid(logits), logits.dtype)
    columns.x.append(x)
    columns.entered.append(causal.inputs(x, at_column(inputs.mask)))
