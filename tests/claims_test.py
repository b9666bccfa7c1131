# SPDX-License-Identifier: Apache-2.0
"""Each claim holds, fails and cannot be tested where that is known."""

import dataclasses
import re
import subprocess
import sys
import types

import claims_world as world
import numpy as np
import pytest

from tfp_rd import claim as claim_lib
from tfp_rd import errors
from tfp_rd.claim import evidence as evidence_lib
from tfp_rd.claim import labels, page
from tfp_rd.claim.claim import (
  DOES_NOT_HOLD,
  HOLDS,
  HOLDS_IN_PART,
  NOT_TESTABLE,
)
from tfp_rd.curve import collection

TOY = {
  'optimum': {'rate_nats': 0.5, 'information_z_zstar_nats': 0.385},
  'elbo': {'rate_nats': 0.0002, 'information_z_zstar_nats': 0.0},
  'target_rate_weight_1': {
    'rate_nats': 0.4999,
    'information_z_zstar_nats': 0.38,
  },
}
for numbers in TOY.values():
  numbers |= {'distortion_nats': 2.4, 'cluster_accuracy': 0.9}


@pytest.fixture(autouse=True)
def label_reader(monkeypatch):
  """Reads the label of a made-up picture from its first four pixels."""

  class Reader:
    accuracy = 1.0

    def __call__(self, images):
      return images[:, 0, :4] @ np.array([8, 4, 2, 1])

  monkeypatch.setattr(labels, 'classifier', lambda data_dir: Reader())


def judged(root, *, toy=TOY, data_dir='somewhere'):
  evidence = evidence_lib.Evidence(collection.collect(root), toy, data_dir)
  return {c.number: c.judge(evidence) for c in claim_lib.CLAIMS}


def statuses(root, **changes):
  return {n: v.status for n, v in judged(root, **changes).items()}


def changed(change):
  """Returns the runs after a change of each, which may be `None` for none."""
  kept = [change(fake) for fake in world.everything()]
  return [fake for fake in kept if fake is not None]


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
  return world.write(tmp_path_factory.mktemp('whole'), world.everything())


def test_every_claim_holds_where_all_of_it_is_so(whole):
  found = judged(whole)
  reasons = {n: v.reason for n, v in found.items() if v.status != HOLDS}
  assert not reasons
  assert [*found] == [*range(1, 14)]


def test_nothing_can_be_tested_where_nothing_is(tmp_path):
  found = statuses(tmp_path, toy=None)
  assert set(found.values()) == {NOT_TESTABLE}


def test_exchanging_r_and_d_changes_verdicts(whole, tmp_path):
  swapped = world.write(tmp_path, world.everything(), swap=True)
  before, after = statuses(whole), statuses(swapped)
  assert sum(before[n] != after[n] for n in before) >= 6


def test_numbers_of_a_claim_stand_with_their_errors(whole):
  for number, verdict in judged(whole).items():
    if number in (10, 13):  # Exact sums, and a count.
      continue
    cells = [cell for row in verdict.table[1:] for cell in row]
    assert any('±' in cell for cell in cells), number
    assert len({len(row) for row in verdict.table}) == 1


def without(*names, kind='beta_elbo()'):
  """Returns a change that leaves out runs of one beta."""
  return lambda fake: (
    None if fake.name in names and fake.objective == kind else fake
  )


def moved(where, move):
  """Returns a change of R and D where a run is meant."""

  def change(fake):
    if not where(fake):
      return fake
    places = {b: move(b, *place) for b, place in fake.places.items()}
    return dataclasses.replace(fake, places=places)

  return change


def is_curve(fake):
  return fake.objective == 'multi_rate()'


def is_mnist(fake):
  return fake.dataset == 'binarized_mnist'


def is_strong_curve(fake):
  return is_mnist(fake) and is_curve(fake) and fake.name[1] == '+'


def is_fresh(sign):
  return lambda f: f.objective == 'beta_elbo()' and f.name[1] == sign


def worse_with_rate(_, rate, distortion):
  return rate, distortion + 0.4 * rate


