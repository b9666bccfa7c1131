# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C and SIGTERM end a training between two calls of its program.

A command answers SIGTERM as Python answers Ctrl-C: by an exception.  A training
keeps both back while it changes its state, writes a checkpoint, and only then
raises.  Importing this installs nothing.  No TensorFlow here.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator

__all__ = ['Request', 'Stopped', 'answered', 'postponed']


class Stopped(KeyboardInterrupt):
  """Was asked to stop.

  Attributes:
    kept: What is kept, as in 'step 850 of 1500 is kept in DIR'; `''` where that
      is not known.
    number: The signal.
  """

  def __init__(self, kept: str = '', *, number: int = signal.SIGINT):
    super().__init__(f'{kept}; the same call goes on there.' if kept else '')
    self.kept = kept
    self.number = number


class Request:
  """Whether a stop was asked for.

  Attributes:
    number: The signal, or `None`.
  """

  def __init__(self):
    self.number = None

  def check(self) -> None:
    """Raises `Stopped` if a stop was asked for."""
    if self.number is not None:
      raise Stopped(number=self.number)


@contextlib.contextmanager
def answered(*, once: bool = False) -> Iterator[None]:
  """Answers SIGTERM by `Stopped`, where nothing answers it yet.

  Args:
    once: Whether further ones are ignored, as in a worker, which may get one
      with its group and one from its parent; else a second one ends at once.
  """
  handler = _raise_once if once else _raise
  is_main = threading.current_thread() is threading.main_thread()
  if not is_main or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
    yield
    return
  signal.signal(signal.SIGTERM, handler)
  try:
    yield
  finally:
    _restore(signal.SIGTERM, handler, signal.SIG_DFL)


@contextlib.contextmanager
def postponed() -> Iterator[Request]:
  """Keeps back Ctrl-C and SIGTERM that would raise; a second one raises.

  Handlers of others stay, and so do all in a thread that is not the main one.

  Yields:
    The request, to be looked at where stopping does no harm.
  """
  request, ours = Request(), {}

  def keep_back(number, frame):
    handler = before[number]
    if request.number is None:
      request.number = number
      if handler is _raise_once:
        signal.signal(number, signal.SIG_IGN)
    else:
      handler(number, frame)

  before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
  if threading.current_thread() is threading.main_thread():
    ours = {n: keep_back for n, h in before.items() if h in _RAISING}
  for number in ours:
    signal.signal(number, keep_back)
  try:
    yield request
  finally:
    for number in ours:
      _restore(number, keep_back, before[number])
  request.check()  # It may have come after the last look.


def _raise(number, frame):
  del frame
  raise Stopped(number=number)


def _raise_once(number, frame):
  signal.signal(number, signal.SIG_IGN)
  _raise(number, frame)


def _restore(number, ours, before):
  """Puts a handler back, unless it has been replaced meanwhile."""
  if signal.getsignal(number) is ours:
    signal.signal(number, before)


_RAISING = (signal.default_int_handler, _raise, _raise_once)
