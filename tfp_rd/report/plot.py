# SPDX-License-Identifier: Apache-2.0
"""Draws the figures of a report from curves.

Figures are made through matplotlib's objects: no global state, no window, no
choice of a backend.  Matplotlib is imported when something is drawn, and
TensorFlow never.
"""

import io
import pathlib
import textwrap
from collections.abc import Sequence
from typing import Optional, TYPE_CHECKING

import numpy as np

from tfp_rd import architecture as architecture_lib
from tfp_rd.curve import curve as curve_lib
from tfp_rd.curve import diagonal
from tfp_rd.curve import families as families_lib
from tfp_rd.report import limits, points, style
from tfp_rd.run import atomic_file

if TYPE_CHECKING:
  from matplotlib import axes as axes_lib
  from matplotlib import figure as figure_lib

__all__ = [
  'elbo_against_rate',
  'one_run_gaps',
  'overview',
  'rate_distortion_plane',
  'save',
  'staircases',
]

Curves = Sequence[curve_lib.Curve]
Path = atomic_file.Path

# Characters in a line above the panels, and signs in one above a panel.
_CAPTION_WIDTH = 175
_SIGNS_A_ROW = 3


def rate_distortion_plane(
  curves: Curves, ax: 'Optional[axes_lib.Axes]' = None
) -> 'axes_lib.Axes':
  """Draws every point of the plane with its errors, and what bounds them.

  The diagonal is `D = H - R` with H the entropy of the source where it is
  known, moved to where the test images have it, so that each point is above by
  its D + R - H: what lies below is shaded, and a point that is there beyond
  chance is crossed out.  Else H is the -ELBO on test of the point which is best
  on validation.  The staircase and its convex hull are those of all points that
  are bounds; an estimate has a dashed outline and takes no part.  Thin bars are
  standard errors over examples, wide pale ones the standard deviation over
  seeds.

  Args:
    curves: Of one data set, as from `tfp_rd.load_curves`.
    ax: Where to draw; a new figure if there is none.

  Returns:
    The axes; their `figure` has the picture.

  Raises:
    UserError: There are no points.
  """
  line = diagonal.diagonal_of(curves)  # Refuses before anything is drawn.
  if ax is None:
    figure = style.new_figure(7.5, 5.2)
    ax = figure.add_axes((0.08, 0.11, 0.65, 0.85))
  for curve in curves:
    points.draw_points(ax, curve, 'distortion')
  limits.draw_frontier(ax, *_bounds(curves))
  limits.draw_diagonal(ax, line)
  style.label_axes(ax, 'distortion D (nats)')
  heading = ', '.join(style.PARTS)
  style.legend(ax, heading=heading, loc='upper left', anchor=(1.01, 1.03))
  return ax