# Claim, what is changed, and the verdict that follows.
CASES = [
  (1, moved(is_mnist, worse_with_rate), DOES_NOT_HOLD),
  (1, moved(is_strong_curve, lambda b, r, d: (r, d + 0.15 * r)), HOLDS_IN_PART),
  (2, without('-++'), NOT_TESTABLE),
  (2, moved(is_fresh('+'), lambda b, r, d: (0.2, d - 0.2)), DOES_NOT_HOLD),
  (2, moved(is_fresh('-'), lambda b, r, d: (5.0, d + 20)), HOLDS_IN_PART),
  (
    2,
    moved(
      lambda f: f.name == '-+v' and f.objective == 'beta_elbo()',
      lambda b, r, d: (0.06, d),
    ),
    HOLDS_IN_PART,
  ),
  (3, without('++v', kind='beta_elbo(kl_annealing_steps=10)'), HOLDS_IN_PART),
  (3, without(*world.STRONG), NOT_TESTABLE),
  (
    3,
    moved(lambda f: is_mnist(f) and f.name[1] == '+', lambda b, r, d: (0, d)),
    DOES_NOT_HOLD,
  ),
  (
    3,
    lambda f: dataclasses.replace(
      f,
      objective=f.objective.replace('kl', 'beta=0.15, kl'),
      places={0.15: (90.0, 30.0)} if 'kl' in f.objective else f.places,
    ),
    HOLDS_IN_PART,  # Annealed, but at another beta.
  ),
  (4, without('--v'), NOT_TESTABLE),
  (
    4,
    moved(is_fresh('-'), lambda b, r, d: (r, 170 - 2 * r - d)),
    DOES_NOT_HOLD,
  ),
  (
    5,
    moved(
      lambda f: f.name == '+-v' and is_curve(f),
      lambda b, r, d: (r, world.strong(r)),
    ),
    HOLDS_IN_PART,
  ),
  (
    5,
    moved(
      lambda f: is_mnist(f) and is_curve(f) and f.name[1] == '-',
      lambda b, r, d: (r, world.strong(r) + (r > 20) * 6),
    ),
    DOES_NOT_HOLD,
  ),
  (
    6,
    lambda f: dataclasses.replace(f, refit={}),
    HOLDS_IN_PART,
  ),
  (
    6,
    lambda f: dataclasses.replace(
      f, refit={b: 0.95 * f.places[b][0] for b in f.refit}
    ),
    HOLDS_IN_PART,
  ),
  (
    6,
    lambda f: dataclasses.replace(
      f,
      refit={},
      places={
        b: (r, world.BEST - r if is_mnist(f) else d)
        for b, (r, d) in f.places.items()
      },
    ),
    DOES_NOT_HOLD,
  ),
  (
    6,
    moved(is_mnist, lambda b, r, d: (min(r, 30 + r / 100), d)),
    NOT_TESTABLE,
  ),
  (
    7,
    moved(is_strong_curve, lambda b, r, d: (r, d + (r == 15) * 4)),
    HOLDS_IN_PART,
  ),
  (
    7,
    moved(
      lambda f: is_mnist(f) and is_curve(f),
      lambda b, r, d: (r, d + 8 * np.sin(np.pi * min(r, 40) / 40)),
    ),
    DOES_NOT_HOLD,
  ),
  (7, lambda f: None if is_curve(f) and is_mnist(f) else f, NOT_TESTABLE),
  (8, lambda f: dataclasses.replace(f, kept={}), NOT_TESTABLE),
  (
    8,
    lambda f: dataclasses.replace(
      f,
      kept={b: (0.9 - part / 2, label) for b, (part, label) in f.kept.items()},
    ),
    HOLDS_IN_PART,
  ),
  (
    8,
    lambda f: dataclasses.replace(
      f, kept={b: (0.9 - part / 2, False) for b, (part, _) in f.kept.items()}
    ),
    DOES_NOT_HOLD,
  ),
  (9, lambda f: dataclasses.replace(f, recognised={}), NOT_TESTABLE),
  (
    9,
    lambda f: dataclasses.replace(
      f, recognised={b: 1 - v for b, v in f.recognised.items()}
    ),
    DOES_NOT_HOLD,
  ),
  (11, lambda f: None if f.name[2] == 'v' else f, NOT_TESTABLE),
  (11, lambda f: None if f.name == '--v' else f, NOT_TESTABLE),
  (
    11,
    moved(lambda f: f.name[2] == 'v', lambda b, r, d: (r, d + 9)),
    DOES_NOT_HOLD,
  ),
  (
    11,
    moved(lambda f: f.name == '++v', lambda b, r, d: (r, d + 1)),
    HOLDS_IN_PART,
  ),
  (
    12,
    moved(
      lambda f: f.objective.startswith('target'), lambda b, r, d: (r + 1, d)
    ),
    HOLDS_IN_PART,
  ),
  (
    12,
    moved(
      lambda f: f.objective.startswith('target'), lambda b, r, d: (r, d + 2)
    ),
    HOLDS_IN_PART,
  ),
  (12, lambda f: None if '10.0' in f.objective else f, NOT_TESTABLE),
  (
    12,
    lambda f: dataclasses.replace(
      f, objective=f.objective.replace('weight=3', 'weight=1')
    ),
    NOT_TESTABLE,
  ),
]


