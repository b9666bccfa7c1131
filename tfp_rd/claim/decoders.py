# SPDX-License-Identifier: Apache-2.0
"""Claim 5: strong decoders win at low rates, and only there."""

from tfp_rd.claim import evidence as evidence_lib
from tfp_rd.claim.claim import Claim, graded, NOT_TESTABLE, Verdict
from tfp_rd.curve import mixture, reach

__all__ = ['CLAIM']

_LOW_NATS = (5.0, 10.0)
_HIGH_NATS = (25.0, 30.0, 40.0)
_LEAST_GAP_NATS = 2.0
_NONE = '\N{EN DASH}'


def _judge(evidence):
  curves = evidence.curves(evidence_lib.MNIST)
  weak, strong = (evidence_lib.with_decoder(curves, sign) for sign in '-+')
  if not (weak and strong):
    return Verdict(NOT_TESTABLE, 'Not both decoders on binarised MNIST.')
  rows, low, high = [], [], []
  for rate in (*_LOW_NATS, *_HIGH_NATS):
    sides = [evidence_lib.best_of(side, rate) for side in (weak, strong)]
    gap = None
    if None not in sides:
      gap = mixture.paired_difference(*sides, rate_nats=rate)
    rows.append((f'{rate:g}', *map(_cell, sides), _gap(gap)))
    if rate in _LOW_NATS:
      # Where independent pixels have no model at all, they lose.
      low.append(gap.nats >= _LEAST_GAP_NATS if gap else bool(sides[1]))
    else:
      high.append(gap is not None and abs(gap.nats) <= _LEAST_GAP_NATS)
  return graded(
    all(low),
    all(high),
    reason='On the frontier of independent pixels the lowest rate is '
    f'{_lowest_rate(weak):.1f} nats; the gap is at least {_LEAST_GAP_NATS:g} '
    f'at {sum(low)} of {len(low)} low rates, and at most that at {sum(high)} '
    f'of {len(high)} high ones.',
    table=(
      ('R', 'D, independent pixels', 'D, PixelCNN', 'difference at equal rate'),
      *rows,
    ),
  )


def _lowest_rate(curves):
  flags = reach.on_frontier(curves)
  rates = [
    point.test.rate.nats
    for curve, on in zip(curves, flags, strict=True)
    for point, is_on in zip(curve.points, on, strict=True)
    if is_on
  ]
  return min(rates, default=float('nan'))


def _cell(side):
  if side is None:
    return _NONE
  return f'{evidence_lib.number(side.distortion)} (`{side.name}`)'


def _gap(gap):
  return _NONE if gap is None else evidence_lib.number(gap, '+')


CLAIM = Claim(
  5,
  'Autoregressive decoders win at low rates, where independent pixels have no '
  'model at all; above the 22 nats by which pixels were drawn the two are '
  'alike.',
  'No model of independent pixels below R = 16; from R = 22 on the two track '
  'each other.',
  f'It holds if independent pixels lose {_LEAST_GAP_NATS:g} nats of D or more '
  f'at R = {" and ".join(f"{r:g}" for r in _LOW_NATS)}, or have no model '
  f'there, and the two differ by at most {_LEAST_GAP_NATS:g} nats at R = '
  f'{", ".join(f"{r:g}" for r in _HIGH_NATS)}; in part if one of the two is '
  'so.',
  _judge,
)
