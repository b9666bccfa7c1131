# SPDX-License-Identifier: Apache-2.0
"""Times a training program, or trains a run, on a device without TensorFlow.

    python -m benchmarks.accelerator export -+v --size=paper --output=program
    python -m benchmarks.accelerator run program

    python -m benchmarks.accelerator export --run=DIR --output=program
    python -m benchmarks.accelerator train program --minutes=8
    python -m benchmarks.accelerator import program --run_root=runs

`run` and `train` read program.npz and need JAX, but no TensorFlow; `train`
keeps what it has reached in program.state.npz, and goes on from there when it
is called again.  The last line of each is one JSON record, described in
docs/accelerators.md.
"""

import json
import math
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Optional

import numpy as np
from absl import flags

from benchmarks import artifact as artifact_lib
from benchmarks import program_speed, train_program
from tfp_rd import architecture as architecture_lib
from tfp_rd import config as config_lib
from tfp_rd import dataset as dataset_lib
from tfp_rd import errors
from tfp_rd.cli import command as cli_command
from tfp_rd.cli import exit_status
from tfp_rd.run import directory as run_lib

__all__ = ['main']


def main(argv: Optional[Sequence[str]] = None) -> int:
  """Runs one of the four commands; returns its exit status."""
  commands = {
    'export': (_define_export, _export),
    'run': (_define_run, _run),
    'train': (_define_train, _train),
    'import': (_define_import, _import),
  }
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
  except flags.Error as e:
    cli_command.print_error(f'benchmarks.accelerator {command}: {e}')
    return 1
  except (errors.UserError, OSError, KeyboardInterrupt) as e:
    status, sentence = exit_status.explain(
      e,
      name=command,
      when_interrupted='the same command goes on from the last state written',
    )
    cli_command.print_error(f'benchmarks.accelerator {command}: {sentence}')
    return status
  return 0


def _define_export(flag_values):
  here = {'flag_values': flag_values, 'module_name': 'Flags'}
  flags.DEFINE_string('output', 'program', 'Path without ending.', **here)
  flags.DEFINE_string(
    'run', '', 'Directory of a run that has not begun, for `train`.', **here
  )
  flags.DEFINE_float(
    'max_mib', None, 'Largest file in MiB; more are cut.', 0.001, **here
  )
  flags.DEFINE_boolean(
    'conditional', default=False, help='One network for all betas.', **here
  )
  flags.DEFINE_enum('size', 'small', ['small', 'paper'], 'Of the nets.', **here)
  flags.DEFINE_integer('batch_size', 128, 'Images a step.', 1, **here)
  flags.DEFINE_integer('steps_per_call', 50, 'Steps of one call.', 1, **here)
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


def _define_train(flag_values):
  flags.DEFINE_float(
    'minutes',
    math.inf,
    'How long it may take, compilation included.',
    0,
    flag_values=flag_values,
    module_name='Flags',
  )


def _define_import(flag_values):
  here = {'flag_values': flag_values, 'module_name': 'Flags'}
  flags.DEFINE_string('run_root', 'runs', 'Folder of runs.', **here)
  flags.DEFINE_string('data_dir', '', 'Where tfds keeps them.', **here)


def _export(flag_values, arguments):
  if flag_values.run:
    _export_run(flag_values, arguments)
    return
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
  exported, arrays = export_program.export_training(
    program,
    inputs,
    {v.name + str(n): v for n, v in enumerate(program.variables)},
    tf32=flag_values.tf32,
  )
  about['flops_a_step'] = export_program.flops_a_step(program, inputs)
  artifact = artifact_lib.Artifact({'train': exported}, arrays, about)
  artifact_lib.write(artifact, flag_values.output, max_mib=flag_values.max_mib)
  print(json.dumps(about))


def _export_run(flag_values, arguments):
  cli_command.refuse(arguments)
  of_run = ('run', 'output', 'data_dir', 'steps_per_call', 'tf32', 'max_mib')
  for name in flag_values:
    if flag_values[name].present and name not in of_run:
      raise errors.UserError(
        f'--{name} is what the run of --run says already; leave it out.'
      )
  run = run_lib.load_run(flag_values.run)
  cli_command.tensorflow()
  from benchmarks import export_run

  settings = {name: flag_values[name].value for name in of_run[2:]}
  about = export_run.export_run(run, flag_values.output, **settings)
  shown = ('steps_per_call', 'tf32_allowed', 'flops_a_step', 'versions')
  record = {name: about[name] for name in shown}
  print(json.dumps({'run': run.config.name, **record}))


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
  artifact, _ = artifact_lib.read(path)
  if 'config' in artifact.about:
    raise errors.UserError(
      f'{path}.npz is a run, to be trained by `train`; export a family to time '
      'it.'
    )
  record = program_speed.measure(artifact, num_calls=flag_values.calls)
  print(json.dumps(record))


def _train(flag_values, arguments):
  path = cli_command.single_argument(
    arguments, 'PATH, as export --output has it'
  )
  record = train_program.train(
    path,
    minutes=flag_values.minutes,
    say=lambda line: print(line, flush=True),
  )
  print(json.dumps(record))


def _import(flag_values, arguments):
  path = cli_command.single_argument(
    arguments, 'PATH, as export --output has it'
  )
  cli_command.tensorflow()
  from benchmarks import import_run

  run = import_run.import_run(
    path, run_root=flag_values.run_root, data_dir=flag_values.data_dir
  )
  print(run.path)


if __name__ == '__main__':
  sys.exit(main())
