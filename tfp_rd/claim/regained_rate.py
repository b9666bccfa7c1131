# SPDX-License-Identifier: Apache-2.0
"""Claim 3: a smaller beta, or annealing, makes a strong decoder use z."""

from tfp_rd.claim import evidence as evidence_lib
from tfp_rd.claim.claim import Claim, graded, NOT_TESTABLE, Verdict
from tfp_rd.report import cell

__all__ = ['CLAIM']

_SMALL_BETA = 0.15
_GAIN_NATS = 20.0
_ANNEALED_GAIN_NATS = 0.5


def _judge(evidence):
  data = evidence_lib.MNIST
  fresh = evidence.fresh(data, decoder='+')
  rows, small, annealed = [], [], []
  for name, (start, *_) in fresh.items():
    rows.append(_row(name, 'beta 1', start))
    for point in _at_small_beta(evidence.points(data), name):
      rows.append(_row(name, f'beta {point.label}', point))
      more = point.test.rate.nats - start.test.rate.nats
      less = start.test.distortion.nats - point.test.distortion.nats
      small.append(min(more, less) >= _GAIN_NATS)
    for point in evidence.annealed(data, decoder='+').get(name, ()):
      rows.append(_row(name, 'beta 1, annealed', point))
      more = point.test.rate.nats - start.test.rate.nats
      annealed.append(more >= _ANNEALED_GAIN_NATS)
  if not small:
    return Verdict(
      NOT_TESTABLE,
      'No family with a PixelCNN has a run at beta 1 alone and a point at beta '
      f'{_SMALL_BETA:g} or below.',
    )
  return graded(
    all(small),
    any(annealed),
    reason=f'Small betas give z {_GAIN_NATS:g} nats or more in {sum(small)} of '
    f'{len(small)} points, annealing {_ANNEALED_GAIN_NATS:g} or more in '
    f'{sum(annealed)} of {len(annealed)} runs.',
    table=(('family', 'trained', 'R', 'D', '-ELBO'), *rows),
  )


def _at_small_beta(points, name):
  return [
    point
    for family, point in points
    if family == name and point.beta is not None and point.beta <= _SMALL_BETA
  ]


def _row(name, how, point):
  test = point.test
  return (
    f'`{name}`', how, cell.number(test.rate), cell.number(test.distortion),
    cell.number(test.elbo, sign=-1),
  )  # fmt: skip


CLAIM = Claim(
  3,
  'A beta below 1, or annealing of the weight of the rate, makes a strong '
  'decoder use z.',
  '`-+v`: R 156.0, D 4.8 at beta 0.1 and R 120.3, D 8.1 at 0.15, in place of '
  '0.0 and 81.0 at 1; with annealing R 6.2 at beta 1.',
  f'It holds if every point at beta {_SMALL_BETA:g} or below has '
  f'{_GAIN_NATS:g} nats more R and as many less D than the run at beta 1 alone '
  f'of its family, and annealing gives {_ANNEALED_GAIN_NATS:g} nats of R in at '
  'least one run; in part if one of the two is so.',
  _judge,
)
