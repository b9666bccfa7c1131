# SPDX-License-Identifier: Apache-2.0
"""`tfp-rd NAME ...`: runs the command of that name."""

import difflib
import importlib
import signal
import sys
from collections.abc import Sequence
from typing import Optional

from tfp_rd import version
from tfp_rd.cli import command

__all__ = ['main']

# A new command is one module with `main(argv)`, and one line here.
_COMMANDS = {
  'train': 'train and evaluate one model',
  'grid': 'train many models, then draw the report',
  'evaluate': 'rate, distortion, -ELBO and other measures of trained models',
  'report': 'figures and tables of finished runs, without TensorFlow',
  'sample': 'reconstructions and generations of a run, as a picture',
  'claims': "the paper's thirteen claims, each checked on finished runs",
  'toy': "the paper's toy world, every number by enumeration",
}

_MANUAL = """\
tfp-rd NAME [flags]: rate-distortion analysis of latent-variable models.

{commands}

Begin with

  tfp-rd grid --preset=quick        twelve architectures in a few minutes
  tfp-rd grid --preset=plane        the same with more betas and more steps

and look at report/rd_plane.png.  'tfp-rd NAME --help' explains each command.
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
  """Runs a command by its name; returns its exit status."""
  if argv is None:
    argv = sys.argv[1:]
    if hasattr(signal, 'SIGPIPE'):  # `| head` ends a command.
      signal.signal(signal.SIGPIPE, signal.SIG_DFL)
  if not argv or argv[0] in ('--help', '-help', '-h', 'help'):
    print(_manual())
    return 0 if argv else 2
  if argv[0] in ('--version', 'version'):
    print(f'tfp-rd {version.__version__}')
    return 0
  if argv[0] not in _COMMANDS:
    command.print_error(f'tfp-rd: {_unknown(argv[0])}')
    return 2
  module = importlib.import_module(f'tfp_rd.cli.{argv[0]}')
  return module.main(argv[1:])


def _manual():
  width = max(map(len, _COMMANDS))
  lines = [f'  {name:{width}}  {does}' for name, does in _COMMANDS.items()]
  return _MANUAL.format(commands='\n'.join(lines))


def _unknown(name):
  close = difflib.get_close_matches(name, _COMMANDS, n=1)
  hint = f'did you mean {close[0]!r}? ' if close else ''
  return f'there is no command {name!r}; {hint}Choose {", ".join(_COMMANDS)}.'


if __name__ == '__main__':
  sys.exit(main())
