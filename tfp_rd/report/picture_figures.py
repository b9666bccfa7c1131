# SPDX-License-Identifier: Apache-2.0
"""Reconstructions and generations for print: the paper's Figures 4, 5 and 6.

Each row is a model: test images as it reconstructs them, then images that it
generates.  No TensorFlow here.

#### References

[1]: Alexander A. Alemi et al. Fixing a Broken ELBO. In _International
     Conference on Machine Learning_, 2018.  https://arxiv.org/abs/1711.00464
"""

import collections
import contextlib
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TYPE_CHECKING

import numpy as np

from tfp_rd import errors
from tfp_rd.curve import diagonal, reach
from tfp_rd.curve.diagonal import NamedPoint
from tfp_rd.report import image_sheet, style
from tfp_rd.run import pictures

if TYPE_CHECKING:
  from matplotlib import figure as figure_lib

  from tfp_rd.curve.curve import Curve
  from tfp_rd.run import directory

__all__ = ['at_beta_1', 'along_beta', 'along_frontier', 'draw', 'of_points']

Shown = tuple[NamedPoint, pictures.Pictures]

_MOST_ROWS = 12
_INCHES = 0.36  # Width of an image.


def of_points(
  curves: 'Iterable[Curve]',
  runs: 'Iterable[directory.Run]',
  *,
  on_refused: Callable[[str], Any] = lambda sentence: None,
) -> list[Shown]:
  """Returns the points with pictures beside their run, by family and beta.

  Args:
    curves: Of one data set.
    runs: The runs behind them.
    on_refused: Called with a sentence for each file that cannot be read.
  """
  by_run = {}
  for run in runs:
    try:
      by_run[run.path] = pictures.read(run)
    except errors.UserError as e:
      on_refused(str(e))
  found = []
  for curve in curves:
    for point in curve.points:
      files = () if point.images is None else point.images.files
      kept = by_run.get(files[0][0].path, {}) if files else {}
      if point.beta in kept:
        found.append((NamedPoint(curve.name, point), kept[point.beta]))
  return found


def along_beta(
  curves: 'Sequence[Curve]', shown: Sequence[Shown]
) -> list[Shown]:
  """Returns the points of one curve with pictures, by rising beta [1].

  It is the curve with the least -ELBO, of those whose rates span at least half
  as much as the widest: a family that ignores z at every beta shows nothing.

  Args:
    curves: Of one data set.
    shown: As of `of_points`.
  """
  rates = collections.defaultdict(list)
  for named, _ in shown:
    if named.point.is_one_run:
      rates[named.name].append(named.point.test.rate.nats)
  spans = {name: max(values) - min(values) for name, values in rates.items()}
  least = max(spans.values(), default=0.0) / 2
  wide = [c for c in curves if spans.get(c.name, -1.0) >= least]
  best = None
  with contextlib.suppress(errors.UserError):
    best = diagonal.best_point(wide)
  if best is None:
    return []
  return [
    (named, kept)
    for named, kept in shown
    if named.name == best.name and named.point.is_one_run
  ]


def at_beta_1(shown: Sequence[Shown]) -> list[Shown]:
  """Returns a point of each family trained at beta 1 alone, else of its curve.

  Args:
    shown: As of `of_points`.
  """
  found = {}
  for named, kept in shown:
    if named.point.beta != 1 or 'annealing' in named.point.objective:
      continue
    if named.name not in found or not named.point.is_one_run:
      found[named.name] = (named, kept)
  return list(found.values())


def along_frontier(
  curves: 'Sequence[Curve]', shown: Sequence[Shown]
) -> list[Shown]:
  """Returns points of the frontier of all curves, by rising rate.

  Args:
    curves: Of one data set.
    shown: As of `of_points`.
  """
  flags = reach.on_frontier(curves)
  on = {
    id(point)
    for curve, is_on in zip(curves, flags, strict=True)
    for point, yes in zip(curve.points, is_on, strict=True)
    if yes
  }
  there = [each for each in shown if id(each[0].point) in on]
  there.sort(key=lambda each: each[0].point.test.rate.nats)
  every = max(1, math.ceil(len(there) / _MOST_ROWS))
  return there[::every]


def draw(shown: Sequence[Shown], *, title: str) -> 'figure_lib.Figure':
  """Draws a row of reconstructions and a row of generations for each point.

  Args:
    shown: Points with their pictures; those of other test images than the
      first one's are left out.
    title: A line above all.
  """
  first = shown[0][1].images
  shown = [each for each in shown if np.array_equal(each[1].images, first)]
  num, height, width = first.shape
  rows = [(np.stack([first, first]), 'test images')]
  for named, kept in shown:
    pair = np.stack([kept.reconstructions[0], kept.generations[:num]])
    rows.append((pair, _label(named)))
  num_inches = _INCHES * 1.15
  figure = style.new_figure(
    2 * num * num_inches + 2.6, len(rows) * num_inches * height / width + 0.7
  )
  figure.set_layout_engine('constrained', h_pad=0.01, w_pad=0.02)
  figure.suptitle(title, x=0.005, ha='left', weight='bold', size=11)
  axes = figure.subplots(len(rows), 2, squeeze=False, width_ratios=[1, 1])
  for n, (pair, label) in enumerate(rows):
    for side, images in enumerate(pair):
      ax = axes[n, side]
      ax.set_axis_off()
      if n or not side:
        _show(ax, images)
      if not side:
        ax.text(
          -0.01, 0.5, label, transform=ax.transAxes, ha='right', va='center',
          size=7.5,
        )  # fmt: skip
  for side, words in enumerate(('reconstructions', 'generations')):
    axes[min(1, len(rows) - 1), side].set_title(
      words, loc='left', size=9, pad=3
    )
  return figure


def _show(ax, images):
  sheet = image_sheet.sheet(images[np.newaxis, ..., np.newaxis])
  ax.imshow(sheet, cmap='gray_r', vmin=-0.08, vmax=1, interpolation='none')


def _label(named):
  test, beta = named.point.test, named.point.label
  return (
    f'{named.name} at {beta}: R {test.rate.nats:.1f}\n'
    f'D {test.distortion.nats:.1f}, {style.MINUS}ELBO {-test.elbo.nats:.1f}'
  )
