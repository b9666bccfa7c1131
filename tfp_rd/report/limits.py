# SPDX-License-Identifier: Apache-2.0
"""Lines that limit the points of the plane: staircase, hull and diagonal."""

import numpy as np

from tfp_rd.curve import frontier
from tfp_rd.report import style

__all__ = ['draw_diagonal', 'draw_frontier', 'draw_level', 'stairs']


def draw_frontier(ax, rate, distortion):
  """Draws the Pareto staircase of points and its convex hull, if any."""
  if not rate.size:
    return
  ax.plot(
    *stairs(rate, distortion), color=style.BLACK, lw=1.2, zorder=3,
    label='Pareto staircase',
  )  # fmt: skip
  hull = frontier.lower_hull(rate, distortion)
  ax.plot(
    rate[hull], distortion[hull], color=style.GREY, lw=3, alpha=0.6, zorder=1,
    label='its convex hull',
  )  # fmt: skip


def draw_diagonal(ax, line, *, labelled=True):
  """Draws a `Diagonal` in the plane; shades what is below a known entropy."""
  if line is None:
    return
  if line.is_true:
    label = f'D = H {style.MINUS} R, H = {line.entropy_nats:.2f}'
  else:
    h = style.BEST
    label = f'D = {h} {style.MINUS} R, {h} = {line.nats:.2f}'
  ends = ((0, line.nats), (line.nats, 0))
  ax.plot(
    *ends, color=style.BLACK, zorder=1, **_pen(line),
    label=label if labelled else '',
  )  # fmt: skip
  if line.is_true:
    label = 'no model is here' if labelled else ''
    ax.fill_between(*ends, label=label, **style.INFEASIBLE)


def draw_level(ax, line):
  """Draws a `Diagonal` in a panel whose ordinate is D + R, as a level line."""
  if line is None:
    return
  ax.axhline(line.nats, color=style.BLACK, zorder=1, **_pen(line))
  if line.is_true:
    low, high = ax.get_ylim()
    low = min(low, line.nats - 0.05 * (high - line.nats))
    ax.axhspan(low, line.nats, **style.INFEASIBLE)
    ax.set_ylim(low, high)


def stairs(rate, distortion):
  """Returns corners of the staircase, level up to the largest rate."""
  steps = frontier.pareto(rate, distortion)
  x = np.repeat(np.r_[rate[steps], rate.max()], 2)[1:-1]
  return x, np.repeat(distortion[steps], 2)


def _pen(line):
  return {'ls': '-', 'lw': 2} if line.is_true else {'ls': ':', 'lw': 1}
