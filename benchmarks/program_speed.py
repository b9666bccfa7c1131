# SPDX-License-Identifier: Apache-2.0
"""Steps a second of an exported program, without TensorFlow."""

import statistics

import numpy as np

from benchmarks import artifact as artifact_lib
from benchmarks import run_program
from tfp_rd import errors

__all__ = ['measure']


def measure(artifact: artifact_lib.Artifact, *, num_calls: int) -> dict:
  """Times calls of a program, each with the variables of the call before.

  Args:
    artifact: The program.
    num_calls: Calls, of which the first is not timed.

  Returns:
    Device, steps a second (the median over calls), operations a second, and
    what the program is.

  Raises:
    UserError: There is no JAX, or a term stopped being finite.
  """
  device = run_program.Device()
  program = device.compile(artifact.programs['train'])
  values = device.put(artifact.arrays)
  print(f'{device.name}, compiled in {program.compile_s:.1f} s', flush=True)
  about, seconds = artifact.about, []
  for n in range(num_calls):
    outputs, call_s = program(values)
    seconds.append(call_s)
    shown = ('loss', 'distortion_nats', 'rate_nats')
    text = '  '.join(f'{name} {float(outputs[name]):.6g}' for name in shown)
    print(f'call {n}: {call_s:.3f} s  {text}', flush=True)
    if not all(map(np.isfinite, outputs.values())):
      raise errors.UserError(
        f'a term stopped being finite in call {n}, and the program with it, so '
        'that there is nothing to time.'
      )
  step_s = statistics.median(seconds[1:]) / about['steps_per_call']
  return {
    'device': device.name,
    'steps_per_s': _rounded(1 / step_s),
    'gflop_per_s': _rounded(about['flops_a_step'] / step_s / 1e9),
    'compile_s': _rounded(program.compile_s),
    **about,
    **device.versions,
  }


def _rounded(number):
  return float(f'{number:.4g}')
