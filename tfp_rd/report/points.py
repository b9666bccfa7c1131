# SPDX-License-Identifier: Apache-2.0
"""The points of a family: a line where one run trained them all.

Beside such a curve, points that were trained separately are rings.
"""

import numpy as np

from tfp_rd.report import style

__all__ = ['draw_gaps', 'draw_points', 'explanation']

# Where the weights of a warm run came from; above whatever else is there.
_UP = {'marker': '^', 'zorder': 5}
_DOWN = {'marker': 'v', 'zorder': 5}


def draw_points(ax, curve, value):
  """Draws one family, with standard errors and the spread over seeds.

  Args:
    ax: Matplotlib's axes.
    curve: A `tfp_rd.curve.curve.Curve`.
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
  for line in curve.one_run_lines():
    ax.plot(
      rate[line], height[line], color=look['markeredgecolor'], lw=0.9,
      alpha=0.7, zorder=2, clip_on=False,
    )  # fmt: skip
  started = np.array(curve.results.get('warm_start', [''] * len(curve)))
  # Beside the curve of one run, points of their own runs are larger and hollow.
  ring = style.RING if one_run.any() else {}
  label = curve.name
  for chosen, more in (
    (one_run, {}),
    (~one_run & (started == ''), ring),
    (~one_run & (started == 'up'), {**ring, **_UP}),
    (~one_run & (started == 'down'), {**ring, **_DOWN}),
  ):
    if chosen.any():
      ax.plot(
        rate[chosen], height[chosen], ls='none', label=label,
        clip_on=False, **{'zorder': 4, **look, **more},
      )  # fmt: skip
      label = ''  # One line of the legend for a family.
  wrong = np.array(curve.results.get('is_infeasible', [False] * len(curve)))
  if wrong.any():
    ax.plot(rate[wrong], height[wrong], clip_on=False, **style.CROSS)


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
  """Returns what lines, rings, triangles and bars mean, where there are any."""
  kinds = [curve.is_one_run() for curve in curves]
  starts = {s for c in curves for s in c.results.get('warm_start', ())}
  spread = 'seed_std_rate_nats'
  has_spread = any(
    spread in c.results and np.isfinite(c.column(spread)).any() for c in curves
  )
  told = {
    'lines: curves of one run': any(kind.any() for kind in kinds),
    'rings: trained separately': any(
      kind.any() and not kind.all() for kind in kinds
    ),
    'triangles: warm starts from below (up) or above (down)': bool(
      starts & {'up', 'down'}
    ),
    'bars: one standard error over images': True,
    'pale: spread over seeds': has_spread,
    'crosses: below the true diagonal, which no model can be': any(
      any(c.results.get('is_infeasible', ())) for c in curves
    ),
  }
  return '; '.join(text for text, is_there in told.items() if is_there)
