# SPDX-License-Identifier: Apache-2.0
"""A table of families says what its examples hold, and no more."""

import numpy as np
import pytest

from tfp_rd import errors
from tfp_rd.curve import compare
from tfp_rd.curve import families as families_lib
from tfp_rd.estimate import Estimate

BETAS = np.array([0.1, 0.3, 1.0, 3.0])
NUM_IMAGES = 50
SHIFTS = np.random.default_rng(0).normal(size=NUM_IMAGES)


def examples(*, by=1.0, betas=BETAS, shift=0.0):
  """A curve's images: all lie alike around it, so that gaps have no error."""
  rate = by * 8 / (1 + np.asarray(betas))[:, None] + 0 * SHIFTS
  distortion = 4 + 3 * np.log1p(betas)[:, None] + SHIFTS + shift
  return {
    'beta': np.asarray(betas),
    'rate_nats': rate.astype('float32'),
    'distortion_nats': distortion.astype('float32'),
  }


def one_by_one(**kwargs):
  """The same, as runs of one beta each."""
  return [examples(betas=[beta], **kwargs) for beta in BETAS]


def family(one_run, separate, **kwargs):
  (found,) = families_lib.compare_families(
    {'-+v': one_run}, {'-+v': separate}, num_resamples=20, **kwargs
  )
  return found


def test_gaps_are_those_of_each_shared_beta():
  found = family(examples(by=1.02, shift=0.5), one_by_one())
  assert list(found.gaps) == list(BETAS)
  for beta, gap in found.gaps.items():
    expected = 0.5 + beta * 0.02 * 8 / (1 + beta)
    assert gap.nats == pytest.approx(expected, abs=1e-5)
  assert found.elbo_gap is found.gaps[1.0]


def test_the_difference_of_rates_is_that_of_the_shared_betas():
  more = np.r_[BETAS, 0.05, 0.5, 0.95]  # Where the one run is far worse.
  one_run = examples(betas=more)
  one_run['rate_nats'][4:] *= 1.5
  one_run['distortion_nats'][4:] -= 0.2
  one_run['rate_nats'][:4] *= 1.02
  found = family(one_run, one_by_one())
  assert found.rate_difference.percent == pytest.approx(2, abs=1e-4)
  assert list(found.gaps) == list(BETAS)


def test_seeds_are_averaged_and_their_spread_stands_beside():
  seeds = [0.0, 0.6, 1.5]
  separate = one_by_one()
  separate += [examples(betas=[1.0], shift=shift) for shift in seeds[1:]]
  found = family(examples(), separate)
  assert found.num_seeds == 3
  assert found.seed_std_elbo_nats == pytest.approx(np.std(seeds, ddof=1))
  assert found.elbo_gap.nats == pytest.approx(-np.mean(seeds), abs=1e-5)
  assert found.gaps[0.3].nats == pytest.approx(0, abs=1e-5)


def test_one_seed_has_no_spread():
  found = family(examples(), one_by_one())
  assert found.num_seeds == 1
  assert found.seed_std_elbo_nats is None


def test_the_order_of_betas_and_of_runs_does_not_matter():
  one_run, separate = examples(by=1.1), one_by_one()
  expected = family(one_run, separate)
  turned = {name: values[::-1] for name, values in one_run.items()}
  assert family(turned, separate[::-1]) == expected


def test_families_of_both_sides_are_compared_in_the_order_of_the_first():
  one_run = {name: examples() for name in ('--v', '---', '+++')}
  separate = {name: one_by_one() for name in ('---', '--v', '-++')}
  found = families_lib.compare_families(one_run, separate, num_resamples=2)
  assert [f.name for f in found] == ['--v', '---']


def test_curves_without_a_difference_keep_their_gaps_and_say_why():
  found = family(examples(betas=[1.0]), one_by_one())
  assert found.rate_difference is None
  assert 'measure two or more betas' in found.note
  assert list(found.gaps) == [1.0]


def test_no_beta_in_common_is_refused():
  with pytest.raises(errors.UserError, match=r'-\+v has betas \[0.2\]'):
    family(examples(betas=[0.2]), one_by_one())


def test_runs_of_other_images_are_refused():
  fewer = {
    name: values[..., :40] if name != 'beta' else values
    for name, values in examples(betas=[1.0]).items()
  }
  with pytest.raises(errors.UserError, match=r'\[40, 50\] test images'):
    family(examples(), [*one_by_one(), fewer])


def test_the_table_has_a_row_a_family_and_a_column_a_beta():
  gap = Estimate(nats=0.1234, stderr_nats=0.0456, num_examples=360)
  difference = compare.RateDifference(1.26, -0.31, 2.84, 0.95, 1000, 7)
  note = 'no distortion in common.'
  families = (
    families_lib.FamilyGaps('---', {0.1: gap, 1.0: gap}, 3, 0.2, difference),
    families_lib.FamilyGaps('-+v', {0.3: gap}, 0, None, None, note),
  )
  lines = families_lib.table_md(families).splitlines()
  assert '| `---` | +0.12 ± 0.05 | 3 | 0.20 | +1.3 [-0.3, +2.8] |' in lines
  assert '| `-+v` | – | 0 | – | – |' in lines
  assert '| family | beta 0.1 | beta 0.3 | beta 1 |' in lines
  assert '| `-+v` | – | +0.12 ± 0.05 | – |' in lines
  notes = [line for line in lines if line.startswith('- ')]
  assert 'in common' in notes[1]
  assert '7 of 1000 resamples' in notes[0]


def test_every_row_of_a_table_has_as_many_cells():
  found = family(examples(by=1.02), one_by_one())
  blocks = families_lib.table_md([found]).strip().split('\n\n')
  tables = [b.splitlines() for b in blocks if b.startswith('|')]
  assert len(tables) == 2
  for rows in tables:
    assert len({row.count('|') for row in rows}) == 1
    assert len(rows) == 3
