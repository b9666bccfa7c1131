# SPDX-License-Identifier: Apache-2.0
"""One contract for every public part; a part that is missing fails.

A part returns a distribution, a map returns tensors, a rate adds a loss.  Each
has one entry, in `part_cases` or `map_cases`, that says how it is made and
called, and goes through all tests of its kind: those of shapes, of graphs, of
weights and of rates.
"""

import ast
import importlib
import inspect
import itertools
import pathlib
import pkgutil

import pytest
import tensorflow as tf
from contract import CASES
from map_cases import RATES
from part_cases import PARTS

import tfp_rd
from tfp_rd import architecture

ALL = [str(a) for a in architecture.PAPER]
PACKAGES = [
  f'tfp_rd.{name}'
  for name in ('encoder', 'marginal', 'decoder', 'network', 'layer')
]


# What is none of these, and the test that proves it.
ELSEWHERE = {
  'layer.distortion': 'layer_test',
  'network.log_sum_chunks': 'vamp_chunks_test',
  'network.mixture': 'mixture_test',
  'network.batch': 'batch_test',
  'network.causal_pixels': 'causal_sampler_test',
  'network.causal_sampler': 'causal_sampler_test',
  'network.initial': 'initial_test',
  'network.own_losses': 'own_losses_test',
  'network.precision': 'precision_test',
  'network.masked_solver': 'masked_test',
  'network.degree_stages': 'masked_test',
}


COVERED = [*CASES, *RATES, *ELSEWHERE]


def public_names():
  """Returns what the packages offer: every class that holds weights.

  A module without one stands for its functions under its own name; a package
  that says itself what it offers is taken at its word.
  """
  names = set()
  for package in map(importlib.import_module, PACKAGES):
    modules = [
      importlib.import_module(info.name)
      for info in pkgutil.iter_modules(package.__path__, f'{package.__name__}.')
    ]
    if hasattr(package, '__all__'):
      names |= {f'{package.__name__}.{member}' for member in package.__all__}
    else:
      names |= set().union(*map(names_of, modules))
  return {name.removeprefix('tfp_rd.') for name in names}


def names_of(module):
  members = {member: getattr(module, member) for member in module.__all__}
  classes = {
    f'{module.__name__}.{name}'
    for name, member in members.items()
    if inspect.isclass(member) and issubclass(member, tf.Module)
  }
  return classes or {module.__name__}


def assert_complete(covered):
  missing = sorted(public_names() - {name.split(' ')[0] for name in covered})
  assert not missing, (
    f'{missing} went through no contract; give each an entry in PARTS (it '
    'returns a distribution), MAPS (it returns tensors) or RATES (it adds a '
    'loss), or in ELSEWHERE with the test that proves it.'
  )


def test_every_public_part_is_in_the_contract():
  assert_complete(COVERED)
  assert {n.split(' ')[0] for n in COVERED} == public_names()


@pytest.mark.parametrize('name', COVERED)
def test_a_part_that_is_missing_is_named(name):
  short = name.split(' ')[0]
  others = [n for n in COVERED if n.split(' ')[0] != short]
  with pytest.raises(AssertionError, match=short):
    assert_complete(others)


def uses(source, name):
  """Whether code takes an attribute of what it imported, and that is `name`.

  If `name` is that of a module, any attribute of the module will do.
  """
  imported, taken = {}, set()
  for node in ast.walk(ast.parse(source)):
    if isinstance(node, ast.ImportFrom):
      imported |= {a.name: f'{node.module}.{a.name}' for a in node.names}
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
      taken.add((node.value.id, node.attr))
  found = {f'{imported[a]}.{b}.' for a, b in taken if a in imported}
  return any(attribute.startswith(f'{name}.') for attribute in found)


@pytest.mark.parametrize('name', ELSEWHERE)
def test_what_is_proved_elsewhere_is_used_there(name):
  test = pathlib.Path(__file__).with_name(f'{ELSEWHERE[name]}.py')
  assert uses(test.read_text(encoding='utf-8'), f'tfp_rd.{name}')


@pytest.mark.parametrize(
  ('source', 'is_use'),
  [
    ('from a.b import c\nc.f()', True),
    ('from a import b\nb.c(1)', True),
    ('from a.b import c', False),
    ('from a.b import d\nd.c()', False),
    ('from a import b\nb.cd()', False),
    ('"""Proves a.b.c."""  # c.f()', False),
  ],
)
def test_a_word_is_no_use(source, is_use):
  assert uses(source, 'a.b.c') == is_use


def test_every_part_of_the_table_of_signs_is_covered():
  modules = {f'tfp_rd.{name.rsplit(".", 1)[0]}' for name in PARTS}
  for signs in architecture.SIGNS.values():
    assert {each.module for each in signs} <= modules
  letters = [
    [each.letter for each in signs] for signs in architecture.SIGNS.values()
  ]
  assert set(ALL) <= set(map(''.join, itertools.product(*letters)))


@pytest.mark.parametrize('signs', ['+-', '-v-', 'v--', '', '-+vv', '***'])
def test_what_is_no_architecture_is_refused(signs):
  with pytest.raises(tfp_rd.UserError, match='encoder'):
    architecture.parse(signs)
