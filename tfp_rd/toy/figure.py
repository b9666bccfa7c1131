# SPDX-License-Identifier: Apache-2.0
"""Figure 2 of the paper: one column a model, five rows of panels.

#### References

[1]: Alexander A. Alemi et al. Fixing a Broken ELBO. In _International
     Conference on Machine Learning_, 2018, Figure 2.
     https://arxiv.org/abs/1711.00464
"""

import itertools
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfp_rd.report import style

if TYPE_CHECKING:
  from matplotlib import figure as figure_lib

  from tfp_rd.toy import world as world_lib

__all__ = ['draw']

# As in the paper: the more probable cause is purple, the other yellow.
_CAUSES = ('#5e2a84', '#e0a800')
# What a row shows, and the variable on its horizontal axis.
_ROWS = (
  ('probability of x', 'x'),
  ('probability of z', 'z'),
  ('e(z|x): z', 'x'),
  ('d(x|z): z', 'x'),
  ("p(x'|x): x'", 'x'),
)


def draw(
  world: 'world_lib.World',
  models: Collection['world_lib.Model'],
  *,
  titles: Sequence[str],
) -> 'figure_lib.Figure':
  """Draws the columns.

  Args:
    world: A `World`.
    models: A `Model` without leading axes for each column.
    titles: A title for each column.

  Returns:
    A matplotlib figure.
  """
  figure = style.new_figure(2.7 * len(models), 12.0)
  figure.set_layout_engine('constrained')
  axes = figure.subplots(5, len(models), squeeze=False)
  for column, model, title in zip(axes.T, models, titles, strict=True):
    style.title(column[0], title)
    _draw_images(column[0], world, model)
    _draw_codes(column[1], world, model)
    for ax, table in (
      (column[2], model.encoder.T),
      (column[3], model.decoder),
      (column[4], (model.encoder @ model.decoder).T),
    ):
      ax.imshow(table, origin='lower', cmap='magma_r', aspect='auto', vmin=0)
  for row, (name, right) in zip(axes, _ROWS, strict=True):
    row[0].set_ylabel(name)
    for ax in row:
      ax.set_xlabel(right, labelpad=1)
      ax.tick_params(labelsize=8)
  entries = [ax.get_legend_handles_labels() for ax in axes[:2, 0]]
  handles, labels = map(
    list, map(itertools.chain.from_iterable, zip(*entries, strict=True))
  )
  figure.legend(
    handles,
    labels,
    loc='outside lower center',
    ncols=7,
    frameon=False,
  )
  return figure


def _draw_images(ax, world, model):
  """Draws the source, samples of the model, and reconstructions, over x."""
  x = np.arange(len(world.source))
  ax.bar(x, world.source, color='#dddddd', label='p*(x)')
  ax.plot(x, model.marginal @ model.decoder, color='#0072b2', label='g(x)')
  again = world.source @ model.encoder @ model.decoder
  ax.plot(x, again, color='#d55e00', ls='--', label='d(x)')
  ax.set_ylim(bottom=0)


def _draw_codes(ax, world, model):
  """Draws the marginal, and the codes of all x and of the x of each cause."""
  z = np.arange(len(model.marginal))
  ax.bar(z, model.marginal, color='#dddddd', label='m(z)')
  codes = world.source @ model.encoder
  ax.step(z, codes, where='mid', color='#222222', lw=1, label='e(z)')
  of_causes = world.joint / world.joint.sum(1, keepdims=True) @ model.encoder
  for n, (codes, colour) in enumerate(zip(of_causes, _CAUSES, strict=True)):
    ax.step(z, codes, where='mid', color=colour, label=f'e(z), z* = {n}')
  ax.set_ylim(bottom=0)
