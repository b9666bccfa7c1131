# SPDX-License-Identifier: Apache-2.0
"""Draws the points of a family: markers, error bars, and lines between them.

A line connects the points of one run; some of them have markers and bars, since
all would cover each other.  Points that were trained separately are rings where
the family has such a line.  An estimate, which is no bound, has a dashed
outline.  Another objective than D + beta R has markers, and a line of the
legend, of its own.
"""

import numpy as np

from tfp_rd import objective as objective_lib
from tfp_rd.curve import turn as turn_lib
from tfp_rd.report import style

__all__ = ['draw_gaps', 'draw_points', 'marker_of', 'other_objectives', 'turns']

# Where the weights of a warm run came from; above whatever else is there.
_UP = {'marker': '^', 'zorder': 5}
_DOWN = {'marker': 'v', 'zorder': 5}
# Objectives that are told apart by lines and rings; others have these markers.
_USUAL = ('', 'beta_elbo', 'multi_rate')
_MARKERS = ('*', 'P', 'X', 'p', 'h', '8')
# Markers on the line of a curve, from one end to the other.
_NUM_MARKED = 5


def draw_points(ax, curve, value):
  """Draws one family, with standard errors and the spread over seeds.

  Args:
    ax: Matplotlib's axes.
    curve: A `tfp_rd.curve.curve.Curve`.
    value: `'distortion'`, or `'elbo'` for -ELBO, over the rate.
  """
  label = curve.name
  for line in curve.one_run_lines():
    _draw_line(ax, curve, line, value, label)
    label = ''  # One line of the legend for a family.
  single = [point for point in curve.points if not point.is_one_run]
  _draw_errors(ax, single, value, curve)
  for points, options in _groups(curve, value):
    if points:
      draw = _draw_estimates if options is None else _draw_markers
      draw(ax, *_coordinates(points, value), options, curve.name, label)
      label = ''
  for name, points in other_objectives(curve).items():
    options = {'marker': marker_of(name), 'markersize': _larger(1.4)}
    label = f'{curve.name} {name}'
    points = [point for point in points if point.is_bound('rate', value)]
    if points:
      place = _coordinates(points, value)
      _draw_markers(ax, *place, options, curve.name, label)
  wrong = [point for point in curve.points if point.is_infeasible]
  if wrong:
    ax.plot(*_coordinates(wrong, value), clip_on=False, **style.CROSS)


def turns(curves) -> list[turn_lib.Turn]:
  """Returns the turns of those curves that turn up at their least betas."""
  found = [
    turn_lib.turn_of(line) for curve in curves for line in curve.one_run_lines()
  ]
  return [turn for turn in found if turn is not None]


def _draw_line(ax, curve, points, value, label):
  """Draws a curve of one run; the end that turns up is thin, with a plus."""
  turn = turn_lib.turn_of(points) if value == 'distortion' else None
  place = 0 if turn is None else turn.place
  pen = {**style.line(curve.name), 'zorder': 2, 'clip_on': False}
  # Not clipped: collapsed models sit on the axis itself.
  ax.plot(*_coordinates(points[place:], value), label=label, **pen, alpha=0.85)
  if place:
    thin = {**pen, 'lw': 0.5 * pen['lw'], 'ls': '-'}
    ax.plot(*_coordinates(points[: place + 1], value), **thin, alpha=0.6)
    ax.plot(
      *_coordinates(points[:1], value), marker='+', markersize=_larger(1.0),
      color=pen['color'], markeredgewidth=pen['lw'], zorder=4, clip_on=False,
    )  # fmt: skip
  marked = _spaced(_coordinates(points[place:], value), curve.name)
  marked = [points[place:][n] for n in marked]
  marked = [point for point in marked if point.is_bound('rate', value)]
  _draw_errors(ax, marked, value, curve)
  _draw_markers(ax, *_coordinates(marked, value), {}, curve.name, '')


