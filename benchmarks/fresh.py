# SPDX-License-Identifier: Apache-2.0
"""Calls a measurement in a process of its own, and describes the machine."""

import json
import os
import pathlib
import platform
import subprocess
import sys
from importlib import metadata
from typing import Any

__all__ = ['machine', 'measure']

_CODE = """
import json, sys
from benchmarks import quiet
import importlib
function = getattr(importlib.import_module(sys.argv[1]), sys.argv[2])
print(json.dumps(function(**json.loads(sys.argv[3]))))
"""


def measure(module: str, function: str, environment=None, **kwargs) -> Any:
  """Calls a function in a new process, and prints and returns its result.

  Threads and allocators are fixed when a process starts, and memory that one
  measurement keeps would slow the next one.

  Args:
    module: As in `benchmarks.step`.
    function: Its name; returns values that JSON can hold.
    environment: Variables to set.
    **kwargs: Its arguments, which JSON can hold.

  Returns:
    What the function returned.

  Raises:
    CalledProcessError: It failed.
  """
  done = subprocess.run(
    [sys.executable, '-c', _CODE, module, function, json.dumps(kwargs)],
    env={**os.environ, **(environment or {})},
    stdout=subprocess.PIPE,
    check=True,
  )
  result = json.loads(done.stdout.splitlines()[-1])
  print(function, *(f'{k}={v}' for k, v in kwargs.items()), result, flush=True)
  return result


def machine() -> dict[str, Any]:
  """Returns processor, cores and versions, on which figures depend."""
  return {
    'processor': _processor(),
    'cores': os.cpu_count(),
    'python': platform.python_version(),
    'tensorflow': metadata.version('tensorflow'),
    'tensorflow_probability': metadata.version('tensorflow-probability'),
  }


def _processor():
  info = pathlib.Path('/proc/cpuinfo')
  if info.exists():
    for line in info.read_text().splitlines():
      if line.startswith('model name'):
        return line.split(':', 1)[1].strip()
  return platform.processor() or platform.machine()
