# SPDX-License-Identifier: Apache-2.0
"""Exact answers: what a discrete or a Gaussian world has to say in closed form.

Truth for the tests of all that is estimated.  No TensorFlow here.
"""

from tfp_rd.information.discrete import (
  entropy,
  mutual_information,
  Sandwich,
  sandwich,
)
from tfp_rd.information.floor import blahut_arimoto, Floor
from tfp_rd.information.gaussian import gaussian_rate, Water
from tfp_rd.information.linear_gaussian import LinearEncoder, LinearGaussian

__all__ = [
  'Floor',
  'LinearEncoder',
  'LinearGaussian',
  'Sandwich',
  'Water',
  'blahut_arimoto',
  'entropy',
  'gaussian_rate',
  'mutual_information',
  'sandwich',
]
