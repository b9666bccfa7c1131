# SPDX-License-Identifier: Apache-2.0
"""Claim 2: a strong decoder ignores z at beta 1, a weak one does not."""

from tfp_rd import architecture
from tfp_rd.claim import evidence as evidence_lib
from tfp_rd.claim.claim import Claim, graded, NOT_TESTABLE, Verdict
from tfp_rd.report import cell

__all__ = ['CLAIM']

_COLLAPSED_NATS = 0.05
_USED_NATS = 10.0
_STRONG = [str(a) for a in architecture.PAPER if a.decoder == '+']


def _judge(evidence):
  strong = evidence.fresh(evidence_lib.MNIST, decoder='+')
  weak = evidence.fresh(evidence_lib.MNIST, decoder='-')
  missing = [name for name in _STRONG if name not in strong]
  if missing or not weak:
    what = ', '.join(f'`{name}`' for name in missing) or 'independent pixels'
    return Verdict(NOT_TESTABLE, f'No run at beta 1 alone of {what}.')
  rates = {
    sign: [
      rate
      for points in side.values()
      for point in points
      for rate in evidence_lib.rates_of_seeds(point)
    ]
    for sign, side in (('+', strong), ('-', weak))
  }
  num_collapsed = sum(rate < _COLLAPSED_NATS for rate in rates['+'])
  return graded(
    num_collapsed == len(rates['+']),
    min(rates['-']) > _USED_NATS and num_collapsed > 0,
    reason=f'{num_collapsed} of {len(rates["+"])} runs with a PixelCNN have R '
    f'below {_COLLAPSED_NATS:g}; independent pixels have at least '
    f'{min(rates["-"]):.1f}.',
    table=(
      ('family', 'R', 'D', '-ELBO'),
      *(
        (
          f'`{name}`', cell.number(point.test.rate, digits=3),
          cell.number(point.test.distortion),
          cell.number(point.test.elbo, sign=-1),
        )
        for side in (strong, weak)
        for name, points in side.items()
        for point in points
      ),
    ),
  )  # fmt: skip


CLAIM = Claim(
  2,
  'At beta 1, trained from the start and without annealing, models with a '
  'strong decoder ignore z, in all six families; those of independent pixels '
  'do not.',
  'R = 0.0 and -ELBO of 80.5 to 81.0 in six families; else R of 25.3 to 27.1 '
  'and -ELBO of 83.4 to 87.1.',
  f'It holds if R is below {_COLLAPSED_NATS:g} nats in every such run of the '
  f'six families, and above {_USED_NATS:g} with independent pixels; in part if '
  'all six collapse, or only some do and independent pixels are above.',
  _judge,
)
