# SPDX-License-Identifier: Apache-2.0
"""What all commands share: flags in, one sentence out where something fails."""

import contextlib
import errno
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Optional

from absl import flags, logging

from tfp_rd import errors

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

INTERRUPTED = 130  # What a shell reports for a program ended by Ctrl-C.

_REFUSED = 1
_USAGE = 2
_UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)
_DEFECTS = (ZeroDivisionError, OverflowError)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def run(
  main: Callable[[flags.FlagValues, list[str]], object],
  argv: Optional[Sequence[str]] = None,
  *,
  name: str,
  define: Callable[[flags.FlagValues], object],
  manual: str,
  when_interrupted: str = 'interrupted.',
) -> int:
  """Runs a command to its exit status; a user's mistake is one sentence.

  Flags are defined here, in a record of their own, and never at import.

  Args:
    main: Does the work, given the parsed flags and the other arguments.
    argv: Arguments after the command's name; `None` for the process' own.
    name: The command's name, as in `'train'`.
    define: Defines the command's flags.
    manual: What `--help` says before the flags.
    when_interrupted: What is said after Ctrl-C.

  Returns:
    0; 1 where the request was refused or failed; 2 for a usage mistake.
  """
  argv = sys.argv[1:] if argv is None else argv
  flag_values = flags.FlagValues()
  flag_values.set_gnu_getopt(True)  # Flags may follow RUN, as in most tools.
  define(flag_values)
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
  when_interrupted: str = 'interrupted.',
) -> int:
  """Does the work of a command; what went wrong is said in one sentence.

  Args:
    work: Takes nothing.
    name: The command's name.
    when_interrupted: What is said after Ctrl-C.

  Returns:
    The exit status, as `run`.
  """
  _quiet_the_libraries()
  try:
    work()
    sys.stdout.flush()  # So that a full disk is met here, not at exit.
    return 0
  except BaseException as e:
    status, sentence = _explain(e, name, when_interrupted)
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


def _explain(error, name, when_interrupted):
  """Returns exit status and sentence; raises again what is a defect."""
  if isinstance(error, KeyboardInterrupt):
    return INTERRUPTED, when_interrupted
  if isinstance(error, flags.Error):
    mistake = str(error).replace(' ?', '?')
    return _USAGE, f"{mistake} ('tfp-rd {name} --help' lists the flags.)"
  if isinstance(error, errors.UserError):
    return _REFUSED, str(error)
  # TensorFlow has errors of its own, raised as they are or behind an OSError.
  if 'No space left on device' in f'{error} {error.__cause__}':
    error = OSError(errno.ENOSPC, '', getattr(error, 'filename', None))
  if isinstance(error, OSError):
    return _REFUSED, _explain_os_error(error)
  if isinstance(error, ArithmeticError) and type(error) not in _DEFECTS:
    return _REFUSED, str(error)  # Training diverged.
  raise error


def _explain_os_error(error):
  if isinstance(error, BrokenPipeError):
    # Nobody reads on; keep Python from trying once more at its exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 'nobody reads the output any more.'
  at = f' at {error.filename}' if error.filename else ''
  if error.errno in _FULL:
    return (
      f'the disk is full{at}; make room and type the same command again, '
      'nothing that was done is lost.'
    )
  if error.errno in _UNWRITABLE:
    return (
      f'no permission to read or write{at}; name another directory by its '
      'flag, or change the permission.'
    )
  if error.filename and error.strerror:
    return f'{error.filename}: {error.strerror}.'
  return str(error) or repr(error)


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
