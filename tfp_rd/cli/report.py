# SPDX-License-Identifier: Apache-2.0
"""The command that draws figures and tables of finished runs.

It reads result files alone and does not import TensorFlow.
"""

import pathlib
import sys
import tempfile
from collections.abc import Sequence
from typing import Optional

from absl import flags

from tfp_rd import errors
from tfp_rd.cli import command, config_flags, live_page
from tfp_rd.page import page as page_lib
from tfp_rd.report import report as report_lib

__all__ = [
  'check_report_dir',
  'define_report_dir',
  'main',
  'report_dir',
  'write',
]

_MANUAL = """\
tfp-rd report [flags]: draw figures and tables of all finished runs.

  tfp-rd report
  tfp-rd report --run_root=runs --report_dir=report

Writes index.html, a page to explore in a browser, in which a point shows what
its model reconstructs and generates; rd_plane.png and .svg, table.csv, table.md
and curves/curve_NAME.json.  Page and table.md begin with the least distortion
at some rates.  Where curves of one run stand beside separate runs,
rd_plane_separate.png has both, and one_run_gaps.png and .md compare them.
Unfinished runs are passed over, so that a report of a grid can be written while
it runs.
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
  """Runs the command; returns its exit status."""
  return command.run(_main, argv, name='report', define=_define, manual=_MANUAL)


def define_report_dir(flag_values: flags.FlagValues) -> None:
  """Defines where a report goes."""
  flags.DEFINE_string(
    'report_dir',
    'report',
    'Folder for figures and tables.',
    flag_values=flag_values,
    module_name='The report',
  )


def report_dir(flag_values: flags.FlagValues) -> str:
  """Returns where a report goes.

  Raises:
    UserError: It is empty.
  """
  if not flag_values.report_dir:
    raise errors.UserError('--report_dir is empty; name a folder.')
  return flag_values.report_dir


def check_report_dir(folder: str) -> None:
  """Makes the folder of a report and writes into it, before hours of training.

  Raises:
    UserError: It cannot be made or written.
  """
  page_lib.check()
  try:
    path = pathlib.Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=path):
      pass
  except OSError as e:
    raise errors.UserError(
      f'--report_dir={folder} cannot be written ({e.strerror}); name a folder '
      'that can, before anything is trained.'
    ) from e


def write(run_root: str, report_dir: str) -> None:
  """Writes the report and prints the paths of its files.

  Raises:
    UserError: There is no finished run; or one, or its pictures, is corrupt,
      and the report is written without it; or one is below the entropy of its
      images, and the report is written with it.
    OSError: The report cannot be written.
  """
  page_lib.check()
  report = report_lib.write_report(run_root, report_dir)
  page, unreadable = live_page.write(report.collected, run_root, report_dir)
  for sentence in report.below_diagonal:
    command.print_error(sentence)
  for path in (page, *report.paths):
    print(path)
  problems = []
  if unreadable:
    problems.append(
      f'pictures of {len(unreadable)} runs are not on the page: '
      f'{" ".join(unreadable)}'
    )
  if report.corrupt:
    problems.append(
      f'{len(report.corrupt)} corrupt and left out of the report: '
      f'{" ".join(report.corrupt)} `tfp-rd grid` or `tfp-rd train` sets such a '
      'file aside and does the run again.'
    )
  if report.infeasible:
    problems.append(
      f'{len(report.infeasible)} below the true diagonal, crossed out in the '
      f'figure: {" ".join(report.infeasible)} No model can be there: a density '
      'that does not sum to one, or images that are not of the source.'
    )
  if problems:
    raise errors.UserError(' '.join(problems))


def _define(flag_values):
  config_flags.define_execution(flag_values, 'run_root')
  define_report_dir(flag_values)


def _main(flag_values: flags.FlagValues, arguments: list[str]) -> None:
  command.refuse(arguments)
  write(config_flags.run_root(flag_values), report_dir(flag_values))


if __name__ == '__main__':
  sys.exit(main())
