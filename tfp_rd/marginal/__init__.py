# SPDX-License-Identifier: Apache-2.0
"""Marginals m(z): callables that return a distribution of z."""
