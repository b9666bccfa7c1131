# SPDX-License-Identifier: Apache-2.0
"""Claim 11: the VampPrior helps."""

from tfp_rd.claim import evidence as evidence_lib
from tfp_rd.claim.claim import Claim, graded, NOT_TESTABLE, Verdict
from tfp_rd.curve import diagonal

__all__ = ['CLAIM']

_NUM_STDERRS = 2.0
_PAIRS = ('--', '+-', '-+', '++')  # Encoder and decoder.


def _judge(evidence):
  curves = {c.name: c for c in evidence.curves(evidence_lib.MNIST)}
  best = {name: diagonal.best_point([curves[name]]) for name in curves}
  best = {name: named.point for name, named in best.items() if named}
  rows, better = [], []
  for pair in _PAIRS:
    if f'{pair}v' not in best:
      continue
    for sign in '-+':
      other = f'{pair}{sign}'
      if other not in best:
        continue
      gap = evidence_lib.paired_difference(best[f'{pair}v'], best[other])
      rows.append((f'`{pair}v`', f'`{other}`', evidence_lib.number(gap, '+')))
      if sign == '-':
        better.append(gap.nats < -_NUM_STDERRS * gap.stderr_nats)
  if len(better) < len(_PAIRS):
    return Verdict(
      NOT_TESTABLE,
      f'{len(better)} of the {len(_PAIRS)} pairs of encoder and decoder are '
      'there with a VampPrior and with a standard normal.',
    )
  first = diagonal.best_point(list(curves.values()))
  return graded(
    all(better) and first.name.endswith('v'),
    sum(better) >= len(better) / 2,
    reason=f'The VampPrior is better than a standard normal beyond '
    f'{_NUM_STDERRS:g} standard errors in {sum(better)} of {len(better)} '
    f'pairs; the best family is `{first.name}`.',
    table=(('family', 'other', 'difference of -ELBO'), *rows),
  )


CLAIM = Claim(
  11,
  'The VampPrior helps: the best family overall and the best of independent '
  'pixels have one.',
  '`++v` 80.2 and `+-v` 83.4; but `--v` 84.7 is worse than `--+` 84.2.',
  'It compares the least -ELBO of each family, chosen on validation.  It holds '
  'if all families with a VampPrior are better than those with a standard '
  f'normal by more than {_NUM_STDERRS:g} paired standard errors and the best '
  'family has one; in part if half of them are.',
  _judge,
)
