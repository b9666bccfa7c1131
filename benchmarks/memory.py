# SPDX-License-Identifier: Apache-2.0
"""Measures the peak memory of a training run of every family on digits.

    python -m benchmarks.memory

Each run is the program `train` in a fresh process, evaluation included.  The
last line is one JSON record; the bound for every family is 2 GiB.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from tfp_rd import architecture

__all__ = ['main', 'peak_gib']

# Enough for the first validation and a checkpoint; more steps need no more.
_NUM_STEPS = 200
# The unit in which the system gives the peak.
_UNIT = 1 if sys.platform == 'darwin' else 1024
# A small process starts the command, since a child is at first as large as
# its parent.
_WEIGHED = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""


def main() -> None:
  """Trains the twelve families for a while, one after the other."""
  record = {}
  for signs in architecture.PAPER:
    with tempfile.TemporaryDirectory() as folder:
      record[str(signs)] = round(
        peak_gib(
          [
            *(sys.executable, '-m', 'tfp_rd.cli.train'),
            f'--architecture={signs}',
            f'--max_steps={_NUM_STEPS}',
            f'--run_root={folder}',
          ]
        ),
        3,
      )
    print(f'{signs}  {record[str(signs)]:.3f} GiB', flush=True)
  print(json.dumps({'peak_gib': record, 'largest_gib': max(record.values())}))


def peak_gib(command: Sequence[str]) -> float:
  """Runs a command and returns its peak memory in GiB.

  Args:
    command: Program and arguments; its standard output is dropped.

  Raises:
    CalledProcessError: The command failed.
  """
  done = subprocess.run(
    [sys.executable, '-c', _WEIGHED, *command],
    stdout=subprocess.PIPE,
    check=True,
  )
  return int(done.stdout) * _UNIT / 2**30


if __name__ == '__main__':
  main()
