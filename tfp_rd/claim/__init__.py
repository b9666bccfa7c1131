# SPDX-License-Identifier: Apache-2.0
"""The paper's thirteen claims, each checked by a function on finished runs.

No TensorFlow here, but for the labels of claim 8.

#### References

[1]: Alexander A. Alemi et al. Fixing a Broken ELBO. In _International
     Conference on Machine Learning_, 2018.  https://arxiv.org/abs/1711.00464
"""

from tfp_rd.claim import (
  both_numbers,
  collapse,
  convexity,
  decoders,
  high_rates,
  kinds_of_codes,
  regained_rate,
  same_elbo,
  samples,
  target_rate,
  toy,
  vamp_prior,
  weak_order,
)
from tfp_rd.claim.claim import Claim, Verdict
from tfp_rd.claim.evidence import Evidence

__all__ = ['CLAIMS', 'Claim', 'Evidence', 'Verdict']

CLAIMS: tuple[Claim, ...] = (
  same_elbo.CLAIM,
  collapse.CLAIM,
  regained_rate.CLAIM,
  weak_order.CLAIM,
  decoders.CLAIM,
  high_rates.CLAIM,
  convexity.CLAIM,
  kinds_of_codes.CLAIM,
  samples.CLAIM,
  toy.CLAIM,
  vamp_prior.CLAIM,
  target_rate.CLAIM,
  both_numbers.CLAIM,
)
