# SPDX-License-Identifier: Apache-2.0
"""Claim 13: R and D are to be reported apart."""

from tfp_rd.claim.claim import Claim, graded, NOT_TESTABLE, Verdict
from tfp_rd.curve.point import SPLITS

__all__ = ['CLAIM']


def _judge(evidence):
  points = [
    point
    for curves in evidence.collected.curves.values()
    for curve in curves
    for point in curve.points
  ]
  if not points:
    return Verdict(NOT_TESTABLE, 'There is no finished run.')
  whole = sum(map(_has_both, points))
  return graded(
    whole == len(points),
    whole > 0,
    reason=f'{whole} of {len(points)} points have R and D on train, validation '
    'and test, each with its standard error.',
    table=(),
  )


def _has_both(point):
  values = [
    getattr(getattr(point, split), name)
    for split in SPLITS
    for name in ('rate', 'distortion')
  ]
  return all(v is not None and v.stderr_nats is not None for v in values)


CLAIM = Claim(
  13,
  'Rate and distortion are to be reported apart.',
  'The paper gives both of every model in its figures, without errors.',
  'It holds if every point below the roots has both on all three splits, each '
  'with its standard error; in part if some have.',
  _judge,
)
