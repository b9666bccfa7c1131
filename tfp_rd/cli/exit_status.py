# SPDX-License-Identifier: Apache-2.0
"""What a command says where it ends early, and its exit status."""

import errno
import os
import re
import signal
import sys

from absl import flags

from tfp_rd import errors

__all__ = ['INTERRUPTED', 'explain']

# What a shell reports for a program ended by a signal: that and its number.
_ENDED = 128
INTERRUPTED = _ENDED + signal.SIGINT

_REFUSED = 1
_USAGE = 2
_UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)
_DEFECTS = (ZeroDivisionError, OverflowError)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# How absl says what is wrong with a flag, and how it is said here.
_PLAINER = {
  r'invalid literal for int\(\).*': 'expected a whole number, such as 1000.',
  r'could not convert string to float.*': 'expected a number, such as 0.5.',
  r"\('Non-boolean argument.*": 'expected true or false.',
  r'flag (--\w+)=(.*): already defined as (.*)': (
    r'\1 is given twice, as \3 and \2; give it once.'
  ),
}


def explain(
  error: BaseException, *, name: str, when_interrupted: str = ''
) -> tuple[int, str]:
  """Returns the exit status of a command and one sentence.

  Args:
    error: What ended it; a defect is raised again.
    name: The command's name.
    when_interrupted: What the same command does after Ctrl-C or SIGTERM.
  """
  if isinstance(error, KeyboardInterrupt):
    return _explain_stop(error, when_interrupted)
  if isinstance(error, flags.Error):
    mistake = str(error).replace(' ?', '?')
    for pattern, plainer in _PLAINER.items():
      mistake = re.sub(pattern, plainer, mistake)
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


def _explain_stop(error, when_interrupted):
  number = getattr(error, 'number', signal.SIGINT)
  is_ctrl_c = number == signal.SIGINT
  how = (
    'interrupted' if is_ctrl_c else f'stopped by {signal.Signals(number).name}'
  )
  then = when_interrupted
  if kept := getattr(error, 'kept', ''):
    then = f'{kept}; the same command goes on there'
  return _ENDED + number, f'{how}; {then}.' if then else f'{how}.'


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
