# SPDX-License-Identifier: Apache-2.0
"""Seeds: all different, and the same in a graph, under XLA and eagerly."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_rd.network import initial

SEEDS = [(0, 0), (0, 7), (3, -1), (-5, -7), (2**31 - 1, -(2**31))]


@pytest.mark.parametrize('seed', SEEDS)
@pytest.mark.parametrize(
  'function',
  [
    lambda seed: tf.stack(initial.split(seed, 3)),
    lambda seed: initial.fold_in(seed, -2),
    lambda seed: initial.fold_in(seed, tf.constant(5, tf.int64)),
    lambda seed: initial.uniform([2, 9], seed=seed),
    lambda seed: initial.uniform([7], seed=seed, dtype='float64'),
  ],
)
def test_eager_graph_and_xla_draw_the_same(function, seed):
  seed = tf.constant(seed)
  eager = function(seed)
  for jit_compile in (False, True):
    compiled = tf.function(function, autograph=False, jit_compile=jit_compile)
    np.testing.assert_array_equal(compiled(seed), eager)


def test_a_sample_without_a_seed_differs_and_an_integer_repeats():
  once, again = (initial.sampling_seed(None).numpy() for _ in range(2))
  assert tuple(once) != tuple(again)
  for _ in range(2):
    np.testing.assert_array_equal(initial.sampling_seed(3), [0, 3])


def test_no_two_seeds_are_alike():
  seeds = [initial.fold_in((0, s), n) for s in range(20) for n in range(-2, 20)]
  seeds += [p for s in range(20) for p in initial.split((0, s), 5)]
  assert len({tuple(s.numpy()) for s in seeds}) == len(seeds)


def test_uniforms_are_uniform_and_those_of_other_seeds_independent():
  one, two = (
    initial.uniform([20_000], seed=initial.fold_in((0, 0), n)).numpy()
    for n in (0, 1)
  )
  for values in (one, two):
    assert abs(values.mean() - 0.5) < 5 / np.sqrt(12 * 20_000)
    assert abs(values.var() - 1 / 12) < 0.003
  assert abs(np.corrcoef(one, two)[0, 1]) < 5 / np.sqrt(20_000)


def test_an_integer_is_a_pair_with_zero():
  np.testing.assert_array_equal(initial.as_seed(3), [0, 3])
  with pytest.raises(ValueError, match='32 bits'):
    initial.as_seed(2**31)


def test_weights_have_the_variance_that_is_said():
  kernel = initial.normal([5, 4, 300], seed=(0, 1), gain=2.0, name='kernel')
  assert kernel.numpy().var() == pytest.approx(2.0 / 20, rel=0.05)
