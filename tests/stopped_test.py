# SPDX-License-Identifier: Apache-2.0
"""A training that is stopped keeps every step, and goes on bit for bit."""

import contextlib
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from command_line import environment

import tfp_rd
from tfp_rd.run import directory, interruption
from tfp_rd.training import program, schedule

STEPS = 40
TRAIN = (
  *('train', '--fake_data', '--latent_size=2', f'--num_steps={STEPS}'),
  *('--batch_size=8', '--validate_every=20', '--steps_per_call=10'),
  *('--eval_samples=1', '--eval_examples=9', '--eval_train_examples=9'),
)
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


@pytest.fixture(autouse=True)
def _as_in_a_command():
  """Answers signals as Python does by itself; a worker of pytest does not."""
  usual = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
  }
  before = {n: signal.signal(n, handler) for n, handler in usual.items()}
  yield
  for number, handler in before.items():
    signal.signal(number, handler)


@pytest.fixture(name='calls')
def watched_calls(monkeypatch):
  """Records the steps of each call; `stops` has steps that bring a signal."""
  run = program.Program.run

  class Calls(list):
    stops = {}

  calls = Calls()

  def watch(self, *args, **kwargs):
    first = int(self.step)
    if number := calls.stops.get(first):
      calls.stops = {}
      os.kill(os.getpid(), number)
    means = run(self, *args, **kwargs)
    calls.append((first, int(self.step)))
    return means

  monkeypatch.setattr(program.Program, 'run', watch)
  return calls


def files_of(root):
  (found,) = directory.runs_below(root)
  names = ('points', 'weights_sha256', 'examples_sha256', 'metrics_sha256')
  return {name: found.result[name] for name in names}


@pytest.mark.parametrize('number', CODES)
def test_typed_again_it_repeats_no_step_and_ends_bit_equal(
  number, call, calls, tmp_path
):
  assert call(*TRAIN, '--run_root=whole')[0] == 0
  calls.clear()
  # Within a row, at the end of one, and within one after others.
  for stop in (1, 12, 27):
    # Calls begin at some steps alone: the next that does is stopped.
    calls.stops = dict.fromkeys(range(stop, STEPS), number)
    status, _, err = call(*TRAIN)
    assert status == CODES[number]
    step = calls[-1][1]
    assert f'step {step} of {STEPS} is kept in runs/run_' in err[-1]
    assert 'the same command goes on there' in err[-1]
  calls.stops = {}
  status, _, err = call(*TRAIN)
  assert status == 0, err
  ends = [end for _, end in calls]
  assert [first for first, _ in calls] == [0, *ends[:-1]]
  assert ends[-1] == STEPS
  assert files_of('runs') == files_of('whole')
  assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
  assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def images(n=10):
  return np.random.RandomState(0).randint(2, size=[n, 4, 4, 1]).astype('f')


def fit(run_dir=None, **kwargs):
  model = tfp_rd.build('---', image_shape=(4, 4, 1), latent_size=2, seed=1)
  settings = {
    'training': tfp_rd.TrainingConfig(
      num_steps=12, batch_size=4, validate_every=5, weight_averaging=0.9
    ),
    'execution': tfp_rd.Execution(steps_per_call=4),
    'validation': images(6),
  }
  done = tfp_rd.fit(model, images(), run_dir=run_dir, **settings | kwargs)
  return done, [v.numpy() for v in model.variables]


def are_equal(one, other):
  return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_ctrl_c_in_python_keeps_the_step_between_two_rows(calls, tmp_path):
  whole, expected = fit()
  calls.clear()
  calls.stops = {0: signal.SIGINT}
  with pytest.raises(KeyboardInterrupt) as e:
    fit(tmp_path)
  (_, kept) = calls[-1]
  assert str(e.value) == (
    f'step {kept} of 12 is kept in {tmp_path}; the same call goes on there.'
  )
  assert kept not in [row['step'] for row in whole.metrics]
  done, found = fit(tmp_path)
  assert done.metrics == whole.metrics
  assert are_equal(found, expected)


def test_ctrl_c_in_a_callback_keeps_its_step(calls, tmp_path):
  def stop(step, *_):
    if step == 5:
      raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt, match='step 5 of 12 is kept'):
    fit(tmp_path, on_progress=stop)
  fit(tmp_path)
  assert (5, 6) in calls


