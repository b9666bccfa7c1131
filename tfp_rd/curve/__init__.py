# SPDX-License-Identifier: Apache-2.0
"""Curves: from the results of runs to points, gaps and frontiers.

No TensorFlow here.
"""
