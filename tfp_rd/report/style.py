# SPDX-License-Identifier: Apache-2.0
"""How figures look: markers, colours, axes and legends.

The point of a family has the fill of its encoder's sign, the marker of its
decoder's and the colour of its marginal's; a panel that is split by one part
uses all of the sign's own style.  Styles of signs are in `tfp_rd.architecture`.
"""

from tfp_rd import architecture as architecture_lib

__all__ = [
  'BEST',
  'BLACK',
  'CROSS',
  'ESTIMATE_SIZE',
  'GREY',
  'INFEASIBLE',
  'MINUS',
  'OTHER',
  'PARTS',
  'RING',
  'face',
  'family',
  'label_axes',
  'label_beta_axes',
  'legend',
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

BEST = '\N{LATIN CAPITAL LETTER H WITH CIRCUMFLEX}'  # The best -ELBO.
MINUS = '\N{MINUS SIGN}'
# A point beside a curve of its family.
RING = {
  **{'markersize': 9.5, 'markeredgewidth': 0.9, 'fillstyle': 'full'},
  'markerfacecolor': 'none',
}
# A point that cannot be, and where no point can be.
CROSS = {
  **{'ls': 'none', 'marker': 'x', 'color': '#d00000', 'markersize': 13},
  **{'markeredgewidth': 1.8, 'zorder': 6},
}
ESTIMATE_SIZE = 40  # Of a marker, in square points.
INFEASIBLE = {'facecolor': '#f1f1f1', 'edgecolor': 'none', 'zorder': 0}
_FONT_SIZE = 9.5


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


def family(name):
  """Returns the marker options of a curve, grey squares for a foreign name."""
  encoder, decoder, marginal = (sign_of(name, part).style for part in PARTS)
  return {
    'marker': decoder.marker,
    'markersize': 4.8 if decoder.marker == 'D' else 5.8,
    'markeredgewidth': 1.2,
    'markeredgecolor': marginal.colour,
    **face(encoder.fill, marginal.colour),
  }


def new_figure(width, height):
  """Returns an empty figure of so many inches, outside of pyplot."""
  from tfp_rd.report import shown_figure

  size = (width, height)
  return shown_figure.ShownFigure(figsize=size, dpi=150, facecolor='white')


def _soften(ax):
  """Gives axes a pale frame and grid."""
  ax.tick_params(labelsize=_FONT_SIZE - 1, color='#bbbbbb')
  ax.spines[['top', 'right']].set_visible(False)
  ax.spines[['left', 'bottom']].set_color('#bbbbbb')
  ax.grid(color='#eeeeee', lw=0.8)


def label_axes(ax, ylabel, *, from_zero=True):
  """Labels axes whose abscissa is the rate; ticks are whole numbers."""
  from matplotlib import ticker

  ax.set_xlabel('rate R (nats)', fontsize=_FONT_SIZE)
  ax.set_ylabel(ylabel, fontsize=_FONT_SIZE)
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
  ax.set_xlabel('\N{GREEK SMALL LETTER BETA}', fontsize=_FONT_SIZE)
  ax.set_ylabel(ylabel, fontsize=_FONT_SIZE)
  _soften(ax)
  ax.axhline(0, color=BLACK, lw=1, ls=':', zorder=1)


def title(ax, text, *, pad=8):
  """Writes a panel's title flush left."""
  ax.set_title(text, loc='left', fontsize=_FONT_SIZE + 1.5, pad=pad)


def legend(ax, *, loc, anchor, heading=None, ncols=1):
  """Puts the legend outside the axes, where there are no points to cover."""
  if not ax.get_legend_handles_labels()[1]:
    return
  box = ax.legend(
    loc=loc, bbox_to_anchor=anchor, title=heading, ncols=ncols, frameon=False,
    fontsize=_FONT_SIZE - 0.5, title_fontsize=_FONT_SIZE - 0.5,
    alignment='left', handlelength=1.7, columnspacing=1, labelspacing=0.45,
  )  # fmt: skip
  for text in box.get_texts():
    if len(text.get_text()) == len(PARTS):  # A family's name: letters align.
      text.set_fontfamily('monospace')
