# SPDX-License-Identifier: Apache-2.0
"""Contract of parts: eager, graph and XLA agree."""

import numpy as np
import pytest
import tensorflow as tf
from contract import CASES, CHOICES, CONDITIONAL, inputs_of, make, numbers
from part_cases import PARTS


@pytest.mark.parametrize(('name', 'condition_size'), CHOICES)
def test_eager_graph_and_xla_agree(name, condition_size):
  # A batch of the latent's width is among them: there a gate after a dense
  # layer was once folded into the layer's weights.
  options = {'dtype': 'float64', 'condition_size': condition_size}
  module = make(name, **options)

  def run(*inputs, **condition):
    return numbers(name, CASES[name].call(module, *inputs, **condition))

  has_most_variables = condition_size or name not in CONDITIONAL
  for size, jit_compile in ((1, False), (3, False), (3, True)):
    if jit_compile and not has_most_variables:
      continue  # Compilation is slow, and the other choice does more.
    inputs, condition = inputs_of(name, (size,), **options)
    compiled = tf.function(run, autograph=False, jit_compile=jit_compile)
    eager, others = run(*inputs, **condition), compiled(*inputs, **condition)
    for one, other in zip(eager, others, strict=True):
      np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize('name', PARTS)
def test_samples_of_a_graph_are_the_eager_ones_and_xla_has_some(name):
  case = PARTS[name]
  module = make(name)
  inputs, _ = inputs_of(name, (2,))

  def sample(*inputs):
    return case.call(module, *inputs).sample(3, seed=tf.constant([0, 1]))

  eager = sample(*inputs)
  graph, xla = (
    tf.function(sample, autograph=False, jit_compile=jit_compile)
    for jit_compile in (False, True)
  )
  np.testing.assert_allclose(graph(*inputs), eager, atol=1e-5)
  # TFP's normals are others under XLA; these follow from the seed as well.
  x = xla(*inputs)
  assert x.shape == eager.shape
  assert np.isfinite(case.call(module, *inputs).log_prob(x)).all()
  np.testing.assert_array_equal(x, xla(*inputs))
