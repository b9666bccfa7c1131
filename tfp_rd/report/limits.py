# SPDX-License-Identifier: Apache-2.0
"""What bounds the points of a plane: staircase, hull and diagonal."""

import numpy as np

from tfp_rd.curve import frontier
from tfp_rd.report import style

__all__ = ['draw_diagonal', 'draw_frontier', 'draw_level', 'stairs']


def draw_frontier(ax, rate, distortion):
  """Draws the Pareto staircase of points and its convex hull."""
  ax.plot(
    *stairs(rate, distortion), color=style.BLACK, lw=1.2, zorder=3,
    label='Pareto staircase',
  )  # fmt: skip
  hull = frontier.lower_hull(rate, distortion)
  ax.plot(
    rate[hull], distortion[hull], color=style.GREY, lw=3, alpha=0.6, zorder=1,
    label='its convex hull',
  )  # fmt: skip


def draw_diagonal(ax, bar, *, labelled=True):
  """Draws a `Diagonal`; what is below a known entropy is shaded."""
  if bar.is_true:
    label = f'D = H {style.MINUS} R, H = {bar.entropy_nats:.2f}'
  else:
    h = style.BEST
    label = f'D = {h} {style.MINUS} R, {h} = {bar.nats:.2f}'
  line = ((0, bar.nats), (bar.nats, 0))
  ax.plot(
    *line, color=style.BLACK, zorder=1, **_pen(bar),
    label=label if labelled else '',
  )  # fmt: skip
  if bar.is_true:
    label = 'no model is here' if labelled else ''
    ax.fill_between(*line, label=label, **style.INFEASIBLE)


def draw_level(ax, bar):
  """Draws the same in a panel whose ordinate is D + R."""
  ax.axhline(bar.nats, color=style.BLACK, zorder=1, **_pen(bar))
  if bar.is_true:
    low, high = ax.get_ylim()
    low = min(low, bar.nats - 0.05 * (high - bar.nats))
    ax.axhspan(low, bar.nats, **style.INFEASIBLE)
    ax.set_ylim(low, high)


def stairs(rate, distortion):
  """Returns corners of the staircase, level up to the largest rate."""
  steps = frontier.pareto(rate, distortion)
  x = np.repeat(np.r_[rate[steps], rate.max()], 2)[1:-1]
  return x, np.repeat(distortion[steps], 2)


def _pen(bar):
  return {'ls': '-', 'lw': 2} if bar.is_true else {'ls': ':', 'lw': 1}