def test_without_a_folder_ctrl_c_leaves_the_best_weights(calls):
  def stop(step, *_):
    if step == 8:
      raise KeyboardInterrupt

  with pytest.raises(interruption.Stopped) as e:
    fit(on_progress=stop)
  assert str(e.value) == ''


def test_numbers_do_not_depend_on_how_long_calls_are(monkeypatch):
  one, weights = fit()
  monkeypatch.setattr(schedule.Pace, 'num_steps', lambda self, wanted: 1)
  two, same = fit()
  assert one.metrics == two.metrics
  assert are_equal(weights, same)


def test_slow_steps_make_short_calls(monkeypatch):
  pace = schedule.Pace(60)
  assert pace.num_steps(50) == 1
  pace.took(1, 30.0)  # It compiled.
  assert pace.num_steps(50) == 1
  for _ in range(4):
    pace.took(1, 0.01)
  assert pace.num_steps(50) == 50
  pace.took(50, 100.0)
  assert pace.num_steps(50) == 5


def test_checkpoints_go_by_the_clock(monkeypatch, tmp_path):
  now = [0.0]
  monkeypatch.setattr(schedule.time, 'monotonic', lambda: now[0])
  pace = schedule.Pace(60)
  now[0] = 59.0
  assert not pace.is_due(at_row=True)
  now[0] = 60.0
  assert pace.is_due(at_row=False)
  pace.saved()
  assert not pace.is_due(at_row=True)
  rows = schedule.Pace(0)
  assert rows.is_due(at_row=True)
  assert not rows.is_due(at_row=False)


def test_without_a_stop_there_is_one_checkpoint_at_the_end(tmp_path):
  fit(tmp_path)
  names = [p.name for p in (tmp_path / 'checkpoint').glob('*.index')]
  assert names == ['ckpt-12.index']


# Signals.


def test_a_second_signal_ends_at_once():
  with interruption.answered(), interruption.postponed() as request:
    os.kill(os.getpid(), signal.SIGTERM)
    assert request.number == signal.SIGTERM  # And nothing was raised.
    with pytest.raises(interruption.Stopped) as e:
      os.kill(os.getpid(), signal.SIGTERM)
    request.number = None
  assert e.value.number == signal.SIGTERM


def test_a_signal_after_the_last_look_is_not_lost():
  def train():
    with interruption.postponed() as request:
      request.check()
      os.kill(os.getpid(), signal.SIGINT)

  with pytest.raises(interruption.Stopped):
    train()


def test_a_worker_takes_a_second_signal_for_the_first():
  before = signal.getsignal(signal.SIGTERM)
  try:
    with (
      interruption.answered(once=True),
      interruption.postponed() as request,
    ):
      for _ in range(3):
        os.kill(os.getpid(), signal.SIGTERM)
      with pytest.raises(interruption.Stopped):
        request.check()
      request.number = None
    os.kill(os.getpid(), signal.SIGTERM)  # While it says so.
  finally:
    signal.signal(signal.SIGTERM, before)


def test_handlers_of_others_stay():
  def theirs(*_):
    pass

  before = signal.signal(signal.SIGTERM, theirs)
  try:
    with interruption.answered(), interruption.postponed() as request:
      os.kill(os.getpid(), signal.SIGTERM)
      assert request.number is None
    assert signal.getsignal(signal.SIGTERM) is theirs
  finally:
    signal.signal(signal.SIGTERM, before)


def test_an_import_installs_nothing():
  code = (
    'import signal; numbers = (signal.SIGINT, signal.SIGTERM);'
    'before = [*map(signal.getsignal, numbers)];'
    'import tfp_rd.cli.grid, tfp_rd.run.interruption;'
    'assert before == [*map(signal.getsignal, numbers)]'
  )
  subprocess.run(
    [sys.executable, '-c', code], env=environment(), check=True, timeout=60
  )


def test_what_ends_while_signals_are_kept_back_restores_them():
  before = signal.getsignal(signal.SIGINT)
  with contextlib.suppress(RuntimeError), interruption.postponed():
    raise RuntimeError
  assert signal.getsignal(signal.SIGINT) is before
