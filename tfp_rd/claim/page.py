# SPDX-License-Identifier: Apache-2.0
"""The claims as a page of Markdown: a table, then each with its numbers."""

from collections.abc import Sequence

from tfp_rd.claim import conflicts
from tfp_rd.claim.claim import Claim, Verdict
from tfp_rd.report import cell

__all__ = ['page_md', 'section_md']

_TITLE = """\
# The paper's claims

The claims of "Fixing a Broken ELBO" (Alemi et al., ICML 2018) that a
reproduction can check: the paper's numbers, ours, and a verdict by a rule that
was fixed before the models were trained. Numbers are nats on test, each with
its standard error over images."""

_CONFLICTS = """\
## Where the paper contradicts itself

A reproduction has to choose; what is said of the paper above follows these
readings."""


def page_md(
  judged: Sequence[tuple[Claim, Verdict]], *, missing: Sequence[str] = ()
) -> str:
  """Returns the page.

  Args:
    judged: Claims with their verdicts, in their order.
    missing: Families of which there is no model of binarised MNIST.
  """
  rows = [
    (
      f'[{claim.number}](#claim-{claim.number})',
      claim.statement.replace('|', '\\|'),
      verdict.status,
    )
    for claim, verdict in judged
  ]
  table = cell.table_md(('', 'claim', 'verdict'), rows, num_left=3)
  sections = [section_md(*pair) for pair in judged]
  sections.append(_CONFLICTS)
  sections += [f'**{name}.** {text}' for name, text in conflicts.CONFLICTS]
  lacking = [_missing_md(missing)] if missing else []
  return '\n\n'.join([_TITLE, *lacking, table, *sections]) + '\n'


def _missing_md(missing):
  names = ', '.join(f'`{name}`' for name in missing)
  return (
    '**Not all is there:** no model of binarised MNIST is finished of '
    f'{names}.  Verdicts on what all families reach may change with these.'
  )


def section_md(claim: Claim, verdict: Verdict) -> str:
  """Returns the section of one claim: rule, numbers, and the verdict.

  Args:
    claim: The claim.
    verdict: What came of checking it.
  """
  paragraphs = [
    f'## Claim {claim.number}',
    claim.statement,
    f"The paper's numbers: {claim.paper}",
    f'Rule: {claim.rule}',
  ]
  if verdict.table:
    header, *rows = verdict.table
    paragraphs.append(cell.table_md(header, rows, num_left=1))
  paragraphs.append(f'**It {_verb(verdict.status)}.** {verdict.reason}')
  return '\n\n'.join(paragraphs)


def _verb(status):
  return f'is {status}' if status.startswith('not') else status
