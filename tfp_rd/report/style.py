# SPDX-License-Identifier: Apache-2.0
"""One visual language for all figures, as a table and a few finishing touches.

A family takes its filling from the encoder's letter, its marker from the
decoder's and its colour from the marginal's; a panel that is split by one part
draws the letter's own row.  The colours are those of Okabe and Ito, which stay
apart for colour-blind eyes.
"""

from typing import NamedTuple

__all__ = [
  'BEST',
  'BLACK',
  'CROSS',
  'GREY',
  'INFEASIBLE',
  'LETTERS',
  'Letter',
  'MINUS',
  'PARTS',
  'RING',
  'dress',
  'dress_betas',
  'family',
  'legend',
  'new_figure',
  'title',
]


class Letter(NamedTuple):
  """How one letter of an architecture is told and drawn."""

  title: str
  colour: str
  marker: str
  dashes: str
  fill: str


BLACK, GREY = '#222222', '#8c8c8c'
_BLUE, _ORANGE, _GREEN = '#0072b2', '#d55e00', '#009e73'
_NONE = 'white'  # Not transparent: what is hollow still hides the lines below.

LETTERS = {
  'encoder': {
    '-': Letter('Gaussian', GREY, 'o', '--', _NONE),
    '+': Letter('IAF', BLACK, 'o', '-', BLACK),
  },
  'decoder': {
    '-': Letter('deconvolutional', GREY, 'o', '--', GREY),
    '+': Letter('PixelCNN', BLACK, 'D', '-', BLACK),
  },
  'marginal': {
    '-': Letter('normal', _BLUE, 'o', '-', _BLUE),
    '+': Letter('MAF', _ORANGE, 'o', '-', _ORANGE),
    'v': Letter('VampPrior', _GREEN, 'o', '-', _GREEN),
  },
}
PARTS = tuple(LETTERS)  # In the order of an architecture's letters.
_OTHER = Letter('other', GREY, 's', '-', GREY)

BEST = '\N{LATIN CAPITAL LETTER H WITH CIRCUMFLEX}'  # The best -ELBO.
MINUS = '\N{MINUS SIGN}'
# A point beside a curve of its family.
RING = {'markersize': 9.5, 'markeredgewidth': 0.9, 'markerfacecolor': 'none'}
# A point that cannot be, and where no point can be.
CROSS = {
  **{'ls': 'none', 'marker': 'x', 'color': '#d00000', 'markersize': 13},
  **{'markeredgewidth': 1.8, 'zorder': 6},
}
INFEASIBLE = {'facecolor': '#f1f1f1', 'edgecolor': 'none', 'zorder': 0}
_FONT_SIZE = 9.5


def family(name):
  """Returns the marker options of a curve, grey squares for a foreign name."""
  encoder, decoder, marginal = (
    LETTERS[part].get(name[i : i + 1], _OTHER) for i, part in enumerate(PARTS)
  )
  hollow = encoder.fill == _NONE
  return {
    'marker': decoder.marker,
    'markersize': 4.8 if decoder.marker == 'D' else 5.8,
    'markeredgewidth': 1.2,
    'markeredgecolor': marginal.colour,
    'markerfacecolor': _NONE if hollow else marginal.colour,
  }


def new_figure(width, height):
  """Returns an empty figure of so many inches, outside of pyplot."""
  from matplotlib import figure as figure_lib

  return figure_lib.Figure(figsize=(width, height), dpi=150, facecolor='white')


def _quieten(ax):
  """Gives axes a pale frame and grid."""
  ax.tick_params(labelsize=_FONT_SIZE - 1, color='#bbbbbb')
  ax.spines[['top', 'right']].set_visible(False)
  ax.spines[['left', 'bottom']].set_color('#bbbbbb')
  ax.grid(color='#eeeeee', lw=0.8)


def dress(ax, ylabel, *, from_zero=True):
  """Gives axes of the rate their labels, quiet frame and whole-number ticks."""
  from matplotlib import ticker

  ax.set_xlabel('rate R (nats)', fontsize=_FONT_SIZE)
  ax.set_ylabel(ylabel, fontsize=_FONT_SIZE)
  _quieten(ax)
  ax.set_axisbelow(True)
  for axis in (ax.xaxis, ax.yaxis):
    axis.set_major_locator(ticker.MaxNLocator(7, steps=[1, 2, 5, 10]))
  ax.set_xlim(left=0)
  if from_zero:
    ax.set_ylim(bottom=0)


def dress_betas(ax, ylabel):
  """Gives axes of beta their labels, a quiet frame and a line at 0."""
  ax.set_xscale('log')
  ax.xaxis.set_major_formatter('{x:g}')
  ax.set_xlabel('\N{GREEK SMALL LETTER BETA}', fontsize=_FONT_SIZE)
  ax.set_ylabel(ylabel, fontsize=_FONT_SIZE)
  _quieten(ax)
  ax.axhline(0, color=BLACK, lw=1, ls=':', zorder=1)


def title(ax, text, *, pad=8):
  """Writes a panel's title flush left."""
  ax.set_title(text, loc='left', fontsize=_FONT_SIZE + 1.5, pad=pad)


def legend(ax, *, loc, anchor, heading=None, ncols=1):
  """Puts the legend outside the axes, where there are no points to cover."""
  box = ax.legend(
    loc=loc, bbox_to_anchor=anchor, title=heading, ncols=ncols, frameon=False,
    fontsize=_FONT_SIZE - 0.5, title_fontsize=_FONT_SIZE - 0.5,
    alignment='left', handlelength=1.7, columnspacing=1, labelspacing=0.45,
  )  # fmt: skip
  for text in box.get_texts():
    if len(text.get_text()) == len(PARTS):  # A family's name: letters align.
      text.set_fontfamily('monospace')
