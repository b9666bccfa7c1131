# SPDX-License-Identifier: Apache-2.0
"""Each of these edits of the package turns the test beside it red.

An edit is made in a copy of the package, one at a time, and the test is run
there by a process of its own.
"""

import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
from typing import NamedTuple

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
# Processes at once; an import of TensorFlow keeps one core busy.
WORKERS = 2
LIMIT_S = 300


class Mutation(NamedTuple):
  """An edit, and the one test that must notice it.

  Attributes:
    name: What a user would get.
    file: A file of the package.
    old: Text that occurs there once.
    new: What is put in its place.
    test: File and name of a test, below `tests`.
  """

  name: str
  file: str
  old: str
  new: str
  test: str


HAND = 'step_by_hand_test.py::test_a_step_is_adam_s_on_the_loss_of_its_draws'
STILL = (
  'step_by_hand_test.py'
  '::test_each_step_has_noise_of_its_own_and_metrics_are_means'
)
FIELD = 'wiring_test.py::test_every_field_of_a_run_reaches_its_training'
POINT = 'wiring_test.py::test_a_point_is_that_of_its_images_draws_and_seed'
CHOSEN = 'wiring_test.py::test_weights_are_chosen_on_validation'
KEPT = 'selection_test.py::test_the_best_weights_are_kept_whole_and_cut'

