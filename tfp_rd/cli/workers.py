# SPDX-License-Identifier: Apache-2.0
"""Several processes on one table of runs, each taking what nobody holds.

There is no scheduler: a worker does what the grid alone would do.  The parent
watches the directories, shows how far they are, and says if a worker dies.
"""

import multiprocessing
import multiprocessing.connection
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

from tfp_rd.cli import command

__all__ = [
  'default_number',
  'environments',
  'parent_is_alive',
  'run_all',
  'visible_gpus',
]

_THREADS = ('OMP_NUM_THREADS', 'TF_NUM_INTRAOP_THREADS')


# Small models gain little from a second thread and much from a second process,
# which takes about 1 GB.
_MOST_ON_CPU = 4


def default_number(*, is_small: bool) -> int:
  """Returns how many processes pay: one a GPU, or one a core.

  Args:
    is_small: Whether the models are; large ones use all cores by themselves.
  """
  gpus = visible_gpus(os.environ)
  if gpus or not is_small:
    return max(1, len(gpus))
  return min(_MOST_ON_CPU, _num_cores())


def run_all(
  work: Callable[..., object],
  arguments: tuple,
  *,
  num_workers: int,
  watch: Callable[[], object],
  poll_s: float = 1.0,
) -> int:
  """Runs `work(*arguments, i)` in several processes until all have ended.

  Args:
    work: A function of a module, which a fresh process imports; its last
      argument is the worker's number, from 0.
    arguments: For each of them the same; they must pickle.
    num_workers: Processes.
    watch: Called every `poll_s` seconds, and once at the end.
    poll_s: Seconds.

  Returns:
    How many died; each was said, and the others have gone on to their end.
  """
  # Fresh processes: TensorFlow does not survive a fork.
  context = multiprocessing.get_context('spawn')
  processes = [
    context.Process(target=_begin, args=(environment, work, (*arguments, i)))
    for i, environment in enumerate(environments(num_workers))
  ]
  try:
    _start(processes)
    _watch(processes, watch, poll_s)
  finally:
    _end([process for process in processes if process.is_alive()])
  return sum(process.exitcode != 0 for process in processes)


def environments(num_workers: int) -> list[dict[str, str]]:
  """Returns what each worker's environment adds: its cores and its GPU.

  What the user has set stays, but for a list of several GPUs, which is dealt
  out.
  """
  threads = str(max(1, _num_cores() // num_workers))
  share = dict.fromkeys(_THREADS, threads)
  # Ops side by side would ask for the cores of the neighbours.
  share['TF_NUM_INTEROP_THREADS'] = '1'
  # TensorFlow takes all of a GPU's memory unless told.
  share['TF_FORCE_GPU_ALLOW_GROWTH'] = 'true'
  added = {k: v for k, v in share.items() if k not in os.environ}
  gpus = visible_gpus(os.environ)
  if len(gpus) < 2:
    return [added] * num_workers
  return [
    {**added, 'CUDA_VISIBLE_DEVICES': gpus[i % len(gpus)]}
    for i in range(num_workers)
  ]


def visible_gpus(environment: Mapping[str, str]) -> Sequence[str]:
  """Returns the names of the GPUs that CUDA would show, without TensorFlow.

  Args:
    environment: Where `CUDA_VISIBLE_DEVICES` may be set.

  Returns:
    Indices or identifiers, each good for `CUDA_VISIBLE_DEVICES`.
  """
  if 'CUDA_VISIBLE_DEVICES' in environment:
    names = environment['CUDA_VISIBLE_DEVICES'].split(',')
    names = [name.strip() for name in names]
    # CUDA reads up to the first that it does not know.
    stop = next((i for i, n in enumerate(names) if n in ('', '-1')), len(names))
    return names[:stop]
  if not shutil.which('nvidia-smi'):
    return []
  listed = subprocess.run(
    ['nvidia-smi', '-L'], capture_output=True, text=True, check=False
  )
  gpus = [line for line in listed.stdout.splitlines() if line[:4] == 'GPU ']
  return [str(i) for i in range(len(gpus))]


def parent_is_alive() -> bool:
  """Whether the process that began this one lives; true for the first."""
  parent = multiprocessing.parent_process()
  return parent is None or parent.is_alive()


def _start(processes):
  # Ctrl-C reaches the whole group.  The parent answers it for all, so the
  # others inherit that it is ignored.
  before = signal.signal(signal.SIGINT, signal.SIG_IGN)
  try:
    for process in processes:
      process.start()
  finally:
    signal.signal(signal.SIGINT, before)


def _end(processes):
  """Lets each write its checkpoint; asked again meanwhile, kills them."""
  try:
    for process in processes:
      process.terminate()
    for process in processes:
      process.join()
  except BaseException:
    for process in processes:
      process.kill()
    raise


def _watch(processes, watch, poll_s):
  said = set()
  while any(process.is_alive() for process in processes):
    multiprocessing.connection.wait(
      [p.sentinel for p in processes if p.is_alive()], timeout=poll_s
    )
    watch()
    for i, process in enumerate(processes, 1):
      if process.exitcode and i not in said:
        said.add(i)
        command.print_error(
          f'worker {i} {_how(process.exitcode)}; the others go on.'
        )


def _how(exitcode):
  if exitcode > 0:
    return f'stopped with status {exitcode}'
  return f'was killed by signal {signal.Signals(-exitcode).name}'


def _begin(environment, work, arguments):
  os.environ.update(environment)
  sys.exit(work(*arguments))


def _num_cores():
  if hasattr(os, 'sched_getaffinity'):  # Linux alone has it.
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1
