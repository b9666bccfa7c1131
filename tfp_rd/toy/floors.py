# SPDX-License-Identifier: Apache-2.0
"""The floor of each toy model: the least D + beta R with its decoder."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfp_rd import information
from tfp_rd.report import style
from tfp_rd.toy import world as world_lib

if TYPE_CHECKING:
  from matplotlib import figure as figure_lib

__all__ = ['draw']

_BETAS = np.geomspace(0.03, 30, 31)
_TOLERANCE_NATS = 1e-4  # Less than the width of a line.


def draw(
  world: world_lib.World,
  models: Sequence[world_lib.Model],
  *,
  titles: Sequence[str],
) -> 'figure_lib.Figure':
  """Draws a panel for each model: its point, its floor, and the diagonal.

  The floor is the curve of the least D + beta R over all encoders and marginals
  with the decoder of the model, by the algorithm of Blahut and Arimoto.

  Args:
    world: A `World`.
    models: A `Model` without leading axes for each panel.
    titles: A title for each panel.

  Returns:
    A matplotlib figure.
  """
  models = list(models)
  figure = style.new_figure(3.1 * len(models), 3.3)
  axes = figure.subplots(1, len(models), sharey=True, squeeze=False)[0]
  for ax, model, title in zip(axes, models, titles, strict=True):
    _draw_panel(ax, world, model)
    style.title(ax, title)
  axes[0].set_ylabel('distortion D (nats)')
  style.legend(axes[-1], loc='upper left', anchor=(1.0, 1.03))
  figure.tight_layout()
  return figure


def _draw_panel(ax, world, model):
  point = world_lib.measure(world, model)
  entropy = information.entropy(world.source)
  floor = information.blahut_arimoto(
    world.source,
    world_lib.distortion_matrix(model),
    beta=_BETAS,
    tolerance_nats=_TOLERANCE_NATS,
  )
  ax.fill_between((0, entropy), (entropy, 0), **style.INFEASIBLE)
  ax.plot(
    (0, entropy),
    (entropy, 0),
    color=style.BLACK,
    lw=1,
    label=f'D = H {style.MINUS} R',
  )
  ax.plot(
    floor.rate_nats,
    floor.distortion_nats,
    color='#0072b2',
    lw=1.5,
    marker='.',
    ms=4,
    label='floor of its decoder',
  )
  ax.plot(
    point.rate_nats,
    point.distortion_nats,
    ls='none',
    marker='o',
    ms=8,
    mfc='none',
    mec='#d55e00',
    mew=1.6,
    label='the model',
    clip_on=False,
    zorder=5,
  )
  style.label_axes(ax, '')
  # The panels share this axis, which must hold the largest of all.
  top = max(ax.get_ylim()[1], 1.05 * floor.distortion_nats.max())
  ax.set_ylim(0, top)
