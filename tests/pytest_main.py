# SPDX-License-Identifier: Apache-2.0
"""Runs the test files that are named, for Bazel, whose tests are programs."""

import sys

import pytest

__all__ = []

if __name__ == '__main__':
  sys.exit(pytest.main(sys.argv[1:]))
