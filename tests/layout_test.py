# SPDX-License-Identifier: Apache-2.0
"""The plan of the house, read from the files themselves."""

import ast
import functools
import pathlib
import re
import subprocess
import sys

import pytest

import tfp_rd

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = sorted(ROOT.glob('tfp_rd/**/*.py'))
BENCHMARKS = sorted(ROOT.glob('benchmarks/**/*.py'))
TESTS = sorted(ROOT.glob('tests/**/*.py'))

# Arrows from module to module in the longest chain, which ends at `errors`.
LONGEST_CHAIN = 10
LONGEST_FILE = 250
# A straight list of records, and files that wait to be cut.
LONGER_FILES = {
  'tfp_rd/config.py',
  'tfp_rd/dataset/images.py',
}
PARTS = ('encoder', 'marginal', 'decoder')
NO_TENSORFLOW = (
  'tfp_rd.architecture',
  'tfp_rd.atomic_file',
  'tfp_rd.bounds',
  'tfp_rd.call',
  'tfp_rd.cli.__main__',
  'tfp_rd.cli.evaluate',
  'tfp_rd.cli.grid',
  'tfp_rd.cli.report',
  'tfp_rd.cli.sample',
  'tfp_rd.cli.shares',
  'tfp_rd.cli.toy',
  'tfp_rd.cli.train',
  'tfp_rd.compare',
  'tfp_rd.compare_table',
  'tfp_rd.config',
  'tfp_rd.curve',
  'tfp_rd.curve_file',
  'tfp_rd.dataset',
  'tfp_rd.diagonal',
  'tfp_rd.errors',
  'tfp_rd.estimate',
  'tfp_rd.field',
  'tfp_rd.frontier',
  'tfp_rd.grid',
  'tfp_rd.information',
  'tfp_rd.metrics',
  'tfp_rd.objective',
  'tfp_rd.one_run',
  'tfp_rd.pending',
  'tfp_rd.plot',
  'tfp_rd.point',
  'tfp_rd.preset',
  'tfp_rd.rate_search',
  'tfp_rd.report',
  'tfp_rd.report_table',
  'tfp_rd.result_row',
  'tfp_rd.run',
  'tfp_rd.shares',
  'tfp_rd.source',
  'tfp_rd.style',
  'tfp_rd.truth',
  'tfp_rd.toy.figure',
  'tfp_rd.toy.floors',
  'tfp_rd.toy.world',
)


def relative(path):
  return path.relative_to(ROOT).as_posix()


def module_name(path):
  parts = path.relative_to(ROOT).with_suffix('').parts
  return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


MODULES = {module_name(path): path for path in PACKAGE}


@functools.cache
def parse(path):
  return ast.parse(path.read_text(encoding='utf-8'))


def imported(nodes):
  """Modules of the package that import statements among `nodes` name."""
  for node in nodes:
    if isinstance(node, ast.Import):
      names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
      names = [f'{node.module}.{alias.name}' for alias in node.names]
      names = [n if n in MODULES else node.module for n in names]
    else:
      continue
    yield from (name for name in names if name in MODULES)


@functools.cache
def arrows(module):
  """What a module imports when it is imported itself."""
  return frozenset(imported(parse(MODULES[module]).body)) - {module}


def longest_chain(graph):
  """Modules of a longest chain of arrows; raises if there is a circle."""

  @functools.cache
  def below(module):
    return max(
      ([module, *below(m)] for m in graph[module]), key=len, default=[module]
    )

  try:
    return max(map(below, graph), key=len)
  except RecursionError:
    raise AssertionError('the imports have a circle') from None


def build_file():
  """Sources and dependencies of each target in BUILD, and the tests."""
  targets, tests = {}, []
  for node in ast.walk(ast.parse((ROOT / 'BUILD').read_text())):
    if isinstance(node, ast.ListComp):
      tests = ast.literal_eval(node.generators[0].iter)
    elif isinstance(node, ast.Call) and node.func.id == 'py_library':
      fields = {k.arg: ast.literal_eval(k.value) for k in node.keywords}
      targets[fields['name']] = (
        fields['srcs'],
        [dep.removeprefix(':') for dep in fields.get('deps', ())],
      )
  return targets, tests


