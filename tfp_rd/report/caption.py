# SPDX-License-Identifier: Apache-2.0
"""What lines and marks of a figure mean, in one sentence each."""

from tfp_rd.curve import reach
from tfp_rd.report import limits, points

__all__ = ['explanation']

_TURNS = {
  (True,): (
    'plus: a curve that turns up at its least betas; D rises there on training '
    'images, too, so that the network is worse at the end of its range'
  ),
  (False,): (
    'plus: a curve that turns up at its least betas; D does not rise on '
    'training images, so that it has over-fitted there'
  ),
  (False, True): (
    'plus: a curve that turns up at its least betas, where it has over-fitted '
    'or, if D rises on training images too, is at the end of its range'
  ),
}


def explanation(curves) -> str:
  """Returns what lines and marks mean, for those that are in the figure."""
  all_points = [point for curve in curves for point in curve.points]
  with_line = [c for c in curves if any(p.is_one_run for p in c.points)]
  has_line = any(len(line) > 1 for line in reach.lines(curves))
  turns = tuple(sorted({turn.on_train for turn in points.turns(curves)}))
  is_there = {
    'lines: curves of one run; between neighbouring points lie mixtures of '
    'both models, reached by time-sharing, linear in R and D': has_line,
    f'{limits.frontier_name(curves)}: of points and lines': has_line,
    'rings: trained separately': any(
      not p.is_one_run for curve in with_line for p in curve.points
    ),
    'triangles: warm starts from below (up) or above (down)': any(
      p.settings.get('warm_start') in ('up', 'down') for p in all_points
    ),
    'bars: one standard error over images': True,
    'pale: spread over seeds': any(
      p.test.rate.seed_std_nats is not None for p in all_points
    ),
    'dashed outlines: estimates, which are no bounds': not all(
      p.is_bound('rate', 'distortion', 'elbo') for p in all_points
    ),
    'crosses: below the true diagonal, which no model can be': any(
      p.is_infeasible for p in all_points
    ),
    _TURNS.get(turns, ''): bool(turns),
  }
  return '; '.join(text for text, shown in is_there.items() if shown)
