# SPDX-License-Identifier: Apache-2.0
"""The points of a family: a line where one run trained them all.

Beside such a curve, points that were trained separately are rings.
"""

import numpy as np

from tfp_rd import style

__all__ = ['draw_gaps', 'draw_points', 'explanation']


def draw_points(ax, curve, value):
  """Draws one family, with standard errors and the spread over seeds.

  Args:
    ax: Matplotlib's axes.
    curve: A `tfp_rd.curve.Curve`.
    value: `'distortion'`, or `'elbo'` for -ELBO, over the rate.
  """
  look = style.family(curve.name)
  rate = curve.column('rate_nats')
  height = curve.column(f'{value}_nats') * (-1 if value == 'elbo' else 1)
  for error, alpha, width in (
    ('seed_std_{}_nats', 0.25, 4),
    ('{}_stderr_nats', 0.8, 1.1),
  ):
    x, y = (curve.column(error.format(name)) for name in ('rate', value))
    ax.errorbar(
      rate, height, np.nan_to_num(y), np.nan_to_num(x), fmt='none',
      ecolor=look['markeredgecolor'], elinewidth=width, alpha=alpha, zorder=2,
      clip_on=False,
    )  # fmt: skip
  one_run = curve.is_one_run()
  # Not clipped: collapsed models sit on the axis itself.
  ax.plot(
    rate[one_run], height[one_run], color=look['markeredgecolor'], lw=0.9,
    alpha=0.7, zorder=2, clip_on=False,
  )  # fmt: skip
  # Beside the curve of one run, points of their own runs are rings around it.
  ring = style.RING if one_run.any() else {}
  for chosen, more, label in (
    (~one_run, ring, '' if one_run.any() else curve.name),
    (one_run, {}, curve.name),
  ):
    if chosen.any():
      ax.plot(
        rate[chosen], height[chosen], ls='none', label=label, zorder=4,
        clip_on=False, **{**look, **more},
      )  # fmt: skip


def draw_gaps(ax, family):
  """Draws what one family loses over beta, a `FamilyGaps`."""
  look = style.family(family.name)
  betas = sorted(family.gaps)
  gaps = [family.gaps[beta] for beta in betas]
  ax.errorbar(
    betas, [gap.nats for gap in gaps], [gap.stderr_nats for gap in gaps],
    color=look['markeredgecolor'], lw=0.9, elinewidth=0.9,
    label=family.name, **look,
  )  # fmt: skip


def explanation(curves) -> str:
  """Returns what lines, rings and bars mean, as far as there are any."""
  kinds = [curve.is_one_run() for curve in curves]
  has_lines = any(kind.any() for kind in kinds)
  has_rings = any(kind.any() and not kind.all() for kind in kinds)
  return (
    'lines: curves of one run; ' * has_lines
    + 'rings: trained separately; ' * has_rings
    + 'bars: one standard error over images'
    + ('' if has_lines else '; pale: spread over seeds')
  )
