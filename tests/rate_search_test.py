# SPDX-License-Identifier: Apache-2.0
"""A beta of a given rate is found, or a sentence says why there is none."""

import math

import numpy as np
import pytest

import tfp_rd
from tfp_rd.model import rate_search

RANGE = (0.05, 10.0)


def falling(beta):
  return 10.0 - 3.0 * math.log(beta)


def find(rate_fn, rate_nats, tolerance_nats=1e-3):
  return rate_search.find_beta(
    rate_fn, rate_nats, beta_range=RANGE, tolerance_nats=tolerance_nats
  )


@pytest.mark.parametrize('beta', [0.05, 0.06, 0.7, 1.0, 9.9, 10.0])
def test_the_beta_of_a_rate_is_found(beta):
  assert find(falling, falling(beta)) == pytest.approx(beta, rel=1e-3)


def test_no_more_evaluations_than_are_told():
  seen = []
  find(lambda beta: seen.append(beta) or falling(beta), 11.3)
  assert len(seen) <= 9 + 20
  assert RANGE[0] <= min(seen)
  assert max(seen) <= RANGE[1]


@pytest.mark.parametrize('rate_nats', [0.1, 50.0])
def test_a_rate_out_of_reach_names_the_rates_there_are(rate_nats):
  with pytest.raises(tfp_rd.UserError, match=r'from 3\.09 to 18\.99 nats'):
    find(falling, rate_nats)


def test_a_jump_is_told():
  step = lambda beta: 8.0 if beta < 0.7 else 0.0  # noqa: E731
  with pytest.raises(tfp_rd.UserError, match=r'jumps from 8\.00 to 0\.00'):
    find(step, 4.0)


def test_a_rate_that_rises_is_warned_of_and_the_least_beta_found():
  wave = lambda beta: 5.0 + math.cos(2.0 * math.log(beta))  # noqa: E731
  with pytest.warns(UserWarning, match='does not fall with beta'):
    beta = find(wave, 5.0)
  assert wave(beta) == pytest.approx(5.0, abs=1e-3)
  roots = np.exp((np.pi / 2 + np.pi * np.arange(-3, 3)) / 2)
  assert beta == pytest.approx(roots[roots > RANGE[0]][0], rel=1e-2)


def test_of_two_scanned_betas_that_are_near_the_least_is_taken():
  def wave(beta):
    part = math.log(beta / 0.05) / math.log(200)
    return 5.0 + math.cos(4 * math.pi * part)

  with pytest.warns(UserWarning, match='does not fall'):
    assert find(wave, 4.0) == pytest.approx(0.05 * 200 ** (2 / 8))