MUTATIONS = (
  Mutation(
    'training on the validation split',
    'training/experiment.py',
    '    program,\n    data.train,\n',
    '    program,\n    data.validation,\n',
    'wiring_test.py::test_training_learns_the_training_images_alone',
  ),
  Mutation(
    'weights chosen on test',
    'training/experiment.py',
    "'validation', count=",
    "'test', count=",
    f'{CHOSEN}[on-off-10]',
  ),
  Mutation(
    'points measured on training images',
    'training/result.py',
    'images[split], split)',
    "images['train'], split)",
    POINT,
  ),
  Mutation(
    'all points of a curve measured at beta 1',
    'training/result.py',
    'at_beta = movable.to(beta)',
    'at_beta = movable.to(1.0)',
    'curve_points_test.py'
    '::test_each_point_is_that_of_the_model_at_its_beta[test]',
  ),
  Mutation(
    'kept weights never taken',
    'training/loop.py',
    'state.selection.take()',
    'pass',
    f'{KEPT}[first]',
  ),
  Mutation(
    'dropout dropped',
    'training/run_parts.py',
    'dropout=settings.dropout',
    'dropout=0.0',
    f'{FIELD}[dropout]',
  ),
  Mutation(
    'weight_averaging dropped',
    'training/trainer.py',
    'weight_averaging=training.weight_averaging',
    'weight_averaging=0.0',
    f'{FIELD}[weight_averaging]',
  ),
  Mutation(
    'normalize_gradients dropped',
    'training/trainer.py',
    'normalize_gradients=training.normalize_gradients',
    'normalize_gradients=False',
    f'{FIELD}[normalize_gradients]',
  ),
  Mutation(
    'eval_samples dropped',
    'training/result.py',
    'num_samples=config.evaluation.eval_samples',
    'num_samples=1',
    POINT,
  ),
  Mutation(
    'the same noise of z at every step',
    'training/program.py',
    'seed=seeds[2]',
    'seed=inputs.seed',
    STILL,
  ),
  Mutation(
    'annealing lost',
    'training/program.py',
    '_replace(step=step,',
    '_replace(step=step + 10**9,',
    f'{HAND}[annealing]',
  ),
  Mutation(
    'a learning rate that never falls',
    'training/program.py',
    'step, learning_rate=',
    '0, learning_rate=',
    f'{HAND}[beta]',
  ),
  Mutation(
    'normalised gradients lost in the program',
    'training/program.py',
    'normalize_gradients=normalize_gradients',
    'normalize_gradients=False',
    f'{HAND}[normalized]',
  ),
  Mutation(
    'no gradient through log e(z|x)',
    'rate_distortion.py',
    'encoding_log_prob=encoding_log_prob',
    'encoding_log_prob=tf.stop_gradient(encoding_log_prob)',
    f'{HAND}[beta]',
  ),
  Mutation(
    'dropout off in training',
    'training/program.py',
    'training=True',
    'training=False',
    f'{HAND}[dropout]',
  ),
  Mutation(
    'no reversal between flow steps',
    'network/autoregressive.py',
    'reverse=n % 2 == 1',
    'reverse=False',
    'flow_order_test.py::test_one_step_is_triangular_and_two_are_not[1]',
  ),
  Mutation(
    'standard errors over N S draws',
    'point.py',
    'Estimate.of_mean(rate)',
    'Estimate.of_mean(np.repeat(rate, num_samples))',
    'coverage_test.py::test_errors_are_as_large_as_is_said[of_images]',
  ),
  Mutation(
    'passes of an evaluation share their noise',
    'model/passes.py',
    'initial.fold_in(of_batch, m)',
    'of_batch',
    'coverage_test.py'
    '::test_means_over_draws_spread_as_one_over_their_number[8]',
  ),
  Mutation(
    'batches of an evaluation share their noise',
    'model/passes.py',
    'initial.fold_in(self.seed, n)',
    'self.seed',
    'coverage_test.py::test_errors_are_as_large_as_is_said[of_draws]',
  ),
  Mutation(
    'validation draws from the training seed',
    'training/loop.py',
    'return initial.fold_in(seed, -2)',
    'return initial.as_seed(seed)',
    'selection_test.py'
    '::test_every_validation_has_the_same_draws_and_none_of_training',
  ),
  Mutation(
    'a checkpoint without the selection',
    'training/loop.py',
    'return variables_lib.named(modules)',
    'found = variables_lib.named(modules)\n'
    "    return {k: v for k, v in found.items() if '/selection/' not in k}",
    f'{KEPT}[first]',
  ),
  Mutation(
    'judges of a curve chosen on test',
    'curve/judges.py',
    "run.points('validation')",
    "run.points('test')",
    'one_run_test.py::test_the_setting_that_is_best_on_validation_judges',
  ),
  Mutation(
    'averages not restarted after a warm start',
    'training/ancestry.py',
    'program.average.restart()',
    'pass',
    'wiring_test.py::test_an_average_starts_with_the_weights_of_the_parent',
  ),
  Mutation(
    'metrics of the last step in place of means',
    'training/program.py',
    'sums = {k: sums[k] + metrics[k] for k in sums}',
    'sums = {k: metrics[k] * tf.cast(n + 1, tf.float32) for k in sums}',
    STILL,
  ),
  Mutation(
    'curves chosen at one beta for all four',
    'training/scoring.py',
    '{beta: measure(beta, num_samples)',
    '{beta: measure(betas[0], num_samples)',
    'selection_test.py'
    '::test_a_curve_is_chosen_by_all_the_betas_that_are_compared',
  ),
  Mutation(
    'fit.json without the images',
    'training/fit.py',
    "'images': claim_lib.digest_of(inputs.images)",
    "'images': None",
    'wiring_test.py::test_a_folder_is_that_of_its_images',
  ),
  Mutation(
    'a stop without a checkpoint',
    'training/loop.py',
    '      files.save(metrics)\n      kept =',
    '      kept =',
    'stopped_test.py::test_ctrl_c_in_a_callback_keeps_its_step',
  ),
  Mutation(
    'metrics of the last call in place of the whole row',
    'training/loop.py',
    'goes_on=True',
    'goes_on=False',
    'stopped_test.py::test_numbers_do_not_depend_on_how_long_calls_are',
  ),
  Mutation(
    'standard errors divided by the root of the number of seeds',
    'curve/collection.py',
    '_mean([value.stderr_nats for value in values])',
    '_mean([v.stderr_nats / len(values) ** 0.5 for v in values])',
    'curve_test.py::test_seeds_are_averaged_and_their_spread_is_shown',
  ),
  Mutation(
    'checkpoints of any training are taken',
    'training/folder.py',
    "'training/owner': _OtherTraining,",
    '',
    'damaged_weights_test.py::test_a_run_takes_no_checkpoint_of_another_run',
  ),
  Mutation(
    'players are left as they were at the last step',
    'training/loop.py',
    '{**weights, **program.players.brought}',
    'weights',
    'kept_players_test.py'
    '::test_players_are_kept_as_they_were_at_the_best_validation',
  ),
  Mutation(
    'a training goes on with metrics that are not its own',
    'training/folder.py',
    '!= self._state.metrics_sha256.numpy()).any()',
    '!= self._state.metrics_sha256.numpy()).any() and False',
    'fit_test.py'
    '::test_metrics_are_gone_on_with_and_never_with_other_numbers[4-False-4]',
  ),
)
# That a copy is whole: what changes nothing turns nothing red.
NOTHING = Mutation(
  'nothing',
  'point.py',
  "__all__ = ['Point']",
  "__all__ = ['Point']  # As before.",
  'flow_order_test.py::test_one_step_is_triangular_and_two_are_not[1]',
)


