# SPDX-License-Identifier: Apache-2.0
"""Claim 10: in the toy world the ELBO ignores z, and a target rate does not."""

from tfp_rd.claim.claim import Claim, graded, NOT_TESTABLE, Verdict

__all__ = ['CLAIM']

_COLLAPSED_NATS = 0.01
_TARGET_NATS = 0.5
_NEAR_NATS = 0.02
_FOUND_PART = 0.9
_ROWS = {
  'the optimum by hand': 'optimum',
  'ELBO': 'elbo',
  'target rate': 'target_rate_weight_1',
}


def _judge(evidence):
  if evidence.toy is None:
    return Verdict(
      NOT_TESTABLE,
      'There is no toy.json below the roots; `tfp-rd toy` makes one, and --toy '
      'names one elsewhere.',
    )
  optimum, elbo, target = (evidence.toy[key] for key in _ROWS.values())
  part = (
    target['information_z_zstar_nats'] / optimum['information_z_zstar_nats']
  )
  rates = elbo['rate_nats'], target['rate_nats']
  return graded(
    rates[0] < _COLLAPSED_NATS and abs(rates[1] - _TARGET_NATS) <= _NEAR_NATS,
    part >= _FOUND_PART,
    reason=f'R is {rates[0]:.4f} with the ELBO and {rates[1]:.4f} with the '
    f'target rate, whose code has {100 * part:.0f} % of the information on the '
    'causes that the best one has.  These numbers are exact sums.',
    table=(
      ('trained with', 'R', 'D', 'I(Z; Z*)', 'accuracy'),
      *(
        (
          title,
          *(
            f'{evidence.toy[key][name]:.4f}'
            for name in (
              *('rate_nats', 'distortion_nats', 'information_z_zstar_nats'),
              'cluster_accuracy',
            )
          ),
        )
        for title, key in _ROWS.items()
      ),
    ),
  )


CLAIM = Claim(
  10,
  'In the toy world the ELBO ignores z, and the target rate recovers the true '
  'generative process.',
  'R = 0.0002 with the ELBO and 0.4999 with a target of 0.5 nats; both causes '
  'are found.',
  f'It holds if R is below {_COLLAPSED_NATS:g} nats with the ELBO, within '
  f'{_NEAR_NATS:g} nats of the target with it, and the code of the start of '
  f'median I(Z; Z*) has {100 * _FOUND_PART:.0f} % of the information on the '
  'causes that the best code of that rate has; in part if only the rates, or '
  'only the causes, are so.',
  _judge,
)
