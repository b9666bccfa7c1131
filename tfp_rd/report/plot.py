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
from typing import TYPE_CHECKING

from tfp_rd import architecture as architecture_lib
from tfp_rd.curve import families as families_lib
from tfp_rd.report import caption, panel, points, style
from tfp_rd.report import legend as legend_lib
from tfp_rd.report.panel import (
  elbo_against_rate,
  part_differences,
  rate_distortion_plane,
  staircases,
)
from tfp_rd.run import atomic_file

if TYPE_CHECKING:
  from matplotlib import figure as figure_lib

__all__ = [
  'elbo_against_rate',
  'one_run_gaps',
  'overview',
  'part_differences',
  'rate_distortion_plane',
  'save',
  'staircases',
]

Path = atomic_file.Path

# Characters in a line of the caption, and entries in a row of the legend.
_CAPTION_WIDTH = 168
_ENTRIES_A_ROW = 5


def overview(curves: panel.Curves, *, title: str = '') -> 'figure_lib.Figure':
  """Draws all that the paper's Figure 3 shows.

  Args:
    curves: Of one data set.  `Curve.lines_alone` leaves out points that were
      trained separately, for a picture of the curves of one run alone.
    title: A line above the panels.

  Returns:
    The figure: the plane, -ELBO against R, and what each part is worth.

  Raises:
    UserError: There are no points.
  """
  with style.house_sizes():
    figure = style.new_figure(11, 8.6)
    plane = figure.add_axes((0.06, 0.475, 0.43, 0.395))
    elbo = figure.add_axes((0.555, 0.475, 0.43, 0.395))
    rate_distortion_plane(curves, plane, legend=False)
    elbo_against_rate(curves, elbo)
    style.title(plane, 'rate and distortion')
    style.title(elbo, 'what the ELBO sees of it')
    for i, part in enumerate(style.PARTS):
      ax = figure.add_axes((0.06 + 0.3225 * i, 0.125, 0.28, 0.23))
      part_differences(curves, part, ax=ax)
      if i:
        ax.set_ylabel('')
    _write_texts(figure, curves, plane, title)
  return figure


def _write_texts(figure, curves, plane, title):
  """Writes the title, the legend below it, and the caption at the bottom."""
  figure.text(0.06, 0.972, title, fontsize=12.5, weight='bold')
  legend_lib.draw(
    figure,
    legend_lib.entries(plane, curves),
    loc='upper left',
    bbox_to_anchor=(0.05, 0.968),
    ncols=_ENTRIES_A_ROW,
  )
  lines = textwrap.wrap(caption.explanation(curves), _CAPTION_WIDTH)
  figure.text(
    0.06, 0.065, '\n'.join(lines), fontsize=8.5, color='#666666', va='top'
  )


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
  with style.house_sizes():
    figure = style.new_figure(9.5, 4)
    signs = architecture_lib.SIGNS['decoder']
    axes = figure.subplots(1, len(signs), sharey=True)
    for ax, sign in zip(axes, signs, strict=True):
      chosen = [f for f in families if style.sign_of(f.name, 'decoder') == sign]
      for family in chosen:
        points.draw_gaps(ax, family)
      beta = '\N{GREEK SMALL LETTER BETA}'
      style.label_beta_axes(ax, f'gap of D + {beta} R (nats)')
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
