# SPDX-License-Identifier: Apache-2.0
"""What the page draws, as specifications of Vega-Lite.

They are plain dictionaries without numbers: the page puts the points that its
filters let through into the data sets `points`, `lines` and `chosen`.

#### References

[1]: Arvind Satyanarayan et al. Vega-Lite: A Grammar of Interactive Graphics.
     _IEEE Transactions on Visualization and Computer Graphics_ 23, 2017.
"""

from collections.abc import Collection
from typing import Any

from tfp_rd import architecture
from tfp_rd.report import style

__all__ = ['legend', 'mark', 'plane', 'totals', 'training']

_HEIGHT = 340
# What matplotlib calls a marker, and Vega a shape.
_SHAPES = {
  **{'o': 'circle', 'D': 'diamond', 's': 'square', '^': 'triangle-up'},
  **{'v': 'triangle-down', 'P': 'cross', 'X': 'cross', 'p': 'square'},
}
_INFEASIBLE = '#d00000'
_DASHES = {'-': [], '--': [5, 3], ':': [1, 3], '-.': [5, 3, 1, 3]}


def mark(
  name: str, *, is_hollow: bool, is_pale: bool, is_infeasible: bool
) -> dict[str, Any]:
  """Returns how the point of a family is drawn, as the figures draw it.

  Args:
    name: The family.
    is_hollow: Whether it is a ring, beside a curve of its family.
    is_pale: Whether it is a point of a curve, off the frontier.
    is_infeasible: Whether no model can be there.
  """
  encoder, decoder, marginal = (
    style.sign_of(name, part).style for part in style.PARTS
  )
  is_open = is_hollow or encoder.fill == 'none'
  colour = _INFEASIBLE if is_infeasible else marginal.colour
  return {
    'stroke': colour,
    'fill': '' if is_open else colour,  # Empty for the page's own colour.
    'shape': 'cross'
    if is_infeasible
    else _SHAPES.get(decoder.marker, 'square'),
    'dash': _DASHES.get(marginal.linestyle, []),
    'opacity': 0.7 if is_pale else 1.0,
  }


def legend(part: str, letters: Collection[str]) -> list[list[str]]:
  """Returns letter, words and colour of each sign of a part that occurs."""
  signs = {sign.letter: sign for sign in architecture.SIGNS[part]}
  known = [letter for letter in signs if letter in letters]
  found = []
  for letter in known:
    sign = signs[letter]
    is_colour = part == 'marginal'
    words = [letter, sign.title, '' if is_colour else _symbol(part, sign.style)]
    colour = sign.style.colour if is_colour else ''
    found.append([letter, ' '.join(filter(None, words)), colour])
  return found + [[name, name, ''] for name in sorted({*letters} - {*known})]


def _symbol(part, look):
  """Returns a sign of text that looks like what the part decides."""
  if part == 'encoder':
    return '\N{BLACK CIRCLE}' if look.fill != 'none' else '\N{WHITE CIRCLE}'
  symbols = {'o': '\N{BLACK CIRCLE}', 'D': '\N{BLACK DIAMOND}'}
  return symbols.get(look.marker, '\N{BLACK SQUARE}')


def plane() -> dict[str, Any]:
  """Returns D over R: guides, curves, bars, points, and the chosen one.

  UNIT in a title is replaced by the page.
  """
  return _chart('d', 'distortion D (UNIT)', 'd_error')


def totals() -> dict[str, Any]:
  """Returns -ELBO over R."""
  return _chart('e', '\N{MINUS SIGN}ELBO (UNIT)', 'e_error')


def training() -> dict[str, Any]:
  """Returns R and D over the steps of a training, from the data `steps`."""
  return {
    **_frame('steps', 160),
    'mark': {'type': 'line', 'interpolate': 'linear'},
    'encoding': {
      'x': _axis('step', 'step'),
      'y': {**_axis('nats', 'nats'), 'scale': {'zero': False}},
      'stroke': {
        'field': 'what',
        'scale': {'range': ['#0072b2', '#d55e00']},
        'legend': {'title': None, 'orient': 'top'},
      },
    },
  }


def _chart(y, title, error):
  x = _axis('r', 'rate R (UNIT)')
  place = {'x': x, 'y': {**_axis(y, title), 'scale': {'zero': False}}}
  own = {name: {'field': name, 'scale': None} for name in ('stroke', 'fill')}
  shape = {'shape': {'field': 'shape', 'scale': None}}
  return {
    **_frame('points', _HEIGHT),
    'layer': [
      _guides(place, y),
      {
        'data': {'name': 'lines'},
        'mark': {'type': 'line', 'strokeWidth': 1.3},
        'encoding': {
          **place,
          'stroke': own['stroke'],
          'strokeDash': {'field': 'dash', 'scale': None},
          'detail': {'field': 'line'},
          'order': {'field': 'order'},
        },
      },
      _bars(place, own, 'x', 'r', 'r_error'),
      _bars(place, own, 'y', y, error),
      {
        'params': [{'name': 'zoom', 'select': 'interval', 'bind': 'scales'}],
        'mark': {'type': 'point', 'size': 55, 'strokeWidth': 1.5},
        'encoding': {
          **place,
          **own,
          **shape,
          'tooltip': {'field': 'title'},
          'opacity': {
            **{'field': 'opacity', 'type': 'quantitative', 'scale': None}
          },
        },
      },
      {
        'data': {'name': 'chosen'},
        'mark': {
          **{'type': 'point', 'shape': 'circle', 'size': 320},
          **{'strokeWidth': 2.5, 'filled': False, 'tooltip': None},
        },
        'encoding': {**place, 'stroke': own['stroke']},
      },
    ],
  }


def _frame(data, height):
  return {
    'data': {'name': data},
    'width': 'container',
    'height': height,
    'autosize': {'type': 'fit', 'contains': 'padding'},
  }


def _guides(place, y):
  """Returns staircase, hull and diagonal, which the page may leave out."""
  return {
    'data': {'name': 'guides'},
    'transform': [{'filter': f"datum.of == '{y}'"}],
    'mark': {'type': 'line', 'strokeWidth': 1, 'opacity': 0.8},
    'encoding': {
      **place,
      'y': {**place['y'], 'field': 'y'},
      'stroke': {'field': 'stroke', 'scale': None},
      'strokeDash': {'field': 'dash', 'scale': None},
      'detail': {'field': 'guide'},
      'order': {'field': 'order'},
    },
  }


def _bars(place, own, axis, name, error):
  """Returns bars of a standard error to both sides."""
  ends = {'low': '-', 'high': '+'}
  return {
    'transform': [
      {'calculate': f'datum.{name} {sign} datum.{error}', 'as': f'{axis}_{end}'}
      for end, sign in ends.items()
    ],
    'mark': {'type': 'rule', 'opacity': 0.5},
    'encoding': {
      **place,
      axis: {**place[axis], 'field': f'{axis}_low'},
      f'{axis}2': {'field': f'{axis}_high'},
      'stroke': own['stroke'],
    },
  }


def _axis(name, title):
  return {
    **{'field': name, 'type': 'quantitative', 'title': title},
    'axis': {'tickCount': 7},
  }
