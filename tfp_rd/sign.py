# SPDX-License-Identifier: Apache-2.0
"""The signs of architectures: one entry a part, in the one table of parts.

A new part is one new file with a `build` function and one new entry here.  An
entry names its module and does not import it.  No TensorFlow here.
"""

import itertools
from collections.abc import Mapping
from typing import NamedTuple, Optional

__all__ = [
  'BLACK',
  'GREY',
  'SIGNS',
  'Sign',
  'Style',
  'choices',
  'describe',
  'find',
]


class Style(NamedTuple):
  """How a sign is drawn, in the words of matplotlib.

  The point of a family has the fill of its encoder, the marker of its decoder
  and the colour of its marginal.  The panel of a part uses all four fields.

  Attributes:
    colour: A colour that matplotlib knows.
    marker: A marker.
    linestyle: That of the staircase in the panel of its part.
    fill: A fill style: `'full'`, `'none'`, `'left'`, `'top'`, ...
  """

  colour: str
  marker: str = 'o'
  linestyle: str = '-'
  fill: str = 'full'


class Sign(NamedTuple):
  """One letter of an architecture.

  Attributes:
    letter: A single character.
    module: The module whose `build` makes the part.
    title: A word for legends.
    description: The same in full.
    style: How it is drawn; the fills of two encoders, the markers of two
      decoders and the colours of two marginals differ.
  """

  letter: str
  module: str
  title: str
  description: str
  style: Style


BLACK, GREY = '#222222', '#8c8c8c'
# Colours of Okabe and Ito, which colour-blind people can tell apart.
_BLUE, _ORANGE, _GREEN = '#0072b2', '#d55e00', '#009e73'

# By part, in the order of the letters of an architecture.
SIGNS: Mapping[str, tuple[Sign, ...]] = {
  'encoder': (
    Sign(
      '-',
      'tfp_rd.encoder.gaussian',
      'Gaussian',
      'Gaussian',
      Style(GREY, linestyle='--', fill='none'),
    ),
    Sign(
      '+',
      'tfp_rd.encoder.inverse_autoregressive',
      'IAF',
      'inverse autoregressive flow',
      Style(BLACK),
    ),
  ),
  'decoder': (
    Sign(
      '-',
      'tfp_rd.decoder.deconvolutional',
      'deconvolutional',
      'deconvolutional',
      Style(GREY, linestyle='--'),
    ),
    Sign(
      '+',
      'tfp_rd.decoder.pixel_cnn',
      'PixelCNN',
      'autoregressive (PixelCNN)',
      Style(BLACK, marker='D'),
    ),
  ),
  'marginal': (
    Sign(
      '-',
      'tfp_rd.marginal.standard_normal',
      'normal',
      'standard normal',
      Style(_BLUE),
    ),
    Sign(
      '+',
      'tfp_rd.marginal.masked_autoregressive',
      'MAF',
      'masked autoregressive flow',
      Style(_ORANGE),
    ),
    Sign(
      'v',
      'tfp_rd.marginal.vamp',
      'VampPrior',
      'VampPrior',
      Style(_GREEN),
    ),
  ),
}


def find(part: str, letter: str) -> Optional[Sign]:
  """Returns the sign of a part by its letter, `None` if there is none."""
  return next((s for s in SIGNS[part] if s.letter == letter), None)


def choices() -> str:
  """Returns which letters each part has, as words for a message."""
  words = []
  for part, signs in SIGNS.items():
    *others, last = (sign.letter for sign in signs)
    words.append(f'{part} ({", ".join(others)} or {last})')
  return f'{", ".join(words[:-1])} and {words[-1]}'


def describe() -> str:
  """Returns the table in words, in aligned columns, one line for each part."""
  rows = [
    [part, *(f'{sign.letter}  {sign.description}' for sign in signs)]
    for part, signs in SIGNS.items()
  ]
  columns = itertools.zip_longest(*rows, fillvalue='')
  widths = [max(map(len, column)) for column in columns]
  return '\n'.join(
    '  ' + '   '.join(map(str.ljust, row, widths)).rstrip() for row in rows
  )
