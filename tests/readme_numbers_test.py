# SPDX-License-Identifier: Apache-2.0
"""What the documents show runs, and prints what stands below it."""

import contextlib
import io
import pathlib
import re
import shlex

import pytest

import tfp_rd
from tfp_rd.cli import train

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / 'README.md').read_text()
KNOWN_ANSWERS = (ROOT / 'docs' / 'known_answers.md').read_text()
NUMBER = re.compile(r'\d[\d,]*(?:\.\d+)?')
PAIR = re.compile(r'([\d.]+) ± ([\d.]+)')
# How far another machine, with another order of sums, may be from what README
# says: R and D in nats, -ELBO in standard errors.
FAR_NATS, FAR_ERRORS = 1.0, 2.0


def programs():
  """Python blocks, each with the output that follows it, if any."""
  pattern = r'```python\n(.*?)```(?:\n\n```text\n(.*?)```)?'
  found = re.findall(pattern, README + KNOWN_ANSWERS, re.DOTALL)
  return [pytest.param(*pair, id=f'{n}') for n, pair in enumerate(found)]


def trainings():
  return [p for p in programs() if '.fit(' in p.values[0]]


def command():
  """The first training by a command: its words, and the output below it."""
  pattern = r'^tfp-rd train ([^\n]*)\n```\n.*?```text\n(.*?)```'
  found = re.search(pattern, README, re.DOTALL | re.MULTILINE)
  words, text = found.groups()
  return shlex.split(words), text


@pytest.fixture(scope='module')
def dry_run(tmp_path_factory):
  """A folder with the run of the command, of two steps; what it printed."""
  folder = tmp_path_factory.mktemp('readme')
  dry = ['--max_steps=2', '--fake_data', '--eval_samples=2']
  with contextlib.redirect_stdout(io.StringIO()) as printed:
    words, _ = command()
    assert train.main([*words, f'--run_root={folder / "runs"}', *dry]) == 0
  return folder, printed.getvalue()


@pytest.fixture
def folder(dry_run):
  return dry_run[0]


def execute(code, folder, monkeypatch):
  if 'import torch' in code:
    pytest.importorskip('torch', reason='torch is not installed')
  monkeypatch.chdir(folder)
  exec(compile(code, 'README.md', 'exec'), {'__name__': 'readme'})


def form(text):
  """A text without its numbers and the widths of its columns."""
  return ' '.join(NUMBER.sub('0', text).split())


@pytest.mark.parametrize(('code', 'text'), programs())
def test_a_python_block_runs(code, text, folder, monkeypatch, capsys):
  code = re.sub(r'num_steps=\d+', 'num_steps=2', code)
  code = re.sub(r'epochs=\d+', 'epochs=1', code)
  # So few steps reach no rate of choice.
  monkeypatch.setattr(
    tfp_rd.ConditionalModel, 'at_rate', lambda self, *_: (self.at(1.0), 1.0)
  )
  execute(code, folder, monkeypatch)
  if text:
    assert form(capsys.readouterr().out) == form(text)


def test_the_table_of_the_command_has_the_form_that_is_shown(dry_run):
  folder, printed = dry_run
  *table, path = printed.splitlines()
  *known_table, known_path = command()[1].splitlines()
  assert [form(row) for row in table] == [form(row) for row in known_table]
  path = pathlib.PurePath(path).relative_to(folder).as_posix()
  assert path[:-8] == known_path[:-8] == 'runs/run_-+v_beta0.5_'


def test_every_training_says_what_it_prints():
  assert len(trainings()) >= 5
  assert all(text for _, text in (p.values for p in trainings()))


def check_numbers(printed, text):
  """Compares R, D and -ELBO of each line with what README says."""
  found, said = (
    [PAIR.findall(row) for row in lines.splitlines() if PAIR.search(row)]
    for lines in (printed, text)
  )
  assert len(found) == len(said) > 0
  for row, known in zip(found, said, strict=True):
    far = FAR_NATS, FAR_NATS, FAR_ERRORS * float(known[2][1])
    for (nats, _), (known_nats, _), most in zip(row, known, far, strict=True):
      assert abs(float(nats) - float(known_nats)) < most, (row, known)


@pytest.mark.slow
@pytest.mark.parametrize(('code', 'text'), trainings())
def test_a_training_prints_what_is_shown(
  code, text, folder, monkeypatch, capsys
):
  execute(code, folder, monkeypatch)
  check_numbers(capsys.readouterr().out, text)


@pytest.mark.slow
def test_the_command_prints_what_is_shown(tmp_path, monkeypatch, capsys):
  monkeypatch.chdir(tmp_path)
  words, text = command()
  assert train.main(words) == 0
  printed = capsys.readouterr().out
  check_numbers(printed, text)
  assert printed.splitlines()[-1] == text.splitlines()[-1]


def test_another_number_would_be_found():
  said = 'R 7.38 ± 0.10  D 10.60 ± 0.24  -ELBO 17.98 ± 0.25 nats'
  check_numbers(said, said)
  for old, new in (('17.98', '31.96'), ('7.38', '8.5'), ('10.60', '9.5')):
    with pytest.raises(AssertionError):
      check_numbers(said.replace(old, new), said)
  assert form(said) != form(said.replace('nats', 'bits'))


def test_equal_images_of_digits_are_counted():
  digits = tfp_rd.dataset.load(tfp_rd.DataConfig('digits'))
  train, validation, test = (
    [image.tobytes() for image in images]
    for images in (digits.train, digits.validation, digits.test)
  )

  def common(images, others):
    return sum(image in set(others) for image in images)

  assert (
    f'{common(test, train)} of the 297 test images of `digits` equal a '
    f'training image bit for bit, and so do {common(validation, train)} of the '
    f'200 of validation; {common(test, validation)} of test equal one of '
    f'validation. Of the 1,300 training images {len(set(train)):,} differ.'
  ) in ' '.join(README.split())
