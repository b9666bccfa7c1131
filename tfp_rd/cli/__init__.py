# SPDX-License-Identifier: Apache-2.0
"""Commands: the only place with flags, one module a command.

`tfp-rd NAME` and `python -m tfp_rd.cli.NAME` are the same.  No module here
imports TensorFlow when it is imported, so that help and a mistyped flag answer
at once.
"""

__all__ = []
