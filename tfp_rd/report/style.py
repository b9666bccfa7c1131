# SPDX-License-Identifier: Apache-2.0
"""How figures look: markers, colours, axes and legends.

The point of a family has the fill of its encoder's sign, the marker of its
decoder's and the colour of its marginal's, whose dash its line has; a panel
that is split by one part uses all of the sign's own style.  Styles of signs are
in `tfp_rd.architecture`.  Sizes are matplotlib's `rcParams`; the figures of a
report have those of `house_sizes`.
"""

import zlib

from tfp_rd import architecture as architecture_lib

__all__ = [
  'BLACK',
  'CROSS',
  'GREY',
  'INFEASIBLE',
  'MINUS',
  'OTHER',
  'PARTS',
  'RING',
  'face',
  'family',
  'house_sizes',
  'is_architecture',
  'label_axes',
  'label_beta_axes',
  'legend',
  'line',
  'line_width',
  'marker_size',
  'new_figure',
  'sign_of',
  'title',
]

BLACK, GREY = architecture_lib.BLACK, architecture_lib.GREY
# Not transparent: a hollow marker still hides the lines below it.
_WHITE = 'white'
PARTS = tuple(
  architecture_lib.SIGNS
)  # In the order of an architecture's letters.
# For curves whose names are no architectures.
OTHER = architecture_lib.Sign(
  '', '', 'other', 'other', architecture_lib.Style(GREY, 's')
)

MINUS = '\N{MINUS SIGN}'
# A point beside a curve of its family.
RING = {'markeredgewidth': 0.9, 'fillstyle': 'full', 'markerfacecolor': 'none'}
# A point that cannot be, and where no point can be.
CROSS = {
  **{'ls': 'none', 'marker': 'x', 'color': '#d00000', 'markersize': 13},
  **{'markeredgewidth': 1.8, 'zorder': 6},
}
INFEASIBLE = {'facecolor': '#f1f1f1', 'edgecolor': 'none', 'zorder': 0}
# For curves whose names are no architectures, by their names.
_FOREIGN_MARKERS = ('s', '^', 'v', 'p', 'X')
_FOREIGN_DASHES = ('-', '--', '-.', ':')


def sign_of(name: str, part: str) -> architecture_lib.Sign:
  """Returns the sign of one part of a family, `OTHER` if it is unknown."""
  place = PARTS.index(part)
  return architecture_lib.find(part, name[place : place + 1]) or OTHER


def face(fill, colour):
  """Returns the marker options of a fill style."""
  is_hollow = fill == 'none'
  return {
    'fillstyle': 'full' if is_hollow else fill,
    'markerfacecolor': _WHITE if is_hollow else colour,
    'markerfacecoloralt': _WHITE,
  }


def is_architecture(name: str) -> bool:
  """Returns whether a name is three signs that the table has."""
  known = len(name) == len(PARTS)
  return known and OTHER not in [sign_of(name, part) for part in PARTS]


def marker_size() -> float:
  """Returns the size of a round marker in points."""
  return 0.95 * _rc('lines.markersize')


def line_width() -> float:
  """Returns the width of the line of a curve in points."""
  return 0.75 * _rc('lines.linewidth')


def house_sizes():
  """Returns a context in which figures have the sizes of a report."""
  import matplotlib

  return matplotlib.rc_context(
    {
      **{'font.size': 9.5, 'axes.labelsize': 9.5, 'axes.titlesize': 11},
      **{'xtick.labelsize': 8.5, 'ytick.labelsize': 8.5},
      **{'legend.fontsize': 9, 'legend.title_fontsize': 9},
      **{'lines.markersize': 6, 'lines.linewidth': 1.5},
    }
  )


def _rc(name):
  import matplotlib

  return matplotlib.rcParams[name]


def family(name):
  """Returns the marker options of a curve; a foreign name has its own."""
  encoder, decoder, marginal = (sign_of(name, part).style for part in PARTS)
  marker = decoder.marker
  if not is_architecture(name):
    marker = _by_name(name, _FOREIGN_MARKERS)
  return {
    'marker': marker,
    'markersize': marker_size() * (0.83 if marker == 'D' else 1.0),
    'markeredgewidth': 0.2 * marker_size(),
    'markeredgecolor': marginal.colour,
    **face(encoder.fill, marginal.colour),
  }


def line(name):
  """Returns the options of the line of a curve."""
  look = sign_of(name, 'marginal').style
  dash = look.linestyle
  if not is_architecture(name):
    dash = _by_name(name, _FOREIGN_DASHES)
  return {'color': look.colour, 'ls': dash, 'lw': line_width()}


def _by_name(name, choices):
  return choices[zlib.crc32(name.encode()) % len(choices)]


def new_figure(width, height):
  """Returns an empty figure of so many inches, outside of pyplot."""
  from tfp_rd.report import shown_figure

  size = (width, height)
  return shown_figure.ShownFigure(figsize=size, dpi=150, facecolor='white')


def _soften(ax):
  """Gives axes a pale frame and grid."""
  ax.tick_params(color='#bbbbbb')
  for axis in 'xy':  # Matplotlib would ask when it draws.
    ax.tick_params(axis=axis, labelsize=_rc(f'{axis}tick.labelsize'))
  ax.spines[['top', 'right']].set_visible(False)
  ax.spines[['left', 'bottom']].set_color('#bbbbbb')
  ax.grid(color='#eeeeee', lw=0.8)


def label_axes(ax, ylabel, *, from_zero=True):
  """Labels axes whose abscissa is the rate; ticks are whole numbers."""
  from matplotlib import ticker

  ax.set_xlabel('rate R (nats)')
  ax.set_ylabel(ylabel)
  _soften(ax)
  ax.set_axisbelow(True)
  for axis in (ax.xaxis, ax.yaxis):
    axis.set_major_locator(ticker.MaxNLocator(7, steps=[1, 2, 5, 10]))
  ax.set_xlim(left=0)
  if from_zero:
    ax.set_ylim(bottom=0)


def label_beta_axes(ax, ylabel):
  """Labels axes whose abscissa is beta, and draws a line at 0."""
  ax.set_xscale('log')
  ax.xaxis.set_major_formatter('{x:g}')
  ax.set_xlabel('\N{GREEK SMALL LETTER BETA}')
  ax.set_ylabel(ylabel)
  _soften(ax)
  ax.axhline(0, color=BLACK, lw=1, ls=':', zorder=1)


def title(ax, text, *, pad=8):
  """Writes a panel's title flush left."""
  ax.set_title(text, loc='left', pad=pad)


def legend(ax, *, loc, anchor, heading=None, ncols=1):
  """Puts the legend outside the axes, where there are no points to cover."""
  if not ax.get_legend_handles_labels()[1]:
    return
  box = ax.legend(
    loc=loc, bbox_to_anchor=anchor, title=heading, ncols=ncols, frameon=False,
    alignment='left', handlelength=1.7, columnspacing=1, labelspacing=0.45,
  )  # fmt: skip
  for text in box.get_texts():
    if len(text.get_text()) == len(PARTS):  # A family's name: letters align.
      text.set_fontfamily('monospace')
