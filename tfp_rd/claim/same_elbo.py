# SPDX-License-Identifier: Apache-2.0
"""Claim 1: one ELBO, many rates."""

from tfp_rd.claim import evidence as evidence_lib
from tfp_rd.claim.claim import Claim, graded, NOT_TESTABLE, Verdict
from tfp_rd.curve import diagonal
from tfp_rd.report import cell

__all__ = ['CLAIM']

_LEAST_MODELS = 4
_WITHIN_NATS = 1.0
_SPAN_NATS = 8.0


def _judge(evidence):
  points = evidence.points(evidence_lib.MNIST)
  best = points and diagonal.best_point(evidence.curves(evidence_lib.MNIST))
  if not best or len(points) < _LEAST_MODELS:
    return Verdict(NOT_TESTABLE, f'{len(points)} models of binarised MNIST.')
  near = []
  for name, point in points:
    above = evidence_lib.paired_difference(point, best.point)
    if above.nats <= _WITHIN_NATS:
      near.append((point.test.rate.nats, name, point, above))
  near.sort(key=lambda each: each[:2])
  span = near[-1][0] - near[0][0]
  return graded(
    len(near) >= _LEAST_MODELS and span >= _SPAN_NATS,
    len(near) > 1 and span >= _SPAN_NATS / 2,
    reason=f'{len(near)} models are within {_WITHIN_NATS:g} nat of the best, '
    f'and their rates span {span:.1f} nats.',
    table=(
      ('family', 'trained', 'R', '-ELBO', 'more than the best'),
      *(
        (
          f'`{name}`', _trained(point), cell.number(point.test.rate),
          cell.number(point.test.elbo, sign=-1),
          evidence_lib.number(above, '+'),
        )
        for _, name, point, above in near
      ),
    ),
  )  # fmt: skip


def _trained(point):
  how = 'in a curve' if point.is_one_run else 'alone'
  if 'annealing' in point.objective:
    how = 'alone, annealed'
  return f'at beta {point.label}, {how}'


CLAIM = Claim(
  1,
  'The ELBO cannot see the rate: models of nearly the same ELBO have rates '
  'from none to many nats.',
  '-ELBO of 80.2 to 81.0 at R from 0 to 8.3.',
  f'It holds if at least {_LEAST_MODELS} models have an -ELBO within '
  f'{_WITHIN_NATS:g} nat of the best, and rates that span {_SPAN_NATS:g} nats; '
  f'in part if at least two have, and span {_SPAN_NATS / 2:g} nats.',
  _judge,
)
