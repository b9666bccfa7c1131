# SPDX-License-Identifier: Apache-2.0
"""The command that checks the paper's claims on finished runs.

It reads result files alone; only the labels of claim 8 bring TensorFlow.
"""

import pathlib
import sys
from collections.abc import Sequence
from typing import Optional

from absl import flags

from tfp_rd import architecture, errors
from tfp_rd import claim as claim_lib
from tfp_rd.claim import evidence as evidence_lib
from tfp_rd.claim import page
from tfp_rd.cli import command, config_flags
from tfp_rd.curve import collection
from tfp_rd.run import atomic_file, sealed

__all__ = ['main']

_MANUAL = """\
tfp-rd claims RUN_ROOT... [flags]: check the paper's thirteen claims.

  tfp-rd claims results/binarized_mnist results/reference_digits
  tfp-rd claims runs --toy=report/toy.json --data_dir=DIR --output=claims.md

Most claims are about runs of `--preset=mnist`, one about runs of digits with
`target_rate`, one about the toy.  Each verdict follows from a rule that stands
beside it: it holds, holds in part, does not hold, or is not testable with what
is there.  With --data_dir, below which `mnist` is prepared, a classifier reads
the digits of claim 8, which brings TensorFlow.
"""

_TOY = ('optimum', 'elbo', 'target_rate_weight_1')


def main(argv: Optional[Sequence[str]] = None) -> int:
  """Runs the command; returns its exit status."""
  return command.run(_main, argv, name='claims', define=_define, manual=_MANUAL)


def _define(flag_values):
  here = {'flag_values': flag_values, 'module_name': 'The claims'}
  flags.DEFINE_string('output', '', 'File to write, in Markdown.', **here)
  flags.DEFINE_string(
    'toy', '', 'A toy.json of `tfp-rd toy`; by default one below the roots.',
    **here,
  )  # fmt: skip
  config_flags.define_execution(flag_values, 'data_dir')


def _main(flag_values: flags.FlagValues, arguments: list[str]) -> None:
  if not arguments:
    raise errors.UserError(
      'expected RUN_ROOT, the folder of finished runs, got none.'
    )
  collected = collection.collect(*arguments)
  for sentence in collected.corrupt:
    command.print_error(sentence)
  if not collected.num_runs:
    raise errors.UserError(
      f'there is no finished run below {", ".join(arguments)}; '
      '`tfp-rd grid --preset=mnist` trains what most claims are about.'
    )
  if flag_values.data_dir:
    command.tensorflow()
  evidence = evidence_lib.Evidence(
    collected, _toy(arguments, flag_values.toy), flag_values.data_dir
  )
  judged = [(claim, claim.judge(evidence)) for claim in claim_lib.CLAIMS]
  there = {curve.name for curve in evidence.curves(evidence_lib.MNIST)}
  missing = [n for n in map(str, architecture.PAPER) if n not in there]
  text = page.page_md(judged, missing=missing)
  if flag_values.output:
    atomic_file.write_atomically(flag_values.output, text)
    print(flag_values.output)
  else:
    print(text, end='')
  if evidence_lib.MNIST not in collected.curves:
    command.print_error(
      'There is no finished run of binarised MNIST; `tfp-rd grid '
      '--preset=mnist --data_dir=DIR` trains what ten of the claims are about.'
    )
  if collected.corrupt:
    raise errors.UserError(
      f'{len(collected.corrupt)} runs cannot be read and are left out, see '
      'above.'
    )


def _toy(roots, path):
  """Reads the toy's numbers, from the path that is named or below a root."""
  names = [path] if path else sorted(_below(roots, 'toy.json'))
  if not names:
    return None
  try:
    found = sealed.read_json(names[0])
  except FileNotFoundError as e:
    raise errors.UserError(f'there is no {names[0]}.') from e
  if not {*_TOY} <= {*found}:
    raise errors.UserError(
      f'{names[0]} is not what `tfp-rd toy` writes; name its toy.json.'
    )
  return found


def _below(roots, name):
  for root in roots:
    yield from pathlib.Path(root).rglob(name)


if __name__ == '__main__':
  sys.exit(main())
