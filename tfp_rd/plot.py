# SPDX-License-Identifier: Apache-2.0
"""Figures are drawn from curves alone, in one visual language for all.

Colour tells the marginal, shape the decoder, filling the encoder.  Figures are
made through matplotlib's objects: no global state, no window, no backend.
Matplotlib is imported when something is drawn.  No TensorFlow here.
"""

import io
import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple, Optional, TYPE_CHECKING, Union

import numpy as np

from tfp_rd import curve as curve_lib
from tfp_rd import frontier
from tfp_rd import run as run_lib

if TYPE_CHECKING:
  from matplotlib import axes as axes_lib
  from matplotlib import figure as figure_lib

__all__ = [
  'elbo_against_rate',
  'overview',
  'rate_distortion_plane',
  'save',
  'staircases',
]

Curves = Sequence[curve_lib.Curve]
Path = Union[str, os.PathLike]


class _Letter(NamedTuple):
  """How one letter of an architecture is told and drawn."""

  title: str
  colour: str
  marker: str
  filled: bool
  dashes: str


# The visual language.  A family takes its filling from the encoder's letter,
# its marker from the decoder's and its colour from the marginal's; a panel that
# is split by one letter draws the letter's own row.  The colours are those of
# Okabe and Ito, which stay apart for colour-blind eyes.
_GREY, _BLACK = '#8c8c8c', '#222222'
_BLUE, _ORANGE, _GREEN = '#0072b2', '#d55e00', '#009e73'
_LETTERS = {
  'encoder': {
    '-': _Letter('Gaussian', _GREY, 'o', False, '--'),
    '+': _Letter('inverse autoregressive', _BLACK, 'o', True, '-'),
  },
  'decoder': {
    '-': _Letter('deconvolutional', _GREY, 'o', True, '--'),
    '+': _Letter('PixelCNN', _BLACK, 'D', True, '-'),
  },
  'marginal': {
    '-': _Letter('standard normal', _BLUE, 'o', True, '-'),
    '+': _Letter('masked autoregressive', _ORANGE, 'o', True, '-'),
    'v': _Letter('VampPrior', _GREEN, 'o', True, '-'),
  },
}
_PARTS = tuple(_LETTERS)  # In the order of an architecture's letters.
_FONT_SIZE = 9.5


def rate_distortion_plane(
  curves: Curves, ax: 'Optional[axes_lib.Axes]' = None
) -> 'axes_lib.Axes':
  """Draws every point of the plane with its errors, and what bounds them.

  The diagonal `D = H - R` passes through the point that is best on validation;
  the staircase and its convex hull are those of all points.  Thin bars are
  standard errors over examples, pale wide ones the spread over seeds.

  Args:
    curves: Of one data set, as from `tfp_rd.load_curves`.
    ax: Where to draw; a new figure if there is none.

  Returns:
    The axes; their `figure` has the picture.

  Raises:
    UserError: There are no points.
  """
  frontier.best_point(curves)  # Refuses before anything is drawn.
  if ax is None:
    figure = _new_figure(7.5, 5.2)
    ax = figure.add_axes((0.08, 0.11, 0.66, 0.83))
  for curve in curves:
    _draw_points(ax, curve, 'distortion')
  _draw_frontier(ax, *_plane(curves))
  _draw_diagonal(ax, curves)
  _dress(ax, 'distortion D (nats)')
  _legend(ax, loc='upper left', bbox_to_anchor=(1.02, 1.02))
  return ax


def staircases(
  curves: Curves, part: str, ax: 'Optional[axes_lib.Axes]' = None
) -> 'axes_lib.Axes':
  """Draws the Pareto staircase of each letter of one part.

  Args:
    curves: Of one data set.
    part: `'encoder'`, `'decoder'` or `'marginal'`.
    ax: Where to draw; a new figure if there is none.

  Returns:
    The axes.
  """
  if ax is None:
    ax = _new_figure(5, 4).add_axes((0.12, 0.14, 0.84, 0.76))
  for sign, letter in _LETTERS[part].items():
    chosen = [c for c in curves if c.name[_PARTS.index(part)] == sign]
    if chosen:
      _draw_letter(ax, *_plane(chosen), sign, letter)
  _draw_diagonal(ax, curves, label='')
  _dress(ax, 'distortion D (nats)')
  ax.set_title(f'by {part}', loc='left', fontsize=_FONT_SIZE + 1.5)
  _legend(ax, loc='upper right')
  return ax


def elbo_against_rate(
  curves: Curves, ax: 'Optional[axes_lib.Axes]' = None
) -> 'axes_lib.Axes':
  """Draws -ELBO over the rate: models that the ELBO cannot tell apart.

  Args:
    curves: Of one data set.
    ax: Where to draw; a new figure if there is none.

  Returns:
    The axes.  The ordinate does not begin at 0: its differences matter.
  """
  if ax is None:
    ax = _new_figure(5, 4).add_axes((0.12, 0.14, 0.84, 0.76))
  for curve in curves:
    _draw_points(ax, curve, 'elbo')
  best, index = frontier.best_point(curves)
  ax.axhline(-best.column('elbo_nats')[index], color=_BLACK, lw=1, ls=':')
  _dress(ax, '\N{MINUS SIGN}ELBO = D + R (nats)', from_zero=False)
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
  figure = _new_figure(11, 8.2)
  plane = figure.add_axes((0.05, 0.44, 0.41, 0.48))
  rate_distortion_plane(curves, plane)
  plane.set_title('every point', loc='left', fontsize=_FONT_SIZE + 1.5)
  elbo = figure.add_axes((0.69, 0.44, 0.30, 0.48))
  elbo_against_rate(curves, elbo)
  elbo.set_title('what the ELBO sees', loc='left', fontsize=_FONT_SIZE + 1.5)
  for i, part in enumerate(_PARTS):
    ax = figure.add_axes((0.05 + 0.325 * i, 0.06, 0.29, 0.27))
    staircases(curves, part, ax)
  figure.text(0.05, 0.965, title, fontsize=_FONT_SIZE + 3, weight='bold')
  return figure


