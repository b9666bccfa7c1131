# SPDX-License-Identifier: Apache-2.0
"""Lines that limit the points of the plane: frontier, hull and diagonal."""

from tfp_rd.curve import frontier, reach
from tfp_rd.report import style

__all__ = ['draw_diagonal', 'draw_frontier', 'draw_level', 'frontier_name']

_PALE = '#c9c9c9'


def frontier_name(curves) -> str:
  """Returns what the frontier is called: without lines it is a staircase."""
  has_line = any(len(line) > 1 for line in reach.lines(curves))
  return 'Pareto frontier' if has_line else 'Pareto staircase'


def draw_frontier(ax, curves):
  """Draws the frontier of curves and the convex hull of their points, if any.

  Both lie below the curves and are paler.
  """
  points = reach.bounds(curves)
  if not len(points):
    return
  width = style.line_width()
  ax.plot(
    *reach.corners(curves).T, color=_PALE, lw=4 * width, zorder=0.8,
    solid_capstyle='butt', label=frontier_name(curves),
  )  # fmt: skip
  hull = frontier.lower_hull(*points.T)
  ax.plot(
    *points[hull].T, color=style.GREY, lw=0.8 * width, ls=(0, (1, 1.5)),
    zorder=1, label='its convex hull',
  )  # fmt: skip


def draw_diagonal(ax, line, *, labelled=True):
  """Draws a `Diagonal` in the plane; shades what is below a known entropy.

  The limits of the axes stay as the points have set them.
  """
  if line is None:
    return
  limits = ax.get_xlim(), ax.get_ylim()
  if line.is_true:
    label = f'D = H {style.MINUS} R, H = {line.entropy_nats:.2f}'
  else:
    label = f'best {style.MINUS}ELBO, D + R = {line.nats:.2f}'
  ends = ((0, line.nats), (line.nats, 0))
  ax.plot(*ends, zorder=1, label=label if labelled else '', **_pen(line))
  if line.is_true:
    label = 'no model is here' if labelled else ''
    ax.fill_between(*ends, label=label, **style.INFEASIBLE)
  ax.set(xlim=limits[0], ylim=limits[1])


def draw_level(ax, line):
  """Draws a `Diagonal` in a panel whose ordinate is D + R, as a level line."""
  if line is None:
    return
  ax.axhline(line.nats, zorder=1, **_pen(line))
  if line.is_true:
    low, high = ax.get_ylim()
    low = min(low, line.nats - 0.05 * (high - line.nats))
    ax.axhspan(low, line.nats, **style.INFEASIBLE)
    ax.set_ylim(low, high)


def _pen(line):
  if line.is_true:
    return {'ls': '-', 'lw': 2 * style.line_width(), 'color': style.BLACK}
  return {'ls': '-', 'lw': 0.8 * style.line_width(), 'color': style.GREY}