def test_build_lists_every_file_once():
  targets, tests = build_file()
  listed = [source for sources, _ in targets.values() for source in sources]
  listed += [f'tests/{name}.py' for name in tests]
  files = {relative(path) for path in PACKAGE + BENCHMARKS + TESTS}
  assert set(listed) == files
  assert len(listed) == len(files)


def test_build_declares_every_import():
  targets, _ = build_file()

  def reach(name):
    sources, dependencies = targets[name]
    return set(sources).union(*map(reach, dependencies))

  for name, (sources, _) in targets.items():
    for source in sources:
      needed = imported(parse(ROOT / source).body)
      missing = {relative(MODULES[m]) for m in needed} - reach(name)
      assert not missing, f'{source} of :{name} imports {missing}'


@pytest.mark.parametrize('path', PACKAGE + BENCHMARKS + TESTS, ids=relative)
def test_a_file_says_its_licence_and_its_idea(path):
  assert path.read_text().startswith('# SPDX-License-Identifier: Apache-2.0\n')
  assert ast.get_docstring(parse(path)), 'no docstring'


@pytest.mark.parametrize('path', PACKAGE + BENCHMARKS, ids=relative)
def test_a_module_says_what_it_offers(path):
  _, *rest = parse(path).body
  names = {node.id for node in ast.walk(parse(path)) if is_assigned(node)}
  assert not rest or '__all__' in names  # A docstring alone offers nothing.


def is_assigned(node):
  return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def test_a_module_is_named_by_a_noun():
  vague = {'utils', 'util', 'helpers', 'common', 'base', 'misc'}
  assert not vague & {path.stem for path in PACKAGE + BENCHMARKS + TESTS}


def test_files_are_short():
  long = {
    relative(path)
    for path in PACKAGE + BENCHMARKS
    if len(path.read_text().splitlines()) > LONGEST_FILE
  }
  assert long == LONGER_FILES


def test_imports_point_down():
  graph = {module: arrows(module) for module in MODULES}
  chain = longest_chain(graph)
  assert len(chain) == LONGEST_CHAIN, ' -> '.join(chain)


def test_a_circle_would_be_found():
  with pytest.raises(AssertionError, match='circle'):
    longest_chain({'a': ['b'], 'b': ['a']})


@pytest.mark.parametrize('part', [*PARTS, 'network'])
def test_parts_know_nothing_of_the_core(part):
  homes = (f'tfp_rd.{part}', 'tfp_rd.network')
  for module in MODULES:
    if module.startswith(f'tfp_rd.{part}'):
      everything = set(imported(ast.walk(parse(MODULES[module]))))
      outside = {m for m in everything if not m.startswith(homes)}
      assert not outside, f'{module} imports {outside}'


def test_what_claims_to_need_no_tensorflow_is_listed():
  claims = {
    module
    for module, path in MODULES.items()
    if 'No TensorFlow' in ast.get_docstring(parse(path))
  }
  assert claims
  assert claims <= set(NO_TENSORFLOW)


def test_reports_and_programs_load_without_tensorflow():
  heavy = {'tensorflow', 'tensorflow_probability', 'keras', 'tf_keras'}
  code = (
    f'import importlib, sys\n'
    f'for name in {NO_TENSORFLOW}: importlib.import_module(name)\n'
    f'print(sorted({heavy} & set(sys.modules)))'
  )
  done = subprocess.run(
    [sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True
  )
  assert done.stdout.strip() == '[]', done.stdout + done.stderr


def test_every_public_name_is_there():
  missing = [name for name in tfp_rd.__all__ if not hasattr(tfp_rd, name)]
  assert not missing


def test_the_version_is_one():
  version = tfp_rd.__version__
  assert f'version = "{version}"' in (ROOT / 'MODULE.bazel').read_text()
  assert f'## [{version}]' in (ROOT / 'CHANGELOG.md').read_text()


def test_no_file_names_a_place_on_somebodys_machine():
  place = re.compile(r'(?<![\w.:/~$)}-])/(home|root|work|tmp|opt|mnt|srv)\b')
  documents = [*ROOT.glob('*.md'), *ROOT.glob('colabs/*.ipynb')]
  plain = [ROOT / name for name in ('BUILD', 'Makefile', 'setup.py')]
  for path in (*PACKAGE, *BENCHMARKS, *TESTS, *documents, *plain):
    found = place.search(path.read_text(encoding='utf-8'))
    assert not found, f'{relative(path)}: {found}'
