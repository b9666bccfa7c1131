# SPDX-License-Identifier: Apache-2.0
"""Decoders d(x|z): callables from codes to distributions of binary images."""
