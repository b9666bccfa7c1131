# SPDX-License-Identifier: Apache-2.0
"""Times a training program on a device, without TensorFlow.

    python -m benchmarks.accelerator export -+v --size=paper --output=program
    python -m benchmarks.accelerator run program

The first command writes two files.  The second reads them and needs JAX, but no
TensorFlow.  Its last line is one JSON record, described in
docs/accelerators.md.
"""

import json
import math
import statistics
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Optional

import numpy as np
from absl import flags

from benchmarks import artifact as artifact_lib
from benchmarks import run_program
from tfp_rd import architecture as architecture_lib
from tfp_rd import config as config_lib
from tfp_rd import dataset as dataset_lib
from tfp_rd import errors
from tfp_rd.cli import command as cli_command

__all__ = ['main', 'measure']


def main(argv: Optional[Sequence[str]] = None) -> int:
  """Runs one of the two commands; returns its exit status."""
  commands = {'export': (_define_export, _export), 'run': (_define_run, _run)}
  command, *rest = (sys.argv[1:] if argv is None else [*argv]) or ['']
  if command not in commands:
    print(__doc__)
    return 0 if command == '--help' else 2
  define, work = commands[command]
  flag_values = flags.FlagValues()
  flag_values.set_gnu_getopt(True)
  define(flag_values)
  if '--help' in rest:
    print(__doc__, flag_values.module_help('Flags'), sep='\n')
    return 0
  # `-+v` looks like a flag.
  signs = [text for text in rest if text in map(str, architecture_lib.PAPER)]
  rest = [text for text in rest if text not in signs]
  try:
    work(flag_values, flag_values([command, *rest, '--', *signs])[1:])
  except (errors.UserError, flags.Error) as e:
    cli_command.print_error(f'benchmarks.accelerator {command}: {e}')
    return 1
  return 0


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
  program = run_program.Executable(artifact)
  print(f'{program.device}, compiled in {program.compile_s:.1f} s', flush=True)
  about, seconds = artifact.about, []
  for n in range(num_calls):
    outputs, call_s = program()
    seconds.append(call_s)
    shown = ('loss', 'distortion_nats', 'rate_nats')
    text = '  '.join(f'{name} {outputs[name]:.6g}' for name in shown)
    print(f'call {n}: {call_s:.3f} s  {text}', flush=True)
    if not all(map(math.isfinite, outputs.values())):
      raise errors.UserError(
        f'a term stopped being finite in call {n}, and the program with it, so '
        'that there is nothing to time.'
      )
  step_s = statistics.median(seconds[1:]) / about['steps_per_call']
  return {
    'device': program.device,
    'steps_per_s': _rounded(1 / step_s),
    'gflop_per_s': _rounded(about['flops_a_step'] / step_s / 1e9),
    'compile_s': _rounded(program.compile_s),
    **about,
    **program.versions,
  }


def _define_export(flag_values):
  here = {'flag_values': flag_values, 'module_name': 'Flags'}
  flags.DEFINE_string('output', 'program', 'Path without ending.', **here)
  flags.DEFINE_boolean(
    'conditional', default=False, help='One network for all betas.', **here
  )
  flags.DEFINE_enum('size', 'small', ['small', 'paper'], 'Of the nets.', **here)
  flags.DEFINE_integer('batch_size', 128, 'Images a step.', 1, **here)
  flags.DEFINE_integer('steps_per_call', 100, 'Steps of one call.', 1, **here)
  flags.DEFINE_string('dataset', '', 'Images; random bits if empty.', **here)
  flags.DEFINE_string('data_dir', '', 'Where tfds keeps them.', **here)
  flags.DEFINE_integer(
    'image_size', 28, 'Side of random images.', 2, 64, **here
  )
  flags.DEFINE_integer('num_images', 1000, 'Random images.', 1, **here)
  flags.DEFINE_boolean(
    'tf32', default=True, help='Allow TF32, as TensorFlow does.', **here
  )


def _define_run(flag_values):
  flags.DEFINE_integer(
    'calls',
    10,
    'Calls of the program; the first is not timed.',
    2,
    flag_values=flag_values,
    module_name='Flags',
  )


def _export(flag_values, arguments):
  family = cli_command.single_argument(
    arguments, 'FAMILY, three signs such as -+v'
  )
  architecture_lib.parse(family)
  names = ('conditional', 'size', 'batch_size', 'steps_per_call')
  settings = {name: flag_values[name].value for name in names}
  images, traits = _images(flag_values, is_small=settings['size'] == 'small')
  cli_command.tensorflow()
  from benchmarks import export_program

  about = {
    'family': family,
    **settings,
    'images': list(images.shape),
    'dataset': flag_values.dataset or 'random bits',
    'tf32_allowed': flag_values.tf32,
    'tensorflow': metadata.version('tensorflow'),
  }
  program, inputs = export_program.training_program(
    family, images, **settings, **traits
  )
  artifact = export_program.export(
    program, inputs, about=about, tf32=flag_values.tf32
  )
  artifact_lib.write(artifact, flag_values.output)
  print(json.dumps(artifact.about))


def _images(flag_values, *, is_small):
  """Returns training images, and settings that depend on the data set."""
  if not flag_values.dataset:
    side = flag_values.image_size
    shape = [flag_values.num_images, side, side, 1]
    images = np.random.default_rng(0).integers(0, 2, shape)
    return images.astype(np.float32), {}
  data = dataset_lib.load(
    config_lib.DataConfig(flag_values.dataset), data_dir=flag_values.data_dir
  )
  dropout = data.dropout if is_small else 0.0
  return data.train, {'dropout': dropout, 'dynamic': data.dynamic}


def _run(flag_values, arguments):
  path = cli_command.single_argument(
    arguments, 'PATH, as export --output has it'
  )
  record = measure(artifact_lib.read(path), num_calls=flag_values.calls)
  print(json.dumps(record))


def _rounded(number):
  return float(f'{number:.4g}')


if __name__ == '__main__':
  sys.exit(main())
