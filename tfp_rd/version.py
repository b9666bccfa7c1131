# SPDX-License-Identifier: Apache-2.0
"""The version of the package, read by setup.py without an import."""

__all__ = ['__version__']

__version__ = '0.1.0'
