# SPDX-License-Identifier: Apache-2.0
"""The least distortion at a rate is chosen on validation and read on test."""

import dataclasses

import numpy as np
import pytest

import tfp_rd
from tfp_rd.curve import best as best_lib
from tfp_rd.curve import mixture as mixture_lib
from tfp_rd.report import answer

RNG = np.random.default_rng(0)
NUM_IMAGES = 60
HARD = RNG.normal(0, 2, NUM_IMAGES)
HARD -= HARD.mean()


class Images:
  """Rate and distortion of images that a test makes up."""

  def __init__(self, rate, distortion, digest='of all'):
    self._nats = np.stack([rate + 0.1 * HARD, distortion + HARD])
    self.images_sha256 = digest

  def nats(self):
    return self._nats

  def is_paired(self, other):
    return self.images_sha256 == other.images_sha256


def point(rate, distortion):
  return tfp_rd.Point.from_examples(
    rate + 0.1 * HARD, distortion + HARD, num_samples=1
  )


def curve(name, rate, distortion, *, validation=0.0, is_one_run=True):
  """A curve whose D is higher by a number of nats on validation."""
  betas = range(len(rate), 0, -1)
  places = [*zip(betas, rate, distortion, strict=True)]
  made = tfp_rd.curve.from_points(
    name,
    {b: point(r, d) for b, r, d in places},
    validation={b: point(r, d + validation) for b, r, d in places},
    is_one_run=is_one_run,
  )
  points = [
    dataclasses.replace(
      p, images=Images(p.test.rate.nats, p.test.distortion.nats)
    )
    for p in made.points
  ]
  return dataclasses.replace(made, points=tuple(points))


LINE = curve('-+-', (8.0, 4.0), (9.0, 13.0))
WORSE = curve('---', (9.0, 3.0), (9.5, 15.5))


def test_between_two_points_it_is_their_mixture():
  found = tfp_rd.best_at_rate([LINE], 5.0)
  assert found.best.weights == pytest.approx((0.75, 0.25))
  assert [p.beta for p in found.best.points] == [1.0, 2.0]
  assert found.rate.nats == pytest.approx(5.0)
  assert found.distortion.nats == pytest.approx(12.0)
  # The images go with both points: nothing averages out.
  assert found.distortion.stderr_nats == pytest.approx(
    HARD.std(ddof=1) / np.sqrt(NUM_IMAGES)
  )
  assert found.runner_up is None


def test_separate_runs_stay_the_points_that_they_are():
  alone = curve('-+-', (8.0, 4.0), (9.0, 13.0), is_one_run=False)
  found = tfp_rd.best_at_rate([alone], 5.0)
  assert len(found.best.points) == 1
  assert found.distortion.nats == 13.0


def test_a_point_that_turns_up_is_passed_over():
  hook = curve('-+-', (9.0, 8.0, 4.0), (9.8, 9.0, 13.0))
  found = tfp_rd.best_at_rate([hook], 20.0)
  assert found.distortion.nats == 9.0
  assert found.rate.nats == 8.0


def test_the_choice_is_made_on_validation():
  lucky = curve('--v', (8.0, 4.0), (8.0, 12.0), validation=2.0)
  found = tfp_rd.best_at_rate([lucky, LINE], 5.0)
  assert found.name == '-+-'
  assert found.runner_up.name == '--v'
  # On test the other one is better by a nat, and it is said.
  assert found.difference.nats == pytest.approx(1.0)


def test_the_difference_is_paired_and_at_equal_rate():
  # On test the rates differ from those on validation, by 0.3 of a nat.
  moved = curve('--v', (8.3, 4.3), (9.4, 13.4))
  moved = dataclasses.replace(
    moved,
    points=tuple(
      dataclasses.replace(p, validation=q.validation)
      for p, q in zip(moved.points, LINE.points, strict=True)
    ),
  )
  (one,) = mixture_lib.mixtures_at(LINE, 6.0)[-1:]
  (other,) = mixture_lib.mixtures_at(moved, 6.0)[-1:]
  gap = mixture_lib.paired_difference(one, other, rate_nats=6.0)
  # D = 11 at R = 6 on the one line, 11.4 at 6.3 and so 11.7 at 6 on the other.
  assert gap.nats == pytest.approx(-0.7)
  assert gap.stderr_nats == pytest.approx(0.0, abs=1e-9)
  # Unpaired it would be the spread of the images.
  assert one.distortion.stderr_nats > 0.2


def test_the_error_has_that_of_the_rates_in_it():
  noisy = dataclasses.replace(
    LINE,
    points=tuple(
      dataclasses.replace(p, images=Images(0, 0)) for p in LINE.points
    ),
  )
  for p in noisy.points:
    p.images._nats[:] = (
      p.test.rate.nats + HARD,
      p.test.distortion.nats + 0 * HARD,
    )
  one = mixture_lib.mixtures_at(noisy, 6.0)[-1]
  other = mixture_lib.mixtures_at(LINE, 6.0)[-1]
  gap = mixture_lib.paired_difference(one, other, rate_nats=6.0)
  # D + R of the one moves with its rate; that of the other by D and R.
  spread = (HARD - (HARD + 0.1 * HARD)).std(ddof=1) / np.sqrt(NUM_IMAGES)
  assert gap.stderr_nats == pytest.approx(spread)


