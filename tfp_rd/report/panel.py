# SPDX-License-Identifier: Apache-2.0
"""The panels of a figure: the plane, -ELBO over the rate, and parts compared.

Each is drawn into axes that are given, with the sizes of matplotlib's
`rcParams`.
"""

from collections.abc import Sequence
from typing import Optional, TYPE_CHECKING

from tfp_rd import architecture as architecture_lib
from tfp_rd.curve import curve as curve_lib
from tfp_rd.curve import diagonal, reach
from tfp_rd.report import differences, limits, points, style
from tfp_rd.report import legend as legend_lib

if TYPE_CHECKING:
  from matplotlib import axes as axes_lib

__all__ = [
  'elbo_against_rate',
  'part_differences',
  'rate_distortion_plane',
  'staircases',
]

Curves = Sequence[curve_lib.Curve]
_SIGNS_A_ROW = 3


def rate_distortion_plane(
  curves: Curves,
  ax: 'Optional[axes_lib.Axes]' = None,
  *,
  legend: bool = True,
  frontier: bool = True,
) -> 'axes_lib.Axes':
  """Draws the plane: points with their errors, lines, and what bounds them.

  A line is a curve of one run; five of its points have markers.  The diagonal
  is `D = H - R` with H the entropy of the source where it is known, moved to
  where the test images have it, so that each point is above by its D + R - H:
  what lies below is shaded, and a point that is there beyond chance is crossed
  out.  Else it is the -ELBO on test of the point which is best on validation,
  and there is none without validation.  The frontier is that of all points that
  are bounds and of the lines between them, which mixtures reach by
  time-sharing; an estimate has a dashed outline and takes no part.  Thin bars
  are standard errors over examples, wide pale ones the standard deviation over
  seeds.  The end of a curve that turns up is thin, with a plus.

  Args:
    curves: Of one data set, as from `tfp_rd.load_curves`.
    ax: Where to draw; a new figure if there is none.  Sizes are those of
      matplotlib's `rcParams`; 3.3 inches are enough at a font size of 7.
    legend: Whether to say what the marks mean: beside a new figure's axes, or
      inside those that are given.
    frontier: Whether to draw the frontier and its convex hull.

  Returns:
    The axes; their `figure` has the picture.

  Raises:
    UserError: There are no points.
  """
  line = diagonal.diagonal_of(curves)  # Refuses before anything is drawn.
  is_new = ax is None
  if is_new:
    figure = style.new_figure(8.6, 5.2)
    ax = figure.add_axes((0.075, 0.11, 0.59, 0.85))
  for curve in curves:
    points.draw_points(ax, curve, 'distortion')
  if frontier:
    limits.draw_frontier(ax, curves)
  style.label_axes(ax, 'distortion D (nats)', from_zero=False)
  limits.draw_diagonal(ax, line)
  if legend:
    place = {'loc': 'upper left', 'bbox_to_anchor': (1.01, 1.03)}
    legend_lib.draw(
      ax, legend_lib.entries(ax, curves), **place if is_new else {'loc': 'best'}
    )
  return ax


def staircases(
  curves: Curves, part: str, *, ax: 'Optional[axes_lib.Axes]' = None
) -> 'axes_lib.Axes':
  """Draws the frontier of each sign of one part: of separate runs, a staircase.

  Args:
    curves: Of one data set.
    part: `'encoder'`, `'decoder'` or `'marginal'`.
    ax: Where to draw; a new figure if there is none.

  Returns:
    The axes.

  Raises:
    UserError: There are no points.
  """
  line = diagonal.diagonal_of(curves)
  if ax is None:
    ax = style.new_figure(5, 4).add_axes((0.12, 0.13, 0.84, 0.73))
  for sign in (*architecture_lib.SIGNS[part], style.OTHER):
    chosen = [c for c in curves if style.sign_of(c.name, part) == sign]
    if len(reach.bounds(chosen)):
      _draw_sign(ax, chosen, sign)
  style.label_axes(ax, 'distortion D (nats)', from_zero=False)
  limits.draw_diagonal(ax, line, labelled=False)
  num_rows = -(-len(ax.get_legend_handles_labels()[1]) // _SIGNS_A_ROW)
  style.title(ax, f'by {part}', pad=22 + 14 * max(num_rows - 1, 0))
  style.legend(ax, loc='lower left', anchor=(-0.03, 0.98), ncols=_SIGNS_A_ROW)
  return ax


def part_differences(
  curves: Curves, part: str, *, ax: 'Optional[axes_lib.Axes]' = None
) -> 'axes_lib.Axes':
  """Draws what a part is worth: D of its first sign less D of each other.

  At each rate the best families of two signs are compared, chosen on
  validation, by the paired difference of D on test at that rate; the band is
  one standard error.  Where not every sign has a curve of one run, there is no
  equal rate, and `staircases` are drawn.

  Args:
    curves: Of one data set.
    part: `'encoder'`, `'decoder'` or `'marginal'`.
    ax: Where to draw; a new figure if there is none.

  Returns:
    The axes.

  Raises:
    UserError: There are no points.
  """
  signs = differences.signs_with_lines(curves, part)
  if signs is None:
    return staircases(curves, part, ax=ax)
  if ax is None:
    ax = style.new_figure(5, 4).add_axes((0.12, 0.13, 0.84, 0.73))
  differences.draw(ax, signs, part)
  style.label_axes(ax, 'difference of D (nats)', from_zero=False)
  style.title(ax, f'D at equal rate, by {part}', pad=22)
  style.legend(ax, loc='lower left', anchor=(-0.03, 0.98), ncols=2)
  return ax


def elbo_against_rate(
  curves: Curves, ax: 'Optional[axes_lib.Axes]' = None
) -> 'axes_lib.Axes':
  """Draws -ELBO over the rate: points of one height have the same ELBO.

  Args:
    curves: Of one data set.
    ax: Where to draw; a new figure if there is none.

  Returns:
    The axes.  The ordinate does not begin at 0, since differences matter.

  Raises:
    UserError: There are no points.
  """
  line = diagonal.diagonal_of(curves)
  if ax is None:
    ax = style.new_figure(5, 4).add_axes((0.12, 0.13, 0.84, 0.8))
  for curve in curves:
    points.draw_points(ax, curve, 'elbo')
  style.label_axes(ax, f'{style.MINUS}ELBO = D + R (nats)', from_zero=False)
  limits.draw_level(ax, line)
  return ax


def _draw_sign(ax, curves, sign):
  look = sign.style
  marks = reach.bounds([curve.without_lines() for curve in curves])
  ax.plot(
    *marks.T, ls='none', marker=look.marker, ms=0.7 * style.marker_size(),
    mew=0.9, mec=look.colour, alpha=0.55, zorder=3, clip_on=False,
    **style.face(look.fill, look.colour),
  )  # fmt: skip
  ax.plot(
    *reach.corners(curves).T, color=look.colour, ls=look.linestyle,
    lw=1.6 * style.line_width(), zorder=4,
    label=f'{sign.letter}  {sign.title}'.strip(),
  )  # fmt: skip
