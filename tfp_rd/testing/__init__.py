# SPDX-License-Identifier: Apache-2.0
"""Assertions about parts, ours or those of a user.

testing.assert_sums_to_one(decoder(z))     all binary images
testing.assert_causal(decoder(z))          no logit sees its own pixel
testing.assert_sample_matches(decoder(z))  samples follow the density
testing.assert_seeded(decoder(z))          a seed determines the sample
testing.assert_history_free(make, x)       no density depends on earlier calls
"""

from tfp_rd.testing.pixels import (
  all_images,
  assert_causal,
  assert_history_free,
  assert_sample_matches,
  assert_seeded,
  assert_sums_to_one,
)

__all__ = [
  'all_images',
  'assert_causal',
  'assert_history_free',
  'assert_sample_matches',
  'assert_seeded',
  'assert_sums_to_one',
]
