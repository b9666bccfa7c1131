# SPDX-License-Identifier: Apache-2.0
"""`python -m tfp_rd NAME ...` is `tfp-rd NAME ...`."""

import sys

from tfp_rd.cli.__main__ import main

__all__ = []

if __name__ == '__main__':
  sys.exit(main())