def _spaced(coordinates, name):
  """Returns the places of points at about equal distances along a line.

  Families begin at different distances, so that few markers meet.
  """
  x, y = coordinates
  if len(x) <= _NUM_MARKED:
    return [*range(len(x))]
  spans = [max(np.ptp(values), 1e-9) for values in (x, y)]
  steps = np.hypot(np.diff(x) / spans[0], np.diff(y) / spans[1])
  along = np.r_[0.0, np.cumsum(steps)]
  offset = sum(name.encode()) * 0.382 % 1.0
  wanted = (np.arange(_NUM_MARKED) + offset) / _NUM_MARKED * along[-1]
  return np.unique(np.abs(along - wanted[:, None]).argmin(1)).tolist()


def _coordinates(points, value):
  """Returns rates and heights in the panel of a value."""
  sign = -1 if value == 'elbo' else 1
  rate = np.array([point.test.rate.nats for point in points])
  values = [getattr(point.test, value).nats for point in points]
  return rate, sign * np.array(values)


def _draw_errors(ax, points, value, curve):
  if not points:
    return
  rate, height = _coordinates(points, value)
  colour = style.line(curve.name)['color']
  width = style.line_width()
  for field, alpha, factor in (
    ('seed_std_nats', 0.25, 3.6),
    ('stderr_nats', 0.8, 1.0),
  ):
    x, y = (
      [getattr(getattr(point.test, name), field) for point in points]
      for name in ('rate', value)
    )
    x, y = (np.nan_to_num(np.array(errors, np.float64)) for errors in (x, y))
    ax.errorbar(
      rate, height, y, x, fmt='none', ecolor=colour, alpha=alpha, zorder=2,
      elinewidth=factor * width, clip_on=False,
    )  # fmt: skip


def _groups(curve, value):
  """Yields groups of points with their marker options, `None` for estimates."""
  bounds = [p for p in curve.points if p.is_bound('rate', value)]
  bounds = [p for p in bounds if _objective(p) in _USUAL and not p.is_one_run]
  # Beside the curve of one run, points of their own runs are larger and hollow.
  is_beside = any(p.is_one_run for p in curve.points)
  ring = {**style.RING, 'markersize': _larger(1.65)} if is_beside else {}
  for starts, options in (
    (('', 'longer'), {}),
    (('up',), _UP),
    (('down',), _DOWN),
  ):
    started = [p for p in bounds if p.settings.get('warm_start', '') in starts]
    yield started, {**ring, **options}
  yield [p for p in curve.points if not p.is_bound('rate', value)], None


def other_objectives(curve):
  """Returns the points of each objective that is not usual, by its name."""
  groups = {}
  for point in curve.points:
    name = _objective(point)
    if name not in _USUAL:
      groups.setdefault(name, []).append(point)
  return groups


def _objective(point):
  """Returns the name of a point's objective, without its fields."""
  return point.objective.partition('(')[0]


def marker_of(name):
  """Returns the marker of an objective that is not usual."""
  known = objective_lib.names()
  place = known.index(name) if name in known else 0
  return _MARKERS[place % len(_MARKERS)]


def _larger(factor):
  return factor * style.marker_size()


def _draw_markers(ax, x, y, options, name, label):
  options = {'zorder': 4, **style.family(name), **options}
  ax.plot(x, y, ls='none', label=label, clip_on=False, **options)


def _draw_estimates(ax, x, y, options, name, label):
  """Draws hollow markers with a dashed outline."""
  del options
  family = style.family(name)
  ax.scatter(
    x, y, s=_larger(1.1) ** 2, marker=family['marker'], facecolors='none',
    edgecolors=family['markeredgecolor'], linestyles='--', zorder=4,
    clip_on=False, label=label,
  )  # fmt: skip


def draw_gaps(ax, family):
  """Draws the gaps of one family, a `FamilyGaps`, over beta."""
  marker_options = style.family(family.name)
  betas = sorted(family.gaps)
  gaps = [family.gaps[beta] for beta in betas]
  ax.errorbar(
    betas, [gap.nats for gap in gaps], [gap.stderr_nats for gap in gaps],
    elinewidth=style.line_width(), label=family.name,
    **style.line(family.name), **marker_options,
  )  # fmt: skip
