# SPDX-License-Identifier: Apache-2.0
"""Architectures: three signs, and the one table of the parts they stand for.

A new part is one new file with a `build` function and one new entry here.  An
entry names its module and does not import it.  No TensorFlow here.
"""

import itertools
import types
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from tfp_rd import errors

__all__ = [
  'Architecture',
  'BLACK',
  'GREY',
  'PAPER',
  'SIGNS',
  'Sign',
  'Spec',
  'Style',
  'choices',
  'describe',
  'find',
  'order',
  'parse',
]


class Style(NamedTuple):
  """How a sign is drawn, in the words of matplotlib.

  The point of a family has the fill of its encoder, the marker of its decoder
  and the colour of its marginal; its line has the colour and the line style of
  the marginal.  The panel of a part uses all four fields.

  Attributes:
    colour: A colour that matplotlib knows.
    marker: A marker.
    linestyle: That of the sign in the panel of its part; of a marginal, that of
      its families' lines, too.
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
    options: Names of settings that this part alone has.
  """

  letter: str
  module: str
  title: str
  description: str
  style: Style
  options: tuple[str, ...] = ()


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
      Style(_ORANGE, linestyle='--'),
    ),
    Sign(
      'v',
      'tfp_rd.marginal.vamp',
      'VampPrior',
      'VampPrior',
      Style(_GREEN, linestyle=':'),
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


class Architecture(NamedTuple):
  """Signs of encoder, decoder and marginal, in the paper's order."""

  encoder: str
  decoder: str
  marginal: str

  def __str__(self):
    return ''.join(self)


# The twelve of the paper.  A sign that is added later is not among them.
PAPER = tuple(
  Architecture(*letters) for letters in itertools.product('-+', '-+', '-+v')
)


class Spec(NamedTuple):
  """What a part needs to know of the model that it is built for.

  Attributes:
    image_shape: (H, W, C).
    latent_size: Dimensions of z.
    size: `'small'` or `'paper'`.
    num_pseudo_inputs: Components of a VampPrior.
    latent_input: Where z enters an autoregressive decoder.
    dropout: Rate in the hidden layers of the decoder.
    condition_size: Width of the condition, 0 for none.
    dtype: Type of the weights.
    options: Further settings of the parts, by their names.
  """

  image_shape: tuple[int, int, int]
  latent_size: int
  size: str
  num_pseudo_inputs: int
  latent_input: str
  dropout: float
  condition_size: int
  dtype: str
  options: Mapping[str, Any] = types.MappingProxyType({})


def parse(text: str) -> Architecture:
  """Reads three signs.

  Args:
    text: Encoder, decoder and marginal, as in `'-+v'`.

  Returns:
    The architecture.

  Raises:
    UserError: There is no such architecture.
  """
  letters = tuple(text)
  if len(letters) == len(SIGNS) and None not in map(find, SIGNS, letters):
    return Architecture(*letters)
  raise errors.UserError(
    f'{text!r} is no architecture; write three signs for '
    f'{choices()}, in this order, as in -+v.'
  )


def order(name: str) -> tuple[Any, ...]:
  """Returns the key by which families are sorted, in the order of the table.

  Args:
    name: The name of a family, as in `'-+v'`.

  Returns:
    A key for `sorted`.  Signs that the table lacks come after those that it
    has, and names that are not three signs come after all others.
  """
  places = []
  for letter, signs in zip(name, SIGNS.values(), strict=False):
    letters = [sign.letter for sign in signs]
    places.append(letters.index(letter) if letter in letters else len(letters))
  return len(name) != len(SIGNS), tuple(places), name
