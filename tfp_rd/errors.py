# SPDX-License-Identifier: Apache-2.0
"""Exceptions that mean: what was asked cannot be done, and why."""

__all__ = ['HeldBackError', 'UserError']


class UserError(ValueError):
  """A request that is refused by a sentence.

  The sentence says what was got, what was expected and what to do.  Programs
  print it on standard error and exit with status 1; as a `ValueError` it reads
  the same in Python.  Anything else that escapes is a defect of the package
  and keeps its traceback.
  """


class HeldBackError(UserError):
  """A run that this process cannot go on with, while others may.

  Attributes:
    for_now: Whether waiting helps, as for a lock; else another kind of machine
      or a hand is needed.
  """

  def __init__(self, sentence: str, *, for_now: bool = False):
    super().__init__(sentence)
    self.for_now = for_now
