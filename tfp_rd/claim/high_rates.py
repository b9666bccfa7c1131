# SPDX-License-Identifier: Apache-2.0
"""Claim 6: at high rates every family is far from the diagonal."""

from tfp_rd.claim import evidence as evidence_lib
from tfp_rd.claim.claim import Claim, graded, NOT_TESTABLE, Verdict
from tfp_rd.curve import diagonal

__all__ = ['CLAIM']

# D + R less the best -ELBO on the paper's hull, by rate.
_PAPER_NATS = {50.0: 9.1, 100.0: 33.3, 120.0: 48.1}
_PART = 0.5
# What a measure of a marginal that is fitted afterwards is called.
_VALUE = 'refit_rate'
_BLAMED_PART = 0.5


def _judge(evidence):
  curves = evidence.curves(evidence_lib.MNIST)
  best = curves and diagonal.best_point(curves)
  most = max(
    (p.point.test.rate.nats for p in evidence.points(evidence_lib.MNIST)),
    default=0.0,
  )
  reached = [rate for rate in _PAPER_NATS if rate <= most]
  if not (best and reached):
    return Verdict(NOT_TESTABLE, f'The largest rate is {most:.1f} nats.')
  least = -best.point.test.elbo.nats
  rows, is_far = [], []
  for rate in reached:
    found = evidence_lib.best_of(curves, rate)
    if found is None:  # All models have more rate.
      continue
    at_rate = found.distortion_at(rate)
    excess = at_rate + min(rate, found.rate.nats) - least
    is_far.append(excess >= _PART * _PAPER_NATS[rate])
    rows.append(
      (f'{rate:g}', f'`{found.name}`', evidence_lib.number(found.distortion),
       f'{excess:.1f}', f'{_PAPER_NATS[rate]:.1f}')
    )  # fmt: skip
  if not rows:
    return Verdict(
      NOT_TESTABLE, f'No model has a rate of at most {reached[-1]:g} nats.'
    )
  blame, words = _blame(evidence, reached[0], least)
  return graded(
    all(is_far),
    blame,
    reason=f'At {sum(is_far)} of {len(rows)} rates that are reached D + '
    f"R is above the best by half of the paper's gap or more. {words}",
    table=(
      ('R', 'family', 'D', 'D + R less the best', "the paper's"),
      *rows,
    ),
  )


def _blame(evidence, least_rate, least):
  """Returns whether the marginals are to blame, and what is known of it."""
  shares = []
  for named, value in evidence.measured(evidence_lib.MNIST, _VALUE):
    rate = named.point.test.rate.nats
    if rate >= least_rate:
      gap = -named.point.test.elbo.nats - least
      shares.append((rate - value.number) / gap)
  if not shares:
    return False, (
      'Whether the marginals are to blame is not testable: no marginal was '
      f'fitted afterwards (a measure with the value {_VALUE}).'
    )
  share = sum(shares) / len(shares)
  return share >= _BLAMED_PART, (
    f'A marginal that is fitted afterwards takes {100 * share:.0f} % of the '
    f'gap away, over {len(shares)} points.'
  )


CLAIM = Claim(
  6,
  'At high rates all families are far from the diagonal, and the marginals are '
  'to blame.',
  'D + R is above the best by '
  + ', '.join(f'{nats:g} at R = {r:g}' for r, nats in _PAPER_NATS.items())
  + '; the marginals are blamed without a test.',
  "The gap counts if it is at least half of the paper's at each of these rates "
  'that is reached, and the blame if a marginal that is fitted afterwards '
  'takes half of the gap away; it holds if both are so, in part if one is.',
  _judge,
)
