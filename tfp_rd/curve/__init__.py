# SPDX-License-Identifier: Apache-2.0
"""Curves: from the results of runs to points, gaps and frontiers.

`from_points` makes one of what was measured elsewhere.  No TensorFlow here.
"""

from tfp_rd.curve.curve import from_points

__all__ = ['from_points']
