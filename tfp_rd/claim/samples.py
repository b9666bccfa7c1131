# SPDX-License-Identifier: Apache-2.0
"""Claim 9: samples of models with a small beta are poor."""

import math

from scipy import stats

from tfp_rd.claim import evidence as evidence_lib
from tfp_rd.claim.claim import Claim, graded, NOT_TESTABLE, Verdict
from tfp_rd.estimate import Estimate

__all__ = ['CLAIM']

# The part of generations that a classifier recognises, of a measure.
_VALUE = 'recognised'
_LEAST_CORRELATION = 0.8
_LEAST_POINTS = 4


def _judge(evidence):
  found = [
    (named, value)
    for named, value in evidence.measured(evidence_lib.MNIST, _VALUE)
    if named.point.beta is not None
  ]
  if len(found) < _LEAST_POINTS:
    return Verdict(
      NOT_TESTABLE,
      f'{len(found)} points have a measure of their samples (a measure with '
      f'the value {_VALUE}).',
    )
  found.sort(key=lambda each: each[0].point.beta)
  correlation = float(
    stats.spearmanr(
      [named.point.beta for named, _ in found],
      [value.number for _, value in found],
    ).statistic
  )
  return graded(
    correlation >= _LEAST_CORRELATION,
    correlation > 0,
    reason=f"Spearman's correlation of beta and the part of samples that is "
    f'recognised is {correlation:.2f}, over {len(found)} points.',
    table=(
      ('family', 'beta', 'recognised'),
      *(
        (f'`{named.name}`', named.point.label, _text(value))
        for named, value in found
      ),
    ),
  )


def _text(value):
  error = math.nan if value.error is None else value.error
  return evidence_lib.number(Estimate(value.number, error))


CLAIM = Claim(
  9,
  'Samples of models with a small beta are poor, since the marginal is far '
  'from the codes.',
  'By eye, in Figure 4.',
  "It holds if Spearman's correlation of beta and the part of samples that a "
  f'classifier recognises is at least {_LEAST_CORRELATION:g}; in part if it is '
  'positive.',
  _judge,
)
