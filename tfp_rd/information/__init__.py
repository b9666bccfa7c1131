# SPDX-License-Identifier: Apache-2.0
"""Rates, distortions and informations of discrete and Gaussian models, exact.

Tests compare estimates with them.  No TensorFlow here.
"""

from tfp_rd.information.discrete import (
  entropy,
  mutual_information,
  Sandwich,
  sandwich,
)
from tfp_rd.information.floor import blahut_arimoto, Floor
from tfp_rd.information.gaussian import gaussian_rate, RateAtDistortion
from tfp_rd.information.linear_gaussian import LinearEncoder, LinearGaussian

__all__ = [
  'Floor',
  'LinearEncoder',
  'LinearGaussian',
  'RateAtDistortion',
  'Sandwich',
  'blahut_arimoto',
  'entropy',
  'gaussian_rate',
  'mutual_information',
  'sandwich',
]
