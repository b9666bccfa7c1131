# SPDX-License-Identifier: Apache-2.0
"""Examples in docstrings run as they stand.

A block of ```python sees its module's own names, TFP's aliases, `x` (images of
28x28) and `my_decoder`, as a reader would have them.
"""

import ast
import importlib
import pathlib
import re
import textwrap

import pytest

ROOT = pathlib.Path(__file__).parents[1]
BLOCK = re.compile(r'```python\n(.*?)```', re.DOTALL)


def examples():
  """Yields the name of what is documented, its module, and the code."""
  for path in sorted(ROOT.glob('tfp_rd/**/*.py')):
    names = path.relative_to(ROOT).with_suffix('').parts
    module = '.'.join(names).removesuffix('.__init__')
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
      if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
        for code in BLOCK.findall(ast.get_docstring(node) or ''):
          label = f'{module}.{getattr(node, "name", "__doc__")}'
          yield pytest.param(module, textwrap.dedent(code), id=label)


def namespace():
  import numpy as np
  import tensorflow as tf
  import tensorflow_probability as tfp
  import tf_keras

  import tfp_rd

  rng = np.random.default_rng(0)

  def my_decoder(z):
    logits = tf.reduce_sum(z, -1)[..., None, None, None] * tf.ones([28, 28, 1])
    return tfp.distributions.Independent(
      tfp.distributions.Bernoulli(logits=logits), 3
    )

  return {
    'np': np,
    'tf': tf,
    'tf_keras': tf_keras,
    'tfb': tfp.bijectors,
    'tfd': tfp.distributions,
    'tfp': tfp,
    'tfp_rd': tfp_rd,
    'tfpl': tfp.layers,
    'my_decoder': my_decoder,
    'x': rng.integers(2, size=[4, 28, 28, 1]).astype('float32'),
  }


@pytest.mark.parametrize(('module', 'code'), examples())
def test_an_example_runs(module, code, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  names = namespace() | vars(importlib.import_module(module))
  exec(compile(code, module, 'exec'), dict(names))


def test_there_are_examples():
  assert len(list(examples())) >= 3
