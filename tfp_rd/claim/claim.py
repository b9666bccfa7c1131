# SPDX-License-Identifier: Apache-2.0
"""What a claim is, and what comes of checking it.

No TensorFlow here.
"""

from collections.abc import Callable
from typing import NamedTuple, TYPE_CHECKING

if TYPE_CHECKING:
  from tfp_rd.claim.evidence import Evidence

__all__ = ['DOES_NOT_HOLD', 'HOLDS', 'HOLDS_IN_PART', 'NOT_TESTABLE']
__all__ += ['Claim', 'Verdict', 'graded']

HOLDS = 'holds'
HOLDS_IN_PART = 'holds in part'
DOES_NOT_HOLD = 'does not hold'
NOT_TESTABLE = 'not testable'


class Verdict(NamedTuple):
  """What comes of checking a claim.

  Attributes:
    status: `'holds'`, `'holds in part'`, `'does not hold'` or
      `'not testable'`.
    reason: A sentence that says why.
    table: Our numbers with their standard errors: a header and rows of text.
  """

  status: str
  reason: str
  table: tuple[tuple[str, ...], ...] = ()


class Claim(NamedTuple):
  """A claim of the paper, and how it is checked.

  Attributes:
    number: Its place among the thirteen.
    statement: What is claimed.
    paper: The paper's own numbers.
    rule: When it holds, and when it holds in part.
    judge: Returns the verdict on what is below the roots.
  """

  number: int
  statement: str
  paper: str
  rule: str
  judge: 'Callable[[Evidence], Verdict]'


def graded(
  *parts: bool, reason: str, table: tuple[tuple[str, ...], ...]
) -> Verdict:
  """Returns the verdict on a claim of several parts.

  Args:
    *parts: Whether each part holds.
    reason: A sentence.
    table: Our numbers.

  Returns:
    It holds if all parts do, in part if some do, and else does not.
  """
  status = HOLDS_IN_PART if any(parts) else DOES_NOT_HOLD
  return Verdict(HOLDS if all(parts) else status, reason, table)
