# SPDX-License-Identifier: Apache-2.0
"""Draws the points of a family: markers, error bars, and lines between them.

A line connects the points of one run.  Points that were trained separately are
rings where the family has such a line.  An estimate, which is no bound, has a
dashed outline.  Another objective than D + beta R has markers, and a line of
the legend, of its own.
"""

import numpy as np

from tfp_rd import objective as objective_lib
from tfp_rd.report import style

__all__ = ['draw_gaps', 'draw_points', 'explanation']

# Where the weights of a warm run came from; above whatever else is there.
_UP = {'marker': '^', 'zorder': 5}
_DOWN = {'marker': 'v', 'zorder': 5}
# Objectives that are told apart by lines and rings; others have these markers.
_USUAL = ('', 'beta_elbo', 'multi_rate')
_MARKERS = ('*', 'P', 'X', 'p', 'h', '8')


def draw_points(ax, curve, value):
  """Draws one family, with standard errors and the spread over seeds.

  Args:
    ax: Matplotlib's axes.
    curve: A `tfp_rd.curve.curve.Curve`.
    value: `'distortion'`, or `'elbo'` for -ELBO, over the rate.
  """
  colour = style.family(curve.name)['markeredgecolor']
  _draw_errors(ax, curve, value, colour)
  # Not clipped: collapsed models sit on the axis itself.
  for points in curve.one_run_lines():
    ax.plot(
      *_coordinates(points, value), color=colour, lw=0.9, alpha=0.7, zorder=2,
      clip_on=False,
    )  # fmt: skip
  label = curve.name
  for points, options in _groups(curve, value):
    if points:
      draw = _draw_estimates if options is None else _draw_markers
      draw(ax, *_coordinates(points, value), options, curve.name, label)
      label = ''  # One line of the legend for a family.
  for name, points in _of_other_objectives(curve, value).items():
    options = {'marker': _marker(name), 'markersize': 8}
    label = f'{curve.name} {name}'
    _draw_markers(ax, *_coordinates(points, value), options, curve.name, label)
  wrong = [point for point in curve.points if point.is_infeasible]
  if wrong:
    ax.plot(*_coordinates(wrong, value), clip_on=False, **style.CROSS)


def _coordinates(points, value):
  """Returns rates and heights in the panel of a value."""
  sign = -1 if value == 'elbo' else 1
  rate = np.array([point.test.rate.nats for point in points])
  values = [getattr(point.test, value).nats for point in points]
  return rate, sign * np.array(values)


def _draw_errors(ax, curve, value, colour):
  rate, height = _coordinates(curve.points, value)
  for error, alpha, width in (
    ('seed_std_{}_nats', 0.25, 4),
    ('{}_stderr_nats', 0.8, 1.1),
  ):
    x, y = (curve.column(error.format(name)) for name in ('rate', value))
    ax.errorbar(
      rate, height, np.nan_to_num(y), np.nan_to_num(x), fmt='none',
      ecolor=colour, elinewidth=width, alpha=alpha, zorder=2, clip_on=False,
    )  # fmt: skip


def _groups(curve, value):
  """Yields groups of points with their marker options, `None` for estimates."""
  bounds = [p for p in curve.points if p.is_bound('rate', value)]
  bounds = [p for p in bounds if _objective(p) in _USUAL]
  one_run = [p for p in bounds if p.is_one_run]
  separate = [p for p in bounds if not p.is_one_run]
  # Beside the curve of one run, points of their own runs are larger and hollow.
  ring = style.RING if any(p.is_one_run for p in curve.points) else {}
  yield one_run, {}
  for start, options in (('', {}), ('up', _UP), ('down', _DOWN)):
    started = [p for p in separate if p.settings.get('warm_start', '') == start]
    yield started, {**ring, **options}
  yield [p for p in curve.points if not p.is_bound('rate', value)], None


def _of_other_objectives(curve, value):
  """Returns the bounds of each objective that is not usual, by its name."""
  groups = {}
  for point in curve.points:
    name = _objective(point)
    if name not in _USUAL and point.is_bound('rate', value):
      groups.setdefault(name, []).append(point)
  return groups


def _objective(point):
  """Returns the name of a point's objective, without its fields."""
  return point.objective.partition('(')[0]


def _marker(name):
  known = objective_lib.names()
  place = known.index(name) if name in known else 0
  return _MARKERS[place % len(_MARKERS)]


def _draw_markers(ax, x, y, options, name, label):
  options = {'zorder': 4, **style.family(name), **options}
  ax.plot(x, y, ls='none', label=label, clip_on=False, **options)


def _draw_estimates(ax, x, y, options, name, label):
  """Draws hollow markers with a dashed outline."""
  del options
  family = style.family(name)
  ax.scatter(
    x, y, s=style.ESTIMATE_SIZE, marker=family['marker'], facecolors='none',
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
    color=marker_options['markeredgecolor'], lw=0.9, elinewidth=0.9,
    label=family.name, **marker_options,
  )  # fmt: skip


def explanation(curves) -> str:
  """Returns what lines and marks mean, for those that are in the figure."""
  points = [point for curve in curves for point in curve.points]
  with_line = [c for c in curves if any(p.is_one_run for p in c.points)]
  is_there = {
    'lines: curves of one run': bool(with_line),
    'rings: trained separately': any(
      not p.is_one_run for curve in with_line for p in curve.points
    ),
    'triangles: warm starts from below (up) or above (down)': any(
      p.settings.get('warm_start') for p in points
    ),
    'bars: one standard error over images': True,
    'pale: spread over seeds': any(
      p.test.rate.seed_std_nats is not None for p in points
    ),
    'dashed: estimates, which are no bounds': not all(
      p.is_bound('rate', 'distortion', 'elbo') for p in points
    ),
    'crosses: below the true diagonal, which no model can be': any(
      p.is_infeasible for p in points
    ),
  }
  return '; '.join(text for text, shown in is_there.items() if shown)
