# SPDX-License-Identifier: Apache-2.0
"""Claim 4: the order of the families of independent pixels at beta 1."""

import itertools

from scipy import stats

from tfp_rd.claim import evidence as evidence_lib
from tfp_rd.claim.claim import Claim, graded, NOT_TESTABLE, Verdict
from tfp_rd.report import cell

__all__ = ['CLAIM']

_PAPER = {
  '+-v': 83.4,
  '+-+': 83.7,
  '--+': 84.2,
  '--v': 84.7,
  '+--': 85.8,
  '---': 87.1,
}
_LEAST_TAU = 0.7
_LEAST_TAU_IN_PART = 0.3
_NUM_STDERRS = 2.0


def _judge(evidence):
  fresh = evidence.fresh(evidence_lib.MNIST, decoder='-')
  missing = [f'`{name}`' for name in _PAPER if name not in fresh]
  if missing:
    what = ', '.join(missing)
    return Verdict(NOT_TESTABLE, f'No run at beta 1 alone of {what}.')
  points = {name: fresh[name][0] for name in _PAPER}
  ours = [-point.test.elbo.nats for point in points.values()]
  tau = float(stats.kendalltau([*_PAPER.values()], ours).statistic)
  agree = oppose = 0
  for better, worse in itertools.combinations(points.values(), 2):
    gap = evidence_lib.paired_difference(worse, better)
    agree += gap.nats > _NUM_STDERRS * gap.stderr_nats
    oppose += -gap.nats > _NUM_STDERRS * gap.stderr_nats
  return graded(
    tau >= _LEAST_TAU,
    tau >= _LEAST_TAU_IN_PART,
    reason=f"Kendall's tau is {tau:.2f}; of 15 pairs {agree} are in the "
    f"paper's order by more than {_NUM_STDERRS:g} standard errors of their "
    f'paired difference, and {oppose} in the other.',
    table=(
      ('family', "paper's -ELBO", '-ELBO', 'R'),
      *(
        (
          f'`{name}`', f'{_PAPER[name]:.1f}',
          cell.number(point.test.elbo, sign=-1), cell.number(point.test.rate),
        )
        for name, point in points.items()
      ),
    ),
  )  # fmt: skip


CLAIM = Claim(
  4,
  'At beta 1 a stronger encoder and a stronger marginal each help independent '
  'pixels by 1 to 3 nats.',
  ' < '.join(f'`{name}` {nats:.1f}' for name, nats in _PAPER.items()) + '.',
  f"It holds if Kendall's tau of the six -ELBOs with the paper's is at least "
  f'{_LEAST_TAU:g}; in part if it is at least {_LEAST_TAU_IN_PART:g}.',
  _judge,
)
