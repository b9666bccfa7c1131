# SPDX-License-Identifier: Apache-2.0
"""Encoders e(z|x): callables from images to distributions of z."""