@pytest.mark.parametrize(
  ('number', 'change', 'status'),
  CASES,
  ids=[f'{case[0]}-{case[2]}-{n}' for n, case in enumerate(CASES)],
)
def test_a_change_of_the_runs_changes_the_verdict(
  tmp_path, number, change, status
):
  root = world.write(tmp_path, changed(change))
  verdict = judged(root)[number]
  assert verdict.status == status, verdict.reason


def test_one_run_alone_crashes_no_claim(tmp_path):
  for number, fake in enumerate(world.everything()):
    root = world.write(tmp_path / str(number), [fake])
    found = judged(root)
    assert len(found) == 13


def test_a_seed_that_did_not_collapse_is_not_averaged_away(tmp_path):
  fakes = world.everything()
  for fake in [f for f in fakes if f.objective == 'beta_elbo()']:
    for seed in (1, 2):
      places = fake.places
      if fake.name == '-+v' and seed == 2:
        places = {1.0: (0.1, 80.6)}  # The mean over seeds is 0.04.
      fakes.append(dataclasses.replace(fake, seed=seed, places=places))
  verdict = judged(world.write(tmp_path, fakes))[2]
  assert verdict.status == HOLDS_IN_PART
  assert '17 of 18 runs' in verdict.reason


def test_digits_that_cannot_be_had_are_said(whole, monkeypatch):
  def refuse(data_dir):
    raise errors.UserError('mnist is not there.')

  monkeypatch.setattr(labels, 'classifier', refuse)
  verdict = judged(whole)[8]
  assert verdict.status == HOLDS_IN_PART
  assert 'mnist is not there' in verdict.reason


def test_the_classifier_reads_bits_drawn_from_greys(monkeypatch):
  monkeypatch.undo()
  labels.classifier.cache_clear()
  rng = np.random.RandomState(0)
  classes = rng.randint(2, size=400)
  greys = 0.9 * (np.arange(28) < 14 + 8 * classes[:, None])  # [N, 28]
  greys = np.repeat(greys[:, :, None, None], 28, 2).astype('f')
  data = types.SimpleNamespace(
    train=greys[:300],
    train_labels=classes[:300],
    test=greys[300:],
    test_labels=classes[300:],
  )
  monkeypatch.setattr(labels.dataset_lib, 'load', lambda config, data_dir: data)
  classify = labels.classifier('somewhere')
  assert classify.accuracy == 1.0
  bits = rng.rand(100, 28, 28) < greys[300:, ..., 0]
  np.testing.assert_array_equal(classify(bits), classes[300:])
  labels.classifier.cache_clear()


def test_labels_need_a_place_for_the_digits(whole):
  verdict = judged(whole, data_dir='')[8]
  assert verdict.status == HOLDS_IN_PART
  assert '--data_dir' in verdict.reason


