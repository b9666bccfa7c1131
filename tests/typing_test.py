# SPDX-License-Identifier: Apache-2.0
"""Editors and type checkers know the public names, and find mistakes."""

import ast
import os
import pathlib
import re
import subprocess
import sys

import pytest

import tfp_rd

ROOT = pathlib.Path(__file__).resolve().parents[1]
# Folders whose public signatures say what they take and return; `network` and
# most of `training` are what these are made of.
FOLDERS = (
  *('curve', 'dataset', 'decoder', 'encoder', 'information', 'layer'),
  *('marginal', 'measure', 'model', 'objective', 'run', 'source'),
  *('testing', 'toy'),
)
GOOD = """\
import numpy as np

import tfp_rd

digits = tfp_rd.dataset.load(tfp_rd.DataConfig('digits'))
model = tfp_rd.build(
  '-+v', image_shape=digits.image_shape, pseudo_inputs=digits.train
)
fitted = tfp_rd.fit(
  model,
  digits.train,
  objective=tfp_rd.BetaElbo(beta=0.5),
  validation=digits.validation,
  num_steps=3,
  seed=np.int64(0),
  progress=True,
)
tfp_rd.fit(model, np.zeros([9, 8, 8, 1]), objective='beta_elbo(beta=0.5)')
point = tfp_rd.evaluate(model, digits.test, num_samples=2, seed=(0, 1))
curve = tfp_rd.build('--v', image_shape=(8, 8, 1), conditional=True)
tfp_rd.evaluate(curve.at(0.5), digits.test)
chosen, beta = curve.at_rate(6.0, digits.validation)
curves = tfp_rd.load_curves('runs')
reveal_type(digits)
reveal_type(model)
reveal_type(curve)
reveal_type(fitted)
reveal_type(point)
reveal_type(beta)
reveal_type(curves[0])
reveal_type(point.rate_nats)
"""
REVEALED = [
  *('Dataset', 'LatentVariableModel', 'ConditionalModel', 'Fit', 'Point'),
  *('float', 'Curve', 'float'),
]
# A line that is wrong, and what a checker says of it.
PLANTED = {
  'tfp_rd.fit(model, digits.train, num_stepz=3)': 'num_stepz',
  'point.rate_natz': 'rate_natz',
  'tfp_rd.evaluate(model, digits.test, seed=1.5)': 'float',
  'tfp_rd.evaluate(model, digits.test, num_samples=None)': 'num_samples',
  'tfp_rd.BetaElbo(bta=0.5)': 'bta',
  "tfp_rd.build('---', shape=(8, 8, 1))": 'build',
  'tfp_rd.evalute(model, digits.test)': 'evalute',
  "tfp_rd.load_curves('runs').name": 'name',
}
# Other packages are not looked into, which would take half a minute.
SETTINGS = """\
[mypy]
ignore_missing_imports = True
follow_imports = silent
[mypy-numpy.*,matplotlib.*,scipy.*,tqdm.*,absl.*,sklearn.*]
follow_imports = skip
"""


@pytest.fixture(scope='module')
def found(tmp_path_factory):
  """What mypy says of each line of a good and of a bad program."""
  pytest.importorskip('mypy', reason='mypy is not installed')
  folder = tmp_path_factory.mktemp('typing')
  (folder / 'settings.ini').write_text(SETTINGS)
  (folder / 'good.py').write_text(GOOD)
  (folder / 'bad.py').write_text(GOOD + '\n'.join(PLANTED))
  command = [
    *(sys.executable, '-m', 'mypy', '--config-file', 'settings.ini'),
    *('--cache-dir', 'cache', 'good.py', 'bad.py'),
  ]
  done = subprocess.run(
    command,
    cwd=folder,
    env={**os.environ, 'MYPYPATH': str(ROOT)},
    capture_output=True,
    text=True,
  )
  assert done.returncode in (0, 1), done.stdout + done.stderr
  pattern = re.compile(r'^(\w+)\.py:(\d+): (\w+): (.*)$', re.MULTILINE)
  return [
    (name, int(line), kind, text)
    for name, line, kind, text in pattern.findall(done.stdout)
  ]


def test_a_good_program_has_no_error(found):
  assert not [row for row in found if row[0] == 'good' and row[2] == 'error']


def test_a_checker_knows_what_is_returned(found):
  said = [t for name, _, _, t in found if name == 'good' and 'Revealed' in t]
  types = [re.findall(r'\w+', text)[-1] for text in said]
  assert types == REVEALED


@pytest.mark.parametrize('line', PLANTED)
def test_a_planted_mistake_is_found(found, line):
  number = GOOD.count('\n') + 1 + [*PLANTED].index(line)
  errors = [t for name, n, k, t in found if (name, n, k) == ('bad', number, k)]
  assert any(PLANTED[line] in text for text in errors), errors


def signatures(tree):
  """Yields the name and the node of each public function and method."""
  for node in tree.body:
    if isinstance(node, ast.FunctionDef) and not node.name.startswith('_'):
      yield node.name, node
    elif isinstance(node, ast.ClassDef) and not node.name.startswith('_'):
      for method in node.body:
        if isinstance(method, ast.FunctionDef) and (
          not method.name.startswith('_') or method.name == '__init__'
        ):
          yield f'{node.name}.{method.name}', method


def unannotated(name, node):
  """Names of what a signature leaves open."""
  known = node.args
  arguments = [*known.posonlyargs, *known.args, *known.kwonlyargs]
  if '.' in name:
    arguments = arguments[1:]
  missing = [a.arg for a in arguments if a.annotation is None]
  if node.returns is None and node.name != '__init__':
    missing.append('return')
  return missing


@pytest.mark.parametrize('folder', FOLDERS)
def test_public_signatures_say_what_they_take(folder):
  for path in sorted((ROOT / 'tfp_rd' / folder).glob('*.py')):
    for name, node in signatures(ast.parse(path.read_text())):
      assert not unannotated(name, node), f'{path.name}: {name}'


def test_an_open_signature_would_be_found():
  ((name, node),) = signatures(ast.parse('def f(x, y: int): ...'))
  assert unannotated(name, node) == ['x', 'return']


def test_names_for_checkers_are_those_at_run_time():
  tree = ast.parse((ROOT / 'tfp_rd' / '__init__.py').read_text())
  block = next(node for node in tree.body if isinstance(node, ast.If))
  named = {alias.name for node in block.body for alias in node.names}
  assert named | {'__version__'} == set(tfp_rd.__all__)
