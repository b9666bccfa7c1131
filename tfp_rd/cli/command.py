# SPDX-License-Identifier: Apache-2.0
"""What all commands share: flags in, one sentence out where something fails."""

import contextlib
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Optional

from absl import flags, logging

from tfp_rd import errors
from tfp_rd.cli import exit_status
from tfp_rd.run import interruption

__all__ = [
  'INTERRUPTED',
  'guard',
  'silence_startup',
  'single_argument',
  'refuse',
  'run',
  'print_error',
  'tensorflow',
]

INTERRUPTED = exit_status.INTERRUPTED


def run(
  main: Callable[[flags.FlagValues, list[str]], object],
  argv: Optional[Sequence[str]] = None,
  *,
  name: str,
  define: Callable[[flags.FlagValues], object],
  manual: str,
  when_interrupted: str = '',
) -> int:
  """Runs a command to its exit status; a user's mistake is one sentence.

  Flags are defined here, in a record of their own, and never at import.

  Args:
    main: Does the work, given the parsed flags and the other arguments.
    argv: Arguments after the command's name; `None` for the process' own.
    name: The command's name, as in `'train'`.
    define: Defines the command's flags.
    manual: What `--help` says before the flags.
    when_interrupted: What the same command does after Ctrl-C or SIGTERM.

  Returns:
    0; 1 where the request was refused or failed; 2 for a usage mistake; 130
    after Ctrl-C and 143 after SIGTERM.
  """
  argv = sys.argv[1:] if argv is None else argv
  flag_values = flags.FlagValues()
  flag_values.set_gnu_getopt(True)  # Flags may follow RUN, as in most tools.
  define(flag_values)
  for flag_name in flag_values:
    # Else the last of several would count without a word.
    if not isinstance(flag_values[flag_name], flags.MultiFlag):
      flag_values[flag_name].allow_overwrite = False
  if {'--help', '-help', '-h', '--helpfull'} & set(argv):
    print(_help(manual, flag_values))
    return 0
  return guard(
    lambda: main(flag_values, flag_values([name, *argv])[1:]),
    name=name,
    when_interrupted=when_interrupted,
  )


def guard(
  work: Callable[[], object],
  *,
  name: str,
  when_interrupted: str = '',
  is_worker: bool = False,
) -> int:
  """Does the work of a command; what went wrong is said in one sentence.

  Args:
    work: Takes nothing.
    name: The command's name.
    when_interrupted: What the same command does after Ctrl-C or SIGTERM.
    is_worker: Whether another process says that, and sends SIGTERM.

  Returns:
    The exit status, as `run`.
  """
  _quiet_the_libraries()
  try:
    with interruption.answered(once=is_worker):
      work()
      sys.stdout.flush()  # So that a full disk is met here, not at exit.
    return 0
  except BaseException as e:
    status, sentence = exit_status.explain(
      e, name=name, when_interrupted=when_interrupted
    )
    is_told = not (isinstance(e, KeyboardInterrupt) and is_worker)
    if is_told or getattr(e, 'kept', ''):
      print_error(f'tfp-rd {name}: {sentence}')
    return status


def refuse(arguments: Sequence[str]) -> None:
  """Refuses arguments where a command takes flags alone.

  Raises:
    UserError: There is one.
  """
  if arguments:
    raise errors.UserError(
      f'{arguments[0]!r} is no flag and has no place here; write --name=value.'
    )


def single_argument(arguments: Sequence[str], what: str) -> str:
  """Returns the single argument that a command takes.

  Raises:
    UserError: There is none, or there are more.
  """
  if len(arguments) != 1:
    raise errors.UserError(f'expected {what}, got {len(arguments)} arguments.')
  return arguments[0]


def print_error(sentence: str) -> None:
  """Writes one line on standard error."""
  print(' '.join(sentence.split()), file=sys.stderr, flush=True)


def _help(manual, flag_values):
  sections = [
    m for m in flag_values.flags_by_module_dict() if m != 'absl.flags'
  ]
  return '\n'.join(
    [manual.strip(), *(flag_values.module_help(m) for m in sections)]
  )


def _quiet_the_libraries():
  # Before the import; what a user has set stays.
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
  logging.set_verbosity(logging.ERROR)
  warnings.formatwarning = lambda message, *_, **__: f'{message}\n'
  for module in (r'absl\b', 'tensorflow', 'tf_keras', 'keras', 'google'):
    warnings.filterwarnings('ignore', module=module)


@contextlib.contextmanager
def silence_startup() -> Iterator[None]:
  """Keeps back what a library's start writes on descriptor 2.

  TensorFlow logs before it reads any setting, so that nothing but this helps.
  What was kept back is shown after all if the start fails.
  """
  sys.stderr.flush()
  stderr = os.dup(2)
  with tempfile.TemporaryFile() as kept:
    os.dup2(kept.fileno(), 2)
    try:
      yield
    except Exception:
      kept.seek(0)
      os.write(stderr, kept.read())
      raise
    finally:
      os.dup2(stderr, 2)
      os.close(stderr)


def tensorflow() -> None:
  """Imports TensorFlow and wakes its devices without their chatter."""
  with silence_startup():
    import tensorflow as tf

    # A grid traces family after family, of which TensorFlow would warn.
    tf.get_logger().setLevel('ERROR')
    tf.config.list_logical_devices()
    import tensorflow_probability  # noqa: F401 (it wakes a second logger)