def staircases(
  curves: Curves, part: str, *, ax: 'Optional[axes_lib.Axes]' = None
) -> 'axes_lib.Axes':
  """Draws the Pareto staircase of each sign of one part.

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
  signs = (*architecture_lib.SIGNS[part], style.OTHER)
  for sign in signs:
    chosen = [c for c in curves if style.sign_of(c.name, part) == sign]
    rate, distortion = _bounds(chosen)
    if rate.size:
      _draw_sign(ax, rate, distortion, sign)
  limits.draw_diagonal(ax, line, labelled=False)
  style.label_axes(ax, 'distortion D (nats)')
  num_rows = -(-len(ax.get_legend_handles_labels()[1]) // _SIGNS_A_ROW)
  style.title(ax, f'by {part}', pad=22 + 14 * max(num_rows - 1, 0))
  style.legend(ax, loc='lower left', anchor=(-0.03, 0.98), ncols=_SIGNS_A_ROW)
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


def overview(curves: Curves, *, title: str = '') -> 'figure_lib.Figure':
  """Draws all that the paper's Figure 3 shows.

  Args:
    curves: Of one data set.
    title: A line above the panels.

  Returns:
    The figure: the plane, -ELBO against R, and the plane by each part.

  Raises:
    UserError: There are no points.
  """
  figure = style.new_figure(11, 8.4)
  plane = figure.add_axes((0.06, 0.45, 0.42, 0.46))
  elbo = figure.add_axes((0.705, 0.45, 0.285, 0.46))
  style.title(rate_distortion_plane(curves, plane), 'every point')
  style.title(elbo_against_rate(curves, elbo), 'what the ELBO sees of it')
  for i, part in enumerate(style.PARTS):
    ax = figure.add_axes((0.06 + 0.3225 * i, 0.06, 0.285, 0.26))
    staircases(curves, part, ax=ax).set_ylabel('D (nats)' if i == 0 else '')
  figure.text(0.06, 0.972, title, fontsize=12.5, weight='bold')
  lines = textwrap.wrap(points.explanation(curves), _CAPTION_WIDTH)
  heights = (0.95,) if len(lines) == 1 else (0.957, 0.941)
  for height, line in zip(heights, lines, strict=True):
    figure.text(0.06, height, line, fontsize=8.5, color='#666666')
  return figure


def one_run_gaps(
  families: Sequence[families_lib.FamilyGaps],
) -> 'figure_lib.Figure':
  """Draws the gap between curves of one run and separate runs over beta.

  Args:
    families: As from `tfp_rd.curve.judges.compare_runs`.

  Returns:
    The figure: a panel for each decoder, gaps of `D + beta R` with one standard
    error of the paired difference over images.
  """
  figure = style.new_figure(9.5, 4)
  signs = architecture_lib.SIGNS['decoder']
  axes = figure.subplots(1, len(signs), sharey=True)
  for ax, sign in zip(axes, signs, strict=True):
    chosen = [f for f in families if style.sign_of(f.name, 'decoder') == sign]
    for family in chosen:
      points.draw_gaps(ax, family)
    style.label_beta_axes(ax, 'gap of D + \N{GREEK SMALL LETTER BETA} R (nats)')
    style.title(ax, f'{sign.title} decoder')
    if chosen:
      style.legend(ax, loc='upper left', anchor=(1.0, 1.03))
  figure.tight_layout()
  return figure


def save(figure: 'figure_lib.Figure', path: Path) -> None:
  """Writes a figure, whole or not at all, with the same bytes every time.

  Args:
    figure: The figure.
    path: A file whose suffix names the format, such as `.png` or `.svg`.

  Raises:
    OSError: It cannot be written.
  """
  import matplotlib

  kind = pathlib.Path(path).suffix.lstrip('.')
  # Neither dates nor random ids: a report drawn twice shows no difference.
  metadata = {'svg': {'Date': None}, 'png': {'Software': None}}.get(kind)
  buffer = io.BytesIO()
  with matplotlib.rc_context({'svg.hashsalt': 'tfp_rd'}):
    figure.savefig(buffer, format=kind, metadata=metadata)
  atomic_file.write_atomically(path, buffer.getvalue())


def _bounds(curves):
  """Returns rate and distortion `[P]` of the points that are bounds."""
  points = [
    (point.test.rate.nats, point.test.distortion.nats)
    for curve in curves
    for point in curve.points
    if point.is_bound('rate', 'distortion')
  ]
  rate, distortion = np.reshape(points, [-1, 2]).T
  return rate, distortion


def _draw_sign(ax, rate, distortion, sign):
  style_of = sign.style
  ax.plot(
    rate, distortion, ls='none', marker=style_of.marker, ms=4, mew=0.9,
    mec=style_of.colour, alpha=0.55, zorder=3, clip_on=False,
    **style.face(style_of.fill, style_of.colour),
  )  # fmt: skip
  ax.plot(
    *limits.stairs(rate, distortion), color=style_of.colour,
    ls=style_of.linestyle, lw=1.8, zorder=4,
    label=f'{sign.letter}  {sign.title}'.strip(),
  )  # fmt: skip