def save(figure: 'figure_lib.Figure', path: Path) -> None:
  """Writes a figure, whole or not at all, with the same bytes every time.

  Args:
    figure: The figure.
    path: A file whose suffix names the format: `.png` or `.svg`.
  """
  import matplotlib

  path = pathlib.Path(path)
  kind = path.suffix.lstrip('.')
  # Neither dates nor random ids: a report drawn twice shows no difference.
  metadata = {'svg': {'Date': None}, 'png': {'Software': None}}.get(kind)
  buffer = io.BytesIO()
  with matplotlib.rc_context({'svg.hashsalt': 'tfp_rd'}):
    figure.savefig(buffer, format=kind, metadata=metadata)
  run_lib.write_atomically(path, buffer.getvalue())


def _new_figure(width, height):
  from matplotlib import figure as figure_lib

  return figure_lib.Figure(figsize=(width, height), dpi=150, facecolor='white')


def _plane(curves):
  return tuple(
    np.concatenate([c.column(f'{value}_nats') for c in curves])
    for value in ('rate', 'distortion')
  )


def _draw_points(ax, curve, value):
  """Markers of one family, with standard errors and the spread over seeds."""
  encoder, decoder, marginal = (
    _LETTERS[part][sign] for part, sign in zip(_PARTS, curve.name)
  )
  colour = marginal.colour
  rate = curve.column('rate_nats')
  height = curve.column(f'{value}_nats') * (-1 if value == 'elbo' else 1)
  for error, alpha, width in (('seed_std', 0.25, 4), ('stderr', 0.8, 0.9)):
    names = _error_names(error, value)
    x, y = (np.nan_to_num(curve.column(name)) for name in names)
    if np.any(x) or np.any(y):
      ax.errorbar(
        rate, height, y, x, fmt='none', ecolor=colour, elinewidth=width,
        alpha=alpha, zorder=2, clip_on=False,
      )  # fmt: skip
  ax.plot(
    rate, height, ls='none', label=curve.name, marker=decoder.marker,
    ms=5.4 if decoder.marker == 'D' else 6.4, mec=colour, mew=1.3,
    mfc=colour if encoder.filled else 'white', zorder=4, clip_on=False,
  )  # fmt: skip


def _error_names(error, value):
  if error == 'seed_std':
    return 'seed_std_rate_nats', f'seed_std_{value}_nats'
  return 'rate_stderr_nats', f'{value}_stderr_nats'


def _draw_letter(ax, rate, distortion, sign, letter):
  ax.plot(
    rate, distortion, ls='none', marker=letter.marker, ms=4, mew=0.9,
    mec=letter.colour, mfc=letter.colour if letter.filled else 'white',
    alpha=0.55, zorder=3, clip_on=False,
  )  # fmt: skip
  ax.plot(
    *_stairs(rate, distortion), color=letter.colour, ls=letter.dashes, lw=1.8,
    label=f'{sign}  {letter.title}', zorder=4,
  )  # fmt: skip


def _draw_frontier(ax, rate, distortion):
  ax.plot(
    *_stairs(rate, distortion), color=_BLACK, lw=1.2, zorder=3,
    label='Pareto staircase',
  )  # fmt: skip
  hull = frontier.lower_hull(rate, distortion)
  ax.plot(
    rate[hull], distortion[hull], color=_GREY, lw=3, alpha=0.6, zorder=1,
    label='its convex hull',
  )  # fmt: skip


def _draw_diagonal(
  ax, curves, label='D = \N{LATIN CAPITAL LETTER H WITH CIRCUMFLEX} - R'
):
  best, index = frontier.best_point(curves)
  entropy = -best.column('elbo_nats')[index]
  if label:
    label = f'{label} = {entropy:.2f}'
  ax.plot(
    (0, entropy), (entropy, 0), color=_BLACK, lw=1, ls=':', label=label,
    zorder=1,
  )  # fmt: skip


def _stairs(rate, distortion):
  """Corners of the staircase; it goes on level up to the largest rate."""
  steps = frontier.pareto(rate, distortion)
  x = np.repeat(np.r_[rate[steps], rate.max()], 2)[1:]
  return x[:-1], np.repeat(distortion[steps], 2)


def _dress(ax, ylabel, *, from_zero=True):
  ax.set_xlabel('rate R (nats)', fontsize=_FONT_SIZE)
  ax.set_ylabel(ylabel, fontsize=_FONT_SIZE)
  ax.tick_params(labelsize=_FONT_SIZE - 1, color='#bbbbbb')
  ax.spines[['top', 'right']].set_visible(False)
  ax.spines[['left', 'bottom']].set_color('#bbbbbb')
  ax.grid(color='#eeeeee', lw=0.8)
  ax.set_axisbelow(True)
  ax.set_xlim(left=0)
  if from_zero:
    ax.set_ylim(bottom=0)


def _legend(ax, **place):
  ax.legend(frameon=False, fontsize=_FONT_SIZE - 1, **place)
