# SPDX-License-Identifier: Apache-2.0
"""Notebooks run from end to end, with few steps, and store nothing."""

import json
import pathlib
import re

import pytest

NOTEBOOKS = sorted(
  (pathlib.Path(__file__).parents[1] / 'colabs').glob('*.ipynb')
)


def cells(notebook, kind='code'):
  content = json.loads(notebook.read_text(encoding='utf-8'))
  return [cell for cell in content['cells'] if cell['cell_type'] == kind]


def execute(notebook, *, num_steps=None):
  """Executes all cells but the installation; returns their namespace."""
  sources = [
    ''.join(cell['source'])
    for cell in cells(notebook)
    if 'install' not in cell['metadata'].get('tags', ())
  ]
  text, count = re.subn(
    r'^NUM_STEPS = \d+$',
    f'NUM_STEPS = {num_steps}',
    '\n'.join(sources),
    flags=re.MULTILINE,
  )
  assert count == (num_steps is not None), 'one cell sets NUM_STEPS'
  namespace = {'__name__': notebook.stem}
  exec(compile(text, notebook.name, 'exec'), namespace)
  return namespace


def test_there_are_notebooks():
  assert NOTEBOOKS


@pytest.mark.parametrize('notebook', NOTEBOOKS, ids=lambda path: path.stem)
def test_no_output_is_stored(notebook):
  for cell in cells(notebook):
    assert not cell['outputs']
    assert cell['execution_count'] is None


@pytest.mark.parametrize('notebook', NOTEBOOKS, ids=lambda path: path.stem)
def test_the_first_cell_installs_a_clone_or_says_what_to_do(
  notebook, tmp_path, monkeypatch
):
  (cell,) = [
    ''.join(cell['source'])
    for cell in cells(notebook)
    if 'install' in cell['metadata'].get('tags', ())
  ]
  assert re.search(r'^  %pip install --quiet \{PACKAGE\}$', cell, re.MULTILINE)
  code = re.sub('%pip .*', 'installed.append(PACKAGE)', cell)
  (tmp_path / 'colabs').mkdir()
  monkeypatch.chdir(tmp_path / 'colabs')
  installed = []
  exec(code, {'installed': installed})  # The package is there.
  assert not installed
  monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
  with pytest.raises(FileNotFoundError, match='no clone .* set PACKAGE'):
    exec(code, {'installed': installed})
  (tmp_path / 'setup.py').touch()
  exec(code, {'installed': installed})
  assert installed == ['..']


@pytest.mark.parametrize('notebook', NOTEBOOKS, ids=lambda path: path.stem)
def test_every_training_of_a_notebook_has_a_bar(notebook):
  for cell in cells(notebook):
    source = ''.join(cell['source'])
    assert source.count('tfp_rd.fit(') == source.count('progress=True')


def named(start):
  return next(n for n in NOTEBOOKS if n.stem.startswith(start))


@pytest.mark.slow
def test_ten_minutes_to_a_plane(monkeypatch, capsys):
  monkeypatch.setenv('MPLBACKEND', 'agg')
  namespace = execute(named('ten_minutes'), num_steps=2)
  assert len(namespace['models']) == 4
  drawn = {line.get_label() for line in namespace['ax'].get_lines()}
  assert {'---', '-++', 'Pareto staircase'} <= drawn
  printed = capsys.readouterr().out.splitlines()
  assert [line.split('  ')[:2] for line in printed] == [
    [name, f'beta {beta}'] for name in ('---', '-++') for beta in (0.3, 1.0)
  ]
  assert all('-ELBO' in line for line in printed)


@pytest.mark.slow
def test_the_parts_in_your_own_model(monkeypatch, capsys):
  monkeypatch.setenv('MPLBACKEND', 'agg')
  namespace = execute(named('the_parts'), num_steps=2)
  printed = capsys.readouterr().out
  assert 'nan' not in printed
  measured = re.findall(r'^(.*?) +R .* D .* D \+ R', printed, re.MULTILINE)
  assert measured == [
    'normal columns',
    'counts',
    'answers',
    'hierarchy',
    'RealNVP',
  ]
  assert abs(namespace['floor'] + 2.58) < 0.01
  assert namespace['images'].shape == (10, 8, 8, 1)


@pytest.mark.slow
def test_worlds_with_known_answers(monkeypatch, capsys):
  monkeypatch.setenv('MPLBACKEND', 'agg')
  namespace = execute(named('worlds'), num_steps=2)
  printed = capsys.readouterr().out
  assert 'nan' not in printed
  assert len(namespace['columns'].axes) == 15
  assert namespace['columns']._repr_png_().startswith(b'\x89PNG')
  assert re.findall(r'^(\S+)  R .* D \+ R - H', printed, re.MULTILINE) == [
    *('---', '--v', '-+-'),
  ]
  # What is exact does not depend on training.
  truth, estimate = namespace['truth'], namespace['estimate']
  for name in ('rate', 'distortion'):
    error = 5 * getattr(estimate, f'{name}_stderr_nats')
    exact = getattr(truth, f'{name}_nats')
    assert abs(getattr(estimate, f'{name}_nats') - exact) < error
  floor = namespace['floor']
  assert (floor.upper_nats - floor.lower_nats < 1e-3).all()
  assert abs(namespace['H'] - 5.9325) < 1e-4
  for lost, best in namespace['shares'].values():
    total = lost.marginal.nats + lost.decoder.nats
    assert abs(total - lost.excess.nats) < 1e-9
    assert abs(best.marginal_mass - 1) < 0.01


@pytest.mark.slow
def test_the_papers_claims(monkeypatch, capsys):
  monkeypatch.setenv('MPLBACKEND', 'agg')
  monkeypatch.chdir(NOTEBOOKS[0].parent)
  namespace = execute(named('the_papers_claims'))
  printed = capsys.readouterr().out
  document = (NOTEBOOKS[0].parents[1] / 'docs' / 'claims.md').read_text()
  for claim, verdict in namespace['judged']:
    statement = claim.statement.replace('|', '\\|')
    row = f'| [{claim.number}](#claim-{claim.number}) | {statement} |'
    assert f'{row} {verdict.status} |' in document
    assert f'{claim.number:2}  {verdict.status}' in printed
  assert '## Claim 5' in printed
  assert printed.count('least D at R <= ') == 4
  for name in ('figure', 'sheet'):
    assert namespace[name].axes