@pytest.mark.parametrize(
  ('key', 'change', 'status'),
  [
    ('elbo', {'rate_nats': 0.3}, HOLDS_IN_PART),
    ('target_rate_weight_1', {'rate_nats': 0.6}, HOLDS_IN_PART),
    (
      'target_rate_weight_1',
      {'information_z_zstar_nats': 0.3},
      HOLDS_IN_PART,
    ),
    (
      'target_rate_weight_1',
      {'rate_nats': 0.6, 'information_z_zstar_nats': 0.3},
      DOES_NOT_HOLD,
    ),
  ],
)
def test_the_toy_is_judged_by_its_numbers(tmp_path, key, change, status):
  toy = {**TOY, key: {**TOY[key], **change}}
  assert statuses(tmp_path, toy=toy)[10] == status


def test_a_point_without_an_error_is_not_both_numbers(tmp_path, monkeypatch):
  monkeypatch.setattr(world, 'NUM_IMAGES', 1)
  root = world.write(tmp_path, world.everything())
  assert statuses(root)[13] == DOES_NOT_HOLD


def test_runs_of_other_settings_are_told_apart(tmp_path):
  """A longer run at beta 1 is no part of the order of families."""
  verdict = judged(world.write(tmp_path, world.everything()))[4]
  assert [row[0] for row in verdict.table[1:]] == [
    f'`{name}`' for name in sorted(world.WEAK, key=world.WEAK.get)
  ]


def test_the_page_has_every_claim_with_its_rule(whole):
  found = judged(whole)
  pairs = [(c, found[c.number]) for c in claim_lib.CLAIMS]
  text = page.page_md(pairs)
  for claim, verdict in pairs:
    assert f'## Claim {claim.number}\n' in text
    assert claim.rule in text
    assert verdict.reason in text
  assert text.count('\n**') == 13 + 9  # Verdicts, and the paper's conflicts.
  rows = [line for line in text.splitlines() if line.startswith('| [')]
  assert len(rows) == 13
  assert all(len(re.findall(r'(?<!\\)\|', row)) == 4 for row in rows)


def test_the_command_writes_the_page(call, whole, tmp_path):
  (tmp_path / 'toy').mkdir()
  status, out, err = call('claims', whole, '--output=claims.md')
  assert (status, out, err) == (0, ['claims.md'], [])
  text = (tmp_path / 'claims.md').read_text(encoding='utf-8')
  assert '## Claim 13' in text
  status, out, err = call('claims', whole)
  assert (status, err) == (0, [])
  assert '\n'.join(out) + '\n' == text


def test_the_page_names_families_that_are_missing(call, tmp_path):
  fakes = [f for f in world.everything() if f.name not in ('+++', '--v')]
  status, out, err = call('claims', world.write(tmp_path / 'runs', fakes))
  assert (status, err) == (0, [])
  (line,) = [line for line in out if line.startswith('**Not all is there')]
  assert '`+++`' in line
  assert '`--v`' in line
  assert '`---`' not in line


def test_the_command_names_what_makes_mnist(call, tmp_path):
  status, _, err = call('claims', tmp_path)
  assert (status, len(err)) == (1, 1)
  assert 'tfp-rd grid --preset=mnist' in err[0]
  digits = [f for f in world.everything() if not is_mnist(f)]
  world.write(tmp_path / 'digits', digits)
  status, out, err = call('claims', tmp_path / 'digits')
  assert (status, len(err)) == (0, 1)
  assert 'tfp-rd grid --preset=mnist' in err[0]
  assert '**It holds.**' in '\n'.join(out)


def test_the_command_refuses_what_it_cannot_use(call, whole):
  a_result = next(whole.rglob('result.json'))
  for argv, words in (
    ([], 'RUN_ROOT'),
    (['nowhere'], 'nowhere'),
    ([whole, '--toy=nowhere.json'], 'there is no nowhere.json'),
    ([whole, f'--toy={a_result}'], 'is not what `tfp-rd toy` writes'),
  ):
    status, _, err = call('claims', *argv)
    assert (status, len(err)) == (1, 1)
    assert words in err[0]


def test_claims_are_checked_without_tensorflow(whole):
  code = (
    'import sys; from tfp_rd.cli import claims; '
    f'claims.main([{str(whole)!r}]); assert "tensorflow" not in sys.modules'
  )
  subprocess.run(
    [sys.executable, '-c', code], check=True, stdout=subprocess.DEVNULL
  )
