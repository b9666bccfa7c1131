# SPDX-License-Identifier: Apache-2.0
"""A grid of several processes, stopped at random, does each step once."""

import contextlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest
from command_line import environment

from tfp_rd.run import directory

STEPS = 300
GRID = (
  *('grid', '--preset=separate', '--architectures=---', '--betas=1,2'),
  *('--fake_data', '--latent_size=2', f'--num_steps={STEPS}', '--workers=2'),
  *('--batch_size=8', '--validate_every=100'),
  *('--eval_samples=1', '--eval_examples=9', '--eval_train_examples=9'),
  '--report_dir=',
)
# Workers run this file as they begin, so that their steps are recorded too.
PROGRAM = f"""
import json, sys, time

def watch():
  from tfp_rd.training import experiment, program

  execute, run = experiment.execute, program.Program.run
  at_work = []

  def watched_execute(a_run, *args, **kwargs):
    at_work[:] = [a_run.path.name]
    return execute(a_run, *args, **kwargs)

  def watched_run(self, *args, **kwargs):
    first = int(self.step)
    time.sleep(0.05)  # A training that takes its time.
    means = run(self, *args, **kwargs)
    with open('steps', 'a') as f:
      f.write(json.dumps([*at_work, first, int(self.step)]) + chr(10))
    return means

  experiment.execute, program.Program.run = watched_execute, watched_run

if __name__ == '__main__':
  from tfp_rd.cli.__main__ import main
  sys.exit(main([*{GRID!r}, *sys.argv[1:]]))
watch()
"""


def start(folder, *argv):
  (folder / 'program.py').write_text(PROGRAM)
  return subprocess.Popen(
    [sys.executable, 'program.py', *argv],
    cwd=folder,
    env=environment(),
    stdout=subprocess.DEVNULL,
    stderr=subprocess.PIPE,
    text=True,
    start_new_session=True,
  )


def rows(folder):
  path = folder / 'steps'
  lines = path.read_text().splitlines() if path.exists() else []
  return [json.loads(line) for line in lines]


def stop_at_random(folder, rng, number, *argv):
  """Begins the grid, and stops it a while after it has taken steps."""
  process, before = start(folder, *argv), len(rows(folder))
  while process.poll() is None and len(rows(folder)) == before:
    time.sleep(0.02)
  time.sleep(rng.uniform(0, 1))
  if number == signal.SIGKILL:
    os.killpg(process.pid, number)
  else:
    process.send_signal(number)  # To the parent of the workers alone.
  _, err = process.communicate(timeout=120)
  deadline = time.monotonic() + 20
  while alive_in_group(process.pid) and time.monotonic() < deadline:
    time.sleep(0.1)
  assert not alive_in_group(process.pid)
  return process.returncode, err


def alive_in_group(group):
  """Processes of a group that have not ended, of which some take a moment."""
  found = []
  for path in pathlib.Path('/proc').glob('[0-9]*/stat'):
    with contextlib.suppress(OSError):
      name, _, rest = path.read_text().rpartition(')')
      state, _, its_group, *_ = rest.split()
      if int(its_group) == group and state not in 'ZX':
        found.append(name)
  return found


def finish(folder, *argv):
  process = start(folder, *argv)
  _, err = process.communicate(timeout=300)
  assert process.returncode == 0, err


def results(folder):
  names = ('points', 'weights_sha256', 'examples_sha256', 'metrics_sha256')
  return {
    run.path.name: {name: run.result[name] for name in names}
    for run in directory.runs_below(folder / 'runs')
  }


def by_run(folder):
  found = {}
  for name, first, last in rows(folder):
    found.setdefault(name, []).append((first, last))
  return found


@pytest.mark.slow
def test_a_grid_stopped_ten_times_repeats_no_step_and_ends_bit_equal(tmp_path):
  whole, cut = tmp_path / 'whole', tmp_path / 'cut'
  for folder in (whole, cut):
    folder.mkdir()
  rng = random.Random(0)
  stops = 0
  # Few steps a call, so that ten stops fall into the training.
  calls = ('--steps_per_call=5',)
  for _ in range(10):
    status, err = stop_at_random(cut, rng, signal.SIGTERM, *calls)
    if status == 0:
      break
    stops += 1
    assert status == 143, err
    assert 'is kept in runs/' in err, err
    assert 'Traceback' not in err, err
  finish(cut, *calls)
  finish(whole, *calls)
  assert stops == 10
  for calls_of_run in by_run(cut).values():
    ends = [0, *(last for _, last in calls_of_run)]
    assert [first for first, _ in calls_of_run] == ends[:-1]
    assert ends[-1] == STEPS
  assert results(cut) == results(whole)
  assert len(results(cut)) == 2


@pytest.mark.slow
def test_a_grid_that_is_killed_repeats_what_no_checkpoint_has(tmp_path):
  whole, cut = tmp_path / 'whole', tmp_path / 'cut'
  for folder in (whole, cut):
    folder.mkdir()
  calls = ('--steps_per_call=5', '--checkpoint_seconds=0.5')
  rng = random.Random(1)
  kills = 0
  for _ in range(4):
    status, _ = stop_at_random(cut, rng, signal.SIGKILL, *calls)
    if status == 0:
      break
    kills += 1
  finish(cut, *calls)
  finish(whole, *calls)
  assert kills >= 1
  for calls_of_run in by_run(cut).values():
    reached = 0
    for first, last in calls_of_run:
      assert first <= reached  # No step is left out.
      # Each step takes 10 ms at the least: half a second is 50 of them.
      assert reached - first <= 60
      reached = max(reached, last)
    assert reached == STEPS
  assert results(cut) == results(whole)
