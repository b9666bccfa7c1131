# SPDX-License-Identifier: Apache-2.0
"""Assertions for parts, ours and yours: they say what a part must be.

testing.assert_sums_to_one(decoder(z))     all binary images
testing.assert_causal(decoder(z))          no logit sees its own pixel
testing.assert_sample_matches(decoder(z))  samples follow the density
"""

from tfp_rd.testing.pixels import (
  all_images,
  assert_causal,
  assert_sample_matches,
  assert_sums_to_one,
)

__all__ = [
  'all_images',
  'assert_causal',
  'assert_sample_matches',
  'assert_sums_to_one',
]
