# SPDX-License-Identifier: Apache-2.0
"""Claim 12: a target rate reaches points that no beta selects."""

import itertools

from tfp_rd import record_text
from tfp_rd.claim import evidence as evidence_lib
from tfp_rd.claim.claim import Claim, graded, NOT_TESTABLE, Verdict
from tfp_rd.curve import mixture
from tfp_rd.report import cell

__all__ = ['CLAIM']

_NEAR_NATS = 0.5
_JUMP_NATS = 1.0
_LEAST_RUNS = 3
_WEIGHT = 3.0


def _judge(evidence):
  found = [
    (named, _field(named.point, 'target_rate_nats'))
    for named in evidence.points(evidence_lib.DIGITS)
    if named.point.objective.startswith('target_rate(')
    and _field(named.point, 'weight') == _WEIGHT
    and named.point.validation.rate is not None
  ]
  if len(found) < _LEAST_RUNS:
    return Verdict(
      NOT_TESTABLE,
      f'{len(found)} runs of digits were trained with a target, weight '
      f'{_WEIGHT:g}.',
    )
  found.sort(key=lambda each: (each[0].name, each[1]))
  curves = {c.name: c for c in evidence.curves(evidence_lib.DIGITS)}
  looked = [_look(named, target, curves) for named, target in found]
  hits, jumps, rows = zip(*looked, strict=True)
  return graded(
    all(hits),
    any(jumps),
    reason=f'{sum(hits)} of {len(hits)} runs are within {_NEAR_NATS:g} nats of '
    'their target, and at most as much above the curve of their family; '
    f'{sum(jumps)} lie where the curve jumps by more than {_JUMP_NATS:g} nat.',
    table=(
      ('family', 'target', 'R', 'D', 'D above the curve', 'jump of R there'),
      *rows,
    ),
  )


def _look(named, target, curves):
  """Returns whether a run hits, whether the curve jumps there, and its row."""
  point, curve = named.point, curves[named.name].lines_alone()
  rate = point.test.rate.nats
  other = evidence_lib.best_of([curve], point.validation.rate.nats)
  jump, above = _jump(curve, rate), None
  if other is not None:
    own = mixture.Mixture(named.name, (point,))
    above = mixture.paired_difference(own, other, rate_nats=rate)
  is_near = abs(rate - target) <= _NEAR_NATS
  is_hit = is_near and above is not None and above.nats <= _NEAR_NATS
  row = (
    f'`{named.name}`', f'{target:g}', cell.number(point.test.rate),
    cell.number(point.test.distortion),
    '\N{EN DASH}' if above is None else evidence_lib.number(above, '+'),
    f'{jump:.2f}',
  )  # fmt: skip
  return is_hit, jump > _JUMP_NATS, row


def _field(point, name):
  """Returns a number of the objective, whose default is 1."""
  _, fields = record_text.read(point.objective)
  return float(fields.get(name, 1.0))


def _jump(curve, rate):
  """Returns between which rates of neighbouring betas a rate lies, apart."""
  steps = [0.0]
  for line in curve.one_run_lines():
    for pair in itertools.pairwise(line):
      low, high = sorted(point.test.rate.nats for point in pair)
      if low <= rate <= high:
        steps.append(high - low)
  return max(steps)


CLAIM = Claim(
  12,
  'The objective D + weight |target - R| reaches rates that no beta selects.',
  'Shown on the toy alone; there R = 0.4999 for a target of 0.5.',
  f'On digits, weight 3: it holds if every run is within {_NEAR_NATS:g} nats '
  f'of its target and at most {_NEAR_NATS:g} nats of D above the curve of its '
  'family, and one lies where R of that curve jumps by more than '
  f'{_JUMP_NATS:g} nat between neighbouring betas; in part if one of the two '
  'is so.',
  _judge,
)
