# SPDX-License-Identifier: Apache-2.0
"""The legend by kind: what fill, marker, colour and dash of a family mean."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tfp_rd import architecture as architecture_lib
from tfp_rd.report import points, style

if TYPE_CHECKING:
  from tfp_rd.curve.curve import Curve

__all__ = ['draw', 'entries']


def entries(ax, curves: 'Sequence[Curve]') -> list:
  """Returns the handles of a legend of axes that show curves.

  Args:
    ax: Where the curves, and lines with labels of their own, were drawn.
    curves: The curves.

  Returns:
    A handle for each sign that occurs, by part; for each curve that is no
    architecture; for each other objective; and for what else has a label.
  """
  from matplotlib import lines

  options = [*_signs(curves), *_foreign(curves), *_objectives(curves)]
  handles = [lines.Line2D([], [], **each) for each in options]
  families = {curve.name for curve in curves}
  drawn, labels = ax.get_legend_handles_labels()
  for handle, label in zip(drawn, labels, strict=True):
    # What families are called is told by their signs.
    if label.partition(' ')[0] not in families:
      handles.append(handle)
  return handles


def draw(where, handles, **options) -> None:
  """Draws a legend into axes or a figure.

  Args:
    where: Matplotlib's axes or figure.
    handles: As of `entries`.
    **options: Of matplotlib's `legend`, such as its place.
  """
  if handles:
    where.legend(
      handles=handles, frameon=False, handlelength=1.9, columnspacing=1.4,
      labelspacing=0.4, **options,
    )  # fmt: skip


def _signs(curves):
  """Yields options of a line for each sign of each part."""
  known = [c for c in curves if style.is_architecture(c.name)]
  size = style.marker_size()
  for place, part in enumerate(style.PARTS):
    letters = {curve.name[place] for curve in known}
    for sign in architecture_lib.SIGNS[part]:
      if sign.letter in letters:
        yield {
          'label': f'{sign.title} {part}',
          **_LOOKS[part](sign.style, size),
        }


def _look_of_encoder(look, size):
  return {
    **{'ls': 'none', 'marker': 'o', 'markersize': size, 'markeredgewidth': 1.1},
    **{'markeredgecolor': style.BLACK, **style.face(look.fill, style.BLACK)},
  }


def _look_of_decoder(look, size):
  # Neither hollow nor black: the fill is the encoder's.
  return {
    **{'ls': 'none', 'marker': look.marker, 'markersize': size},
    **{'markeredgecolor': style.BLACK, 'markerfacecolor': '#bbbbbb'},
    'markeredgewidth': 1.1,
  }


def _look_of_marginal(look, size):
  del size
  width = 1.4 * style.line_width()
  return {'color': look.colour, 'ls': look.linestyle, 'lw': width}


_LOOKS = {
  'encoder': _look_of_encoder,
  'decoder': _look_of_decoder,
  'marginal': _look_of_marginal,
}


def _foreign(curves):
  for curve in curves:
    if not style.is_architecture(curve.name):
      yield {'label': curve.name, **style.line(curve.name)} | style.family(
        curve.name
      )


def _objectives(curves):
  """Yields options of a marker for each objective that has its own."""
  names = dict.fromkeys(
    name for curve in curves for name in points.other_objectives(curve)
  )
  for name in names:
    yield {
      **{'label': name, 'ls': 'none', 'marker': points.marker_of(name)},
      **{'color': style.GREY, 'markersize': 1.3 * style.marker_size()},
    }
