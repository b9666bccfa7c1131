# SPDX-License-Identifier: Apache-2.0
"""Models: three parts, what may be a part, and one model for every beta."""
