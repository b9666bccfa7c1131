# SPDX-License-Identifier: Apache-2.0
"""What a part is worth: the difference of D at equal rate, over the rate.

At each rate the best family with one sign is compared with the best family
with another, both chosen on validation, on the same test images.
"""

from collections.abc import Sequence
from typing import Optional, TYPE_CHECKING

import numpy as np

from tfp_rd import architecture as architecture_lib
from tfp_rd.curve import mixture
from tfp_rd.report import style

if TYPE_CHECKING:
  from tfp_rd.curve.curve import Curve

__all__ = ['draw', 'signs_with_lines']

_NUM_RATES = 33


def signs_with_lines(
  curves: 'Sequence[Curve]', part: str
) -> 'Optional[dict[str, list[Curve]]]':
  """Returns the curves of each sign of a part, if all of them have lines.

  Returns:
    Letter to curves, in the order of the table; `None` unless two signs or more
    occur and each has a curve of one run.
  """
  signs = {}
  for sign in architecture_lib.SIGNS[part]:
    chosen = [c for c in curves if style.sign_of(c.name, part) == sign]
    if chosen:
      signs[sign.letter] = chosen
  has_lines = all(any(map(_has_line, chosen)) for chosen in signs.values())
  return signs if len(signs) > 1 and has_lines else None


def _has_line(curve):
  """Whether a curve has a line that was measured on validation."""
  return any(
    len(line) > 1 and None not in [point.validation.rate for point in line]
    for line in curve.one_run_lines()
  )


def draw(ax, signs: 'dict[str, list[Curve]]', part: str) -> None:
  """Draws D of the first sign less that of each other, with one error.

  Args:
    ax: Matplotlib's axes.
    signs: As of `signs_with_lines`.
    part: `'encoder'`, `'decoder'` or `'marginal'`.
  """
  first, *others = signs
  ax.axhline(0, color=style.BLACK, lw=0.8, zorder=1)
  rates = _rates(signs.values())
  if not rates:
    return
  best = {
    letter: [_best(curves, rate) for rate in rates]
    for letter, curves in signs.items()
  }
  title = _title(part, first)
  for letter in others:
    sign = architecture_lib.find(part, letter)
    pairs = zip(best[first], best[letter], rates, strict=True)
    nats, errors = np.transpose([_gap(*pair) for pair in pairs])
    look = sign.style
    ax.plot(
      rates, nats, color=look.colour, ls=look.linestyle, zorder=3,
      lw=1.4 * style.line_width(), label=f'{title} {style.MINUS} {sign.title}',
    )  # fmt: skip
    ax.fill_between(
      rates, nats - errors, nats + errors, color=look.colour, alpha=0.2, lw=0,
      zorder=2,
    )  # fmt: skip


def _gap(one, other, rate):
  """Returns the difference and its error, NaN where a sign has no model."""
  if None in (one, other):
    return np.nan, np.nan
  return mixture.paired_difference(one, other, rate_nats=rate)[:2]


def _title(part, letter):
  return architecture_lib.find(part, letter).title


def _rates(groups):
  """Returns rates on validation that a line of every group crosses.

  They end at the least rate at which a group has its least D: beyond it more
  rate is worth nothing in that group.

  Returns:
    Nats, rising; none if no rate is crossed by all.
  """
  lows, highs = [], []
  for curves in groups:
    points = [
      (point.validation.distortion.nats, point.validation.rate.nats)
      for curve in curves
      for line in curve.one_run_lines()
      for point in line
      if None not in (point.validation.rate, point.validation.distortion)
    ]
    lows.append(min(rate for _, rate in points))
    highs.append(min(points)[1])
  low, high = max(0.0, *lows), min(highs)
  if high <= low:
    return []
  # The ends themselves are points and no mixtures.
  return np.linspace(low, high, _NUM_RATES + 2)[1:-1].tolist()


def _best(curves, rate):
  """Returns the mixture of the least D on validation at a rate."""
  offers = [
    offer
    for curve in curves
    for offer in mixture.mixtures_at(curve, rate)
    if len(offer.points) > 1
  ]
  return min(
    offers,
    key=lambda offer: offer.nats('validation', 'distortion'),
    default=None,
  )
