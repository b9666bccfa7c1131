# SPDX-License-Identifier: Apache-2.0
"""A bar of `fit`, in a notebook or a terminal: steps, nats and time left."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tqdm.auto

__all__ = ['shown']

_OnProgress = Callable[[int, int, Mapping[str, float]], Any]


@contextlib.contextmanager
def shown(
  on_progress: _OnProgress, num_steps: int, *, wanted: bool = True
) -> Iterator[_OnProgress]:
  """Shows a bar while a training runs.

  The first call of the program compiles it, and a training that goes on begins
  at its checkpoint: rate and time left are those of the calls after the first.

  Args:
    on_progress: Is called as before.
    num_steps: Where the training ends.
    wanted: Whether there is a bar at all.

  Yields:
    `on_progress` that also moves the bar.
  """
  if not wanted:
    yield on_progress
    return
  with tqdm.auto.tqdm(
    total=num_steps, desc='compiling', unit=' steps', leave=True
  ) as bar:

    def move(step, num_steps, metrics):
      if bar.n:
        bar.update(step - bar.n)
      else:
        _begin(bar, step, num_steps)
      bar.set_postfix_str(_nats(metrics))
      on_progress(step, num_steps, metrics)

    yield move
    if not bar.n:
      _begin(bar, num_steps, num_steps)
      bar.set_description_str('nothing to do')


def _begin(bar, step, num_steps):
  """Starts the clock at the first step that is known."""
  bar.reset(num_steps)
  bar.initial = bar.n = bar.last_print_n = step
  bar.set_description_str('training')


def _nats(metrics):
  rate, distortion = metrics.get('rate_nats'), metrics.get('distortion_nats')
  if rate is None or distortion is None:
    return ''
  return f'R {rate:.2f} D {distortion:.2f} nats in training'
