# SPDX-License-Identifier: Apache-2.0
"""Compares curves of one run with separately trained models, by family.

Both are measured on the same test images.  The comparison takes the examples
of runs and is written as a table in Markdown.  No TensorFlow here.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Optional

import numpy as np

from tfp_rd import errors
from tfp_rd.curve import compare
from tfp_rd.estimate import Estimate

__all__ = ['compare_families', 'FamilyGaps', 'table_md']

_NONE = '\N{EN DASH}'


@dataclasses.dataclass(frozen=True)
class FamilyGaps:
  """How much worse one run of a family is than separately trained models.

  Attributes:
    name: The architecture, such as `'-+v'`.
    gaps: The gap of `D + beta R` at each beta that both sides have.
    num_seeds: Separately trained models at beta 1.
    seed_std_elbo_nats: Standard deviation of their ELBO, `None` below two.
    rate_difference: Of the whole curves, `None` if they cannot be compared.
    note: The sentence that says why not, else empty.
  """

  name: str
  gaps: Mapping[float, Estimate]
  num_seeds: int
  seed_std_elbo_nats: Optional[float]
  rate_difference: Optional[compare.RateDifference]
  note: str = ''

  @property
  def elbo_gap(self) -> Optional[Estimate]:
    """The gap of the -ELBO; `None` where a side has no beta of 1."""
    return self.gaps.get(1.0)


def compare_families(
  one_run: Mapping[str, compare.Examples],
  separate: Mapping[str, Sequence[compare.Examples]],
  *,
  num_resamples: int = 1000,
  seed: int = 0,
) -> tuple[FamilyGaps, ...]:
  """Compares each family that both sides have.

  Separate models of one beta are its seeds.  Each image's rate and distortion
  are averaged over them: the gap is to their mean, and standard errors and
  intervals are those over images; the
  standard deviation over seeds stands beside them.
  Only betas that both sides have take part, also in the difference of rates,
  so that the errors of interpolation cancel.  Costs a second or two a family.

  Args:
    one_run: For each family the `Run.examples` of its one run: `beta [P]`,
      `rate_nats` and `distortion_nats` `[P, N]`.
    separate: For each family those of its separate runs, of any number of betas
      each, on the same images in the same order.
    num_resamples: Of the bootstrap.
    seed: Of the bootstrap.

  Returns:
    One record a family, in the order of `one_run`.

  Raises:
    UserError: The sides of a family differ in their images, or have no beta
      in common.
  """
  return tuple(
    _family(name, one_run[name], separate[name], num_resamples, seed)
    for name in one_run
    if name in separate
  )


def table_md(families: Sequence[FamilyGaps]) -> str:
  """Returns the comparison in Markdown: a summary, then the gaps by beta."""
  minus = '\N{MINUS SIGN}'
  main = [
    f'family|{minus}ELBO gap at beta 1 (nats)|seeds|std over seeds (nats)'
    '|rate difference (%)'.split('|')
  ]
  main += [_main_cells(family) for family in families]
  betas = sorted({beta for family in families for beta in family.gaps})
  by_beta = [['family', *(f'beta {beta:g}' for beta in betas)]]
  by_beta += [
    [f'`{family.name}`', *(_gap_cell(family.gaps.get(b)) for b in betas)]
    for family in families
  ]
  paragraphs = (
    'What one run loses to separately trained models, on the same test images; '
    'negative where it is better.  Gaps stand with the standard error of the '
    'paired difference over images, differences of the rate at equal '
    'distortion with the interval of a paired bootstrap over images.',
    _table(main),
    '\n'.join(f'- {note}' for note in map(_note, families) if note),
    'The gap of D + beta R, in nats:',
    _table(by_beta),
  )
  return '\n\n'.join(filter(None, paragraphs)) + '\n'


def _family(name, one_run, separate, num_resamples, seed):
  sides = _by_beta([one_run]), _by_beta(separate)
  betas = _shared_betas(name, *sides)
  ours, theirs = ([np.mean(side[b], 0) for b in betas] for side in sides)
  gaps = {b: _gap(*at, b) for *at, b in zip(ours, theirs, betas, strict=True)}
  elbos = [-values.sum(0).mean() for values in sides[1].get(1.0, ())]
  spread = float(np.std(elbos, ddof=1)) if len(elbos) > 1 else None
  difference, note = None, ''
  try:
    difference = compare.rate_difference_interval(
      _stack(ours), _stack(theirs), num_resamples=num_resamples, seed=seed
    )
  except errors.UserError as e:
    note = str(e)
  return FamilyGaps(name, gaps, len(elbos), spread, difference, note)


def _by_beta(runs):
  """Returns rate and distortion `[2, N]` of each seed at each beta."""
  by_beta = {}
  for run in runs:
    columns = (run['beta'], run['rate_nats'], run['distortion_nats'])
    for beta, rate, distortion in zip(*columns, strict=True):
      values = np.array([rate, distortion], np.float64)
      # A point without a beta has NaN, which equals no other key.
      by_beta.setdefault(float(beta), []).append(values)
  return by_beta


def _shared_betas(name, ours, theirs):
  betas = sorted(set(ours) & set(theirs))
  if not betas:
    raise errors.UserError(
      f'{name} has betas {sorted(ours)} in one run and {sorted(theirs)} '
      'separately; evaluate the one run at betas that were trained separately.'
    )
  shapes = {v.shape for side in (ours, theirs) for b in betas for v in side[b]}
  if len(shapes) > 1:
    raise errors.UserError(
      f'{name} has {sorted(n for _, n in shapes)} test images in its runs; '
      'evaluate all of them on the same ones.'
    )
  return betas


def _gap(ours, theirs, beta):
  return compare.paired_gap(
    *ours, reference_rate=theirs[0], reference_distortion=theirs[1], beta=beta
  )


def _stack(points):
  rate, distortion = np.stack(points, 1)
  return {'rate_nats': rate, 'distortion_nats': distortion}


def _main_cells(family):
  spread, difference = family.seed_std_elbo_nats, family.rate_difference
  return [
    f'`{family.name}`',
    _gap_cell(family.elbo_gap),
    str(family.num_seeds),
    _NONE if spread is None else f'{spread:.2f}',
    _NONE if difference is None else _interval(difference),
  ]


def _interval(difference):
  ends = f'{difference.low_percent:+.1f}, {difference.high_percent:+.1f}'
  return f'{difference.percent:+.1f} [{ends}]'


def _gap_cell(gap):
  return _NONE if gap is None else f'{gap.nats:+.2f} ± {gap.stderr_nats:.2f}'


def _note(family):
  if family.rate_difference is None:
    return f'`{family.name}` has no difference of rates: {family.note}'
  left_out = family.rate_difference.num_degenerate
  if not left_out:
    return ''
  return (
    f'`{family.name}`: {left_out} of {family.rate_difference.num_resamples} '
    'resamples could not be compared and are left out of its interval.'
  )


def _table(rows):
  lines = [rows[0], ['---'] + ['---:'] * (len(rows[0]) - 1), *rows[1:]]
  return '\n'.join(f'| {" | ".join(line)} |' for line in lines)