def run_mutated(mutation, folder):
  """Edits a copy of the package; returns how the test ends there."""
  for name in ('tfp_rd', 'tests'):
    shutil.copytree(
      ROOT / name,
      folder / name,
      ignore=shutil.ignore_patterns('__pycache__'),
    )
  shutil.copy(ROOT / 'pyproject.toml', folder)
  path = folder / 'tfp_rd' / mutation.file
  text = path.read_text()
  count = text.count(mutation.old)
  assert count == 1, f'{mutation.file} has {mutation.old!r} {count} times'
  path.write_text(text.replace(mutation.old, mutation.new))
  # Nothing of this process, which may be a worker of another pytest.
  environment = {k: v for k, v in os.environ.items() if 'PYTEST' not in k}
  return subprocess.run(
    [sys.executable, '-m', 'pytest', '-q', '-x', f'tests/{mutation.test}'],
    cwd=folder,
    env=environment | {'PYTHONPATH': str(folder)},
    capture_output=True,
    text=True,
    timeout=LIMIT_S,
  )


@pytest.fixture(name='done', scope='module')
def ends_of_all(request, tmp_path_factory):
  """Starts all that were asked for; returns the future of each."""
  asked = [
    item.callspec.params['mutation']
    for item in request.session.items
    if item.path == pathlib.Path(__file__) and hasattr(item, 'callspec')
  ]
  with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
    yield {
      m: pool.submit(run_mutated, m, tmp_path_factory.mktemp('copy'))
      for m in asked
    }
    pool.shutdown(cancel_futures=True)


def test_each_edit_has_its_place():
  for mutation in MUTATIONS:
    text = (ROOT / 'tfp_rd' / mutation.file).read_text()
    assert text.count(mutation.old) == 1, mutation.name


@pytest.mark.slow
@pytest.mark.parametrize(
  'mutation', [NOTHING, *MUTATIONS], ids=lambda m: m.name.replace(' ', '_')
)
def test_the_edit_turns_its_test_red(mutation, done):
  end = done[mutation].result()
  said = end.stdout + end.stderr
  if mutation is NOTHING:
    assert end.returncode == 0, said
    assert '1 passed' in said
    return
  # One failure, and neither an error of its set-up nor of the collection.
  assert end.returncode == 1, f'{mutation.name}: {mutation.test}\n{said}'
  assert re.search(r'^1 failed(, \d+ warnings?)? in ', said, re.M), said
  # By what the test asserts, and not by another error on the way.
  assert re.search(r'^E +(assert|AssertionError|Failed)', said, re.M), said
