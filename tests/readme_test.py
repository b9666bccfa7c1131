# SPDX-License-Identifier: Apache-2.0
"""What the documents say can be typed, and their links lead somewhere."""

import pathlib
import re
import shlex

import pytest
from absl import flags

from tfp_rd.cli import __main__ as dispatcher
from tfp_rd.cli import claims, evaluate, grid, report, sample, toy, train
from tfp_rd.run import preset

ROOT = pathlib.Path(__file__).parents[1]
DOCUMENTS = [
  ROOT / 'README.md',
  ROOT / 'CONTRIBUTING.md',
  ROOT / 'docs' / 'known_answers.md',
  ROOT / 'docs' / 'one_run_curves.md',
]
PROGRAMS = {
  'claims': claims,
  'evaluate': evaluate,
  'grid': grid,
  'report': report,
  'sample': sample,
  'toy': toy,
  'train': train,
}


def blocks(language):
  """Code blocks of all documents, named by document and number."""
  return [
    pytest.param(text, id=f'{document.stem}-{number}')
    for document in DOCUMENTS
    for number, text in enumerate(
      re.findall(rf'```{language}\n(.*?)```', document.read_text(), re.DOTALL)
    )
  ]


def commands():
  """Shell lines of all documents, as lists of words without comments."""
  return [
    shlex.split(line, comments=True)
    for block in blocks('sh')
    for line in block.values[0].splitlines()
  ]


def defined_flags(program):
  values = flags.FlagValues()
  values.set_gnu_getopt(True)
  PROGRAMS[program]._define(values)
  return values


def test_the_documents_show_commands():
  assert len(commands()) >= 10


@pytest.mark.parametrize('words', commands(), ids=' '.join)
def test_a_command_can_be_typed(words):
  tool, name, *rest = words
  if tool == 'tfp-rd':
    check_program(name, rest)
  elif tool == 'make':
    assert f'\n{name}:' in (ROOT / 'Makefile').read_text()
  elif tool == 'tensorboard':
    assert words == ['tensorboard', '--logdir=runs']
  else:
    assert words in (['pip', 'install', '.'], ['pip', 'install', '.[gpu]'])


def check_program(name, rest):
  if name == '--help':
    assert dispatcher.main([name]) == 0
  else:
    defined_flags(name)([name, *rest])


def test_a_mistyped_command_would_be_found():
  with pytest.raises(flags.Error):
    check_program('grid', ['--bettas=1'])


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.stem)
def test_a_flag_in_a_sentence_exists(document):
  known = {'help'}.union(*(defined_flags(program) for program in PROGRAMS))
  for code in re.findall(r'`([^`\n]+)`', document.read_text()):
    if re.fullmatch('[-+]{2}[-+v]', code):  # A family.
      continue
    assert set(re.findall(r'(?<!\S)--(\w+)', code)) <= known, code


@pytest.mark.parametrize('program', PROGRAMS)
def test_help_names_no_document_that_an_installation_lacks(program, capsys):
  assert dispatcher.main([program, '--help']) == 0
  assert 'docs/' not in capsys.readouterr().out


def test_the_programs_are_those_of_the_dispatcher():
  assert set(PROGRAMS) == set(dispatcher._COMMANDS)


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.stem)
def test_a_link_leads_somewhere(document):
  for target in re.findall(r'\]\(([^)]+)\)', document.read_text()):
    assert (
      target.startswith('https://') or (document.parent / target).exists()
    ), target


def test_documents_have_the_steps_of_the_plane():
  changes = preset.PRESETS['plane'].curve_changes
  steps = [f'{changes[sign].num_steps:,}' for sign in '-+']
  manual = grid._MANUAL
  document = (ROOT / 'docs' / 'one_run_curves.md').read_text()
  assert f'{steps[0]} and {steps[1]} steps' in manual
  assert f'{steps[0]} steps on digits, {steps[1]} with strong' in document
  assert f'{steps[0]} or {steps[1]} steps' in (ROOT / 'README.md').read_text()


def test_the_continuous_integration_runs_what_the_readme_says():
  script = (ROOT / '.ci' / 'run').read_text()
  targets = re.search(r'^make (.+)$', script, re.MULTILINE).group(1).split()
  documented = ' '.join(path.read_text() for path in DOCUMENTS)
  assert all(f'make {target}' in documented for target in targets)