def test_other_images_have_no_paired_error():
  other = dataclasses.replace(
    WORSE,
    points=tuple(
      dataclasses.replace(p, images=Images(1.0, 1.0, 'of others'))
      for p in WORSE.points
    ),
  )
  for runner_up in (
    other,
    dataclasses.replace(
      WORSE,
      points=tuple(dataclasses.replace(p, images=None) for p in WORSE.points),
    ),
  ):
    found = tfp_rd.best_at_rate([LINE, runner_up], 5.0)
    assert found.difference.nats == pytest.approx(12.0 - 13.5)
    assert np.isnan(found.difference.stderr_nats)


def test_what_cannot_be_is_not_the_best():
  lie = curve('--v', (5.0,), (1.0,))
  lie = dataclasses.replace(
    lie, points=(dataclasses.replace(lie.points[0], is_infeasible=True),)
  )
  assert tfp_rd.best_at_rate([lie, LINE], 5.0).name == '-+-'


@pytest.mark.parametrize(
  ('curves', 'rate', 'match'),
  [
    ([LINE], 3.0, r'at most 3 nats; the least on validation is 4\.00'),
    ([LINE], 'much', "rate_nats is 'much'; give a number of nats"),
    ([LINE], float('nan'), 'rate_nats is nan'),
    ([], 3.0, 'no point has a rate on validation'),
    (
      [tfp_rd.curve.from_points('mine', {1.0: point(3.0, 4.0)})],
      5.0,
      'give curves with validation points',
    ),
  ],
)
def test_what_has_no_answer_is_a_sentence(curves, rate, match):
  with pytest.raises(tfp_rd.UserError, match=match):
    tfp_rd.best_at_rate(curves, rate)


@pytest.mark.parametrize(
  ('most', 'rates'),
  [
    (21.8, (2, 4, 6, 8, 10)),
    (16.3, (2, 4, 6, 8, 10)),
    (80.0, (10, 20, 30, 40, 50)),
    (6.0, (1, 2, 3, 4, 5)),
    (0.6, (0.1, 0.2, 0.3, 0.4, 0.5)),
    (0.02, ()),
  ],
)
def test_rates_suit_the_models(most, rates):
  found = best_lib.suiting_rates([curve('---', (most, 0.0), (1.0, 2.0))])
  assert found == rates


def test_it_prints_one_line():
  text = str(tfp_rd.best_at_rate([LINE, WORSE], 5.0))
  assert text == (
    'least D at R <= 5: -+- at beta 1 and 2 (25 %), R 5.00 ± 0.02  '
    'D 12.00 ± 0.23 nats on test; -1.50 ± 0.00 to ---'
  )


def test_the_page_begins_with_the_answer():
  page = answer.best_at_rates_md([LINE, WORSE])
  assert page.startswith('## Least distortion at a rate\n')
  (row,) = (line for line in page.splitlines() if line.startswith('| 5 |'))
  assert row == (
    '| 5 | `-+-` | 1 and 2 (25 %) | 5.00 ± 0.02 | 12.00 ± 0.23 | `---` | '
    '5.00 ± 0.02 | 13.50 ± 0.23 | -1.50 ± 0.00 |'
  )
  assert 'mixed by time-sharing' in page


def test_a_model_that_ignores_z_is_called_one():
  idle = curve('++v', (0.02,), (10.0,))
  assert '**This model ignores z:** its rate is 0.02' in answer.best_elbo_md(
    [idle, LINE]
  )
  assert 'ignores' not in answer.best_elbo_md([LINE])


def test_points_of_one_s_own_are_a_curve():
  made = tfp_rd.curve.from_points(
    'mine', {3: point(1.0, 9.0), 0.5: point(4, 5)}
  )
  assert [p.beta for p in made.points] == [0.5, 3.0]
  np.testing.assert_allclose(made.column('rate_nats'), [4.0, 1.0])
  np.testing.assert_allclose(made.column('elbo_nats'), [-9.0, -10.0])
  assert made.column('elbo_stderr_nats')[0] > 0
  assert not made.one_run_lines()


@pytest.mark.parametrize(
  ('points', 'match'),
  [
    ({}, 'curve mine has no point'),
    (
      {1.0: (4.0, 3.0)},
      r'got \(4\.0, 3\.0\) at 1\.0; give a mapping from beta',
    ),
    ({'1': point(1.0, 2.0)}, "at '1'; give a mapping"),
  ],
)
def test_what_is_no_point_is_a_sentence(points, match):
  with pytest.raises(tfp_rd.UserError, match=match):
    tfp_rd.curve.from_points('mine', points)
