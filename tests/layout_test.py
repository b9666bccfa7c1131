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

# Files in the longest chain of imports, those inside of functions counted.
LONGEST_CHAIN = 11
LONGEST_FILE = 250
# A straight list of records, and files that wait to be cut.
LONGER_FILES = {
  'tfp_rd/config.py',
}
PARTS = ('encoder', 'marginal', 'decoder')
HEAVY = {'tensorflow', 'tensorflow_probability', 'keras', 'tf_keras'}
# Of these folders, and of the root, every module loads without TensorFlow.
LIGHT_FOLDERS = (
  *(
    'claim',
    'cli',
    'curve',
    'information',
    'objective',
    'page',
    'report',
    'run',
  ),
  'source',
)
HEAVY_IN_ROOT = ('tfp_rd.agreement', 'tfp_rd.rate_distortion')
# What every folder may use.
ROOT_FILES = {
  *('__init__', '__main__', 'agreement', 'architecture', 'argument', 'config'),
  *('errors', 'estimate', 'field', 'point', 'rate_distortion', 'record_text'),
  'version',
}
# Which folders a folder may import: its own line, and what that line reaches.
FOLDER_ARROWS = {
  '__main__': {'cli'},
  'cli': {'claim', 'page', 'report', 'measure', 'toy', 'training', 'dataset'},
  'claim': {'report', 'dataset'},
  'page': {'report'},
  'report': {'curve', 'source'},
  'curve': {'run'},
  'run': {'architecture', 'config'},
  'toy': {'report', 'training', 'information', 'objective'},
  'measure': {'training', 'source', 'information'},
  'training': {'run', 'dataset', 'objective', 'model'},
  'layer': {'model', 'encoder', 'marginal', 'decoder'},
  'model': {'architecture', 'config', 'rate_distortion'},
  'rate_distortion': {'network'},
  'objective': {'network'},
  'dataset': {'source'},
  'config': {'dataset', 'objective', 'source'},
  'architecture': set(),
  'encoder': {'network'},
  'marginal': {'network'},
  'decoder': {'network'},
  'network': set(),
  'source': set(),
  'information': set(),
  'testing': set(),
}


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
  """What a module imports, at the top or inside of a function."""
  return frozenset(imported(at_run_time(parse(MODULES[module])))) - {module}


def at_run_time(tree):
  """Yields a module's nodes but for what type checkers alone read."""
  for node in ast.iter_child_nodes(tree):
    is_for_checkers = (
      isinstance(node, ast.If)
      and isinstance(node.test, ast.Name)
      and node.test.id == 'TYPE_CHECKING'
    )
    if not is_for_checkers:
      yield node
      yield from at_run_time(node)


def folder(module):
  """The folder of a module; one of the root is a folder of its own."""
  return [*module.split('.'), 'tfp_rd'][1]


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
  assert len(chain) <= LONGEST_CHAIN, ' -> '.join(chain)


def test_the_root_holds_what_every_folder_may_use():
  found = {p.stem for p in (ROOT / 'tfp_rd').glob('*.py')}
  assert found == ROOT_FILES


def reach(name):
  """All that a folder may import, by way of others too."""
  direct = FOLDER_ARROWS.get(name, set())
  return direct.union(*map(reach, direct)) if direct else set()


@pytest.mark.parametrize('module', MODULES)
def test_arrows_between_folders_point_one_way(module):
  if folder(module) not in FOLDER_ARROWS:
    return  # A record of the root; records know no folder.
  allowed = reach(folder(module)) | {folder(module)}
  for other in arrows(module):
    if folder(other) in FOLDER_ARROWS:
      assert folder(other) in allowed, f'{module} imports {other}'


def test_records_of_the_root_import_no_folder():
  for name in ROOT_FILES - FOLDER_ARROWS.keys() - {'__init__'}:
    outside = {folder(m) for m in arrows(f'tfp_rd.{name}')} - ROOT_FILES
    assert outside <= {'tfp_rd'}, f'{name} imports {outside}'


def test_an_import_inside_of_a_function_counts():
  tree = ast.parse('def f():\n  from tfp_rd import errors')
  assert set(imported(at_run_time(tree))) == {'tfp_rd.errors'}


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


def light_modules():
  """Modules that promise to load without TensorFlow."""
  for module, path in MODULES.items():
    is_in_root = module.count('.') <= 1 and path.parent.name == 'tfp_rd'
    if module in HEAVY_IN_ROOT:
      continue
    promises = 'No TensorFlow' in ast.get_docstring(parse(path))
    if is_in_root or folder(module) in LIGHT_FOLDERS or promises:
      yield module


def test_light_folders_load_without_tensorflow():
  light = [*light_modules()]
  assert 'tfp_rd.report.report' in light
  assert 'tfp_rd.config' in light
  code = (
    f'import importlib, sys\n'
    f'for name in {light}: importlib.import_module(name)\n'
    f'print(sorted({HEAVY} & set(sys.modules)))'
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
