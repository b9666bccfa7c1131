# SPDX-License-Identifier: Apache-2.0
"""Betas are added where the rate jumps, as many as are needed and no more."""

import math

import numpy as np
import pytest

from tfp_rd.run import refinement

BETAS = (0.05, 0.1, 0.17, 0.3, 0.55, 1.0, 1.7, 3.0, 5.5, 10.0)


def strong(beta):
  """The rate of a strong decoder: it falls from 7 to 2 within an octave."""
  return 20 / (1 + (beta / 0.5) ** 2.2)


def weak(beta):
  return 6 * math.log1p(3 / beta)


def refined(rate_fn, betas=BETAS, max_points=40):
  rates = {beta: rate_fn(beta) for beta in betas}
  while True:
    beta = refinement.next_beta(rates, max_points=max_points)
    if beta is None:
      return rates
    assert beta not in rates
    rates[beta] = rate_fn(beta)


def jumps(rates):
  return np.abs(np.diff([rates[beta] for beta in sorted(rates)]))


@pytest.mark.parametrize('rate_fn', [strong, weak])
def test_no_jump_is_left_beyond_a_twentieth_of_the_range(rate_fn):
  rates = refined(rate_fn)
  values = [*rates.values()]
  assert jumps(rates).max() <= (max(values) - min(values)) / 20
  assert set(BETAS) < set(rates)
  assert len(rates) < 40
  # The control: the ten betas alone jump further.
  assert jumps({b: rate_fn(b) for b in BETAS}).max() > np.ptp(values) / 20


def test_the_widest_jump_is_halved_first_in_log_beta():
  beta = refinement.next_beta({b: strong(b) for b in BETAS}, max_points=40)
  widest = jumps({b: strong(b) for b in BETAS}).argmax()
  assert beta == pytest.approx(
    math.sqrt(BETAS[widest] * BETAS[widest + 1]), 1e-3
  )
  assert beta == float(f'{beta:.4g}')


def test_the_most_points_are_never_exceeded():
  assert len(refined(strong, max_points=13)) == 13
  assert refined(strong, max_points=10).keys() == set(BETAS)
  assert refined(strong, max_points=0).keys() == set(BETAS)


def test_the_order_of_the_points_does_not_matter():
  rates = {b: weak(b) for b in BETAS}
  turned = dict(reversed(rates.items()))
  answers = {refinement.next_beta(r, max_points=40) for r in (rates, turned)}
  assert len(answers) == 1


def test_whoever_asks_again_gets_the_rest():
  whole, part = refined(strong), refined(strong, max_points=17)
  assert refined(strong, betas=tuple(part)) == whole
  assert refinement.next_beta(whole, max_points=40) is None


def test_a_model_that_ignores_z_gets_no_more_points():
  noise = iter(np.random.default_rng(0).uniform(0, 0.09, 10).tolist())
  assert len(refined(lambda beta: next(noise))) == 10


def test_a_step_does_not_eat_all_points():
  rates = refined(lambda beta: 8.0 if beta < 0.7 else 0.0, max_points=1000)
  near = sorted(rates, key=lambda beta: abs(math.log(beta / 0.7)))[:2]
  # What four digits tell apart.
  assert abs(near[0] - near[1]) == pytest.approx(1e-4)
  assert len(rates) < 10 + 15


def test_a_rate_that_rises_with_beta_jumps_too():
  rates = refined(lambda beta: 3 + 2 * math.sin(math.log(beta)), max_points=100)
  assert jumps(rates).max() <= 4 / 20 + 1e-9
