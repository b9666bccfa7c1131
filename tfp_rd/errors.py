# SPDX-License-Identifier: Apache-2.0
"""The one exception that means: what was asked cannot be done, and why."""

__all__ = ['UserError']


class UserError(ValueError):
  """A request that is refused by a sentence.

  The sentence says what was got, what was expected and what to do.  Programs
  print it on standard error and exit with status 1; as a `ValueError` it reads
  the same in Python.  Anything else that escapes is a defect of the package
  and keeps its traceback.
  """
