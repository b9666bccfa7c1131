# SPDX-License-Identifier: Apache-2.0
"""A run with more steps goes on from a finished one that is the same else.

It is a run of its own, which names its parent.  No TensorFlow here.
"""

import dataclasses
import os
import pathlib
from collections.abc import Callable
from typing import Any, Union

from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd.run import directory as run_lib

__all__ = ['continuing']

Path = Union[str, os.PathLike]


def continuing(
  config: config_lib.Config,
  run_root: Path,
  *,
  on_note: Callable[[str], Any],
) -> config_lib.Config:
  """Returns what is to be trained: the run itself, or a child of a shorter one.

  A directory of the run itself comes first, then a child that has begun, then
  the longest finished run from which it can go on.

  Args:
    config: What is asked for.
    run_root: The folder that holds one folder a run.
    on_note: Called with a sentence that says what is gone on from, or why not.
  """
  root = pathlib.Path(run_root)
  if (root / config.name).exists():
    return config
  shorter = _shorter(config, root)
  children = {
    dataclasses.replace(
      config, warm_start='longer', parent=run.config.identity
    ): run
    for run in shorter
  }
  for child in children:
    if (root / child.name).exists():
      return child
  for child, run in children.items():
    if _has_last_checkpoint(run):
      on_note(
        f'{child.name} goes on from {run.path.name}, its optimiser included: '
        f'num_steps is {run.config.training.num_steps} there and '
        f'{config.training.num_steps} here, and nothing else differs; name '
        'another --run_root to begin at step 0.'
      )
      return child
  if shorter:
    on_note(
      f'{shorter[0].path.name} is the same training with '
      f'{shorter[0].config.training.num_steps} steps, but was kept without its '
      'last checkpoint, so that this one begins at step 0.'
    )
  return config


def _shorter(config, root):
  """Returns finished runs that differ in fewer steps alone, longest first."""
  found = []
  pattern = f'run_{config.model.architecture}_*/result.json'
  for file in root.glob(pattern):
    try:
      run = run_lib.load_run(file.parent)
    except errors.UserError:
      continue  # Whoever wants that run is told.
    if (
      _steps(run.config) < _steps(config)
      and _with_steps(run.config, _steps(config)).digest == config.digest
    ):
      found.append(run)
  return sorted(found, key=lambda run: (-_steps(run.config), run.path.name))


def _with_steps(config, num_steps):
  """Returns a configuration with other steps, and no shorter parent."""
  if config.warm_start == 'longer':
    config = dataclasses.replace(config, warm_start='', parent='')
  training = dataclasses.replace(config.training, num_steps=num_steps)
  return dataclasses.replace(config, training=training)


def _steps(config):
  return config.training.num_steps


def _has_last_checkpoint(run):
  return (run.path / 'checkpoint' / f'ckpt-{_steps(run.config)}.index').exists()
