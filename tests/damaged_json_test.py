# SPDX-License-Identifier: Apache-2.0
"""Damaged measures, claims and curve files are the same or a sentence."""

import fabrication
import pytest

from tfp_rd import config, errors
from tfp_rd.curve import curve as curve_lib
from tfp_rd.curve import file as curve_file
from tfp_rd.curve.point import CurvePoint, PointValue, SplitValues
from tfp_rd.estimate import Value
from tfp_rd.run import directory, measures, sealed
from tfp_rd.training import claim

CELL = config.Config()
DIGEST = '12' * 32
SETTINGS = {'seed': [0, 3], 'num_steps': 100, 'learning_rate': 0.25}


def write_measure(folder, number):
  run = directory.create_run(folder, CELL)
  (run.path / 'measures').mkdir()
  values = (Value('mean', number, 0.5),)
  point = measures.MeasuredPoint(1.0, values, {'mass': 0.75})
  file = measures.MeasureFile('shares()', DIGEST, DIGEST, {'numpy': '2.1'})
  file.with_point(point, 1.0).write(run)
  return measures.path_of(run, 'shares()')


def write_claim(folder, number):
  claim.claim(
    folder,
    {**SETTINGS, 'batch_size': number},
    weights_sha256=DIGEST,
    resume=False,
  )
  return folder / 'fit.json'


def read_claim(path):
  # What is read is compared with this call's, and nothing else.
  claim.claim(
    path.parent,
    {**SETTINGS, 'batch_size': 3.0},
    weights_sha256=DIGEST,
    resume=False,
  )
  return 'the same training'


def write_curve(folder, number):
  values = SplitValues(PointValue(number), PointValue(9.5), PointValue(-12.5))
  point = CurvePoint(0.5, test=values)
  path = folder / 'curve.json'
  curve_file.write_curve(curve_lib.Curve('---', '', (), (point,)), path)
  return path


KINDS = {
  'measure': (write_measure, measures.MeasureFile.read),
  'claim': (write_claim, read_claim),
  'curve': (write_curve, curve_file.read_curve),
}


def believed(kind, folder):
  """Returns how many damages are read as something else, and all sentences."""
  write, read = KINDS[kind]
  path = write(folder / 'this', 3.0)
  other = write(folder / 'other', 4.0).read_bytes()
  before, num_others, sentences = read(path), 0, []
  for content in fabrication.damages(path.read_bytes(), other):
    path.write_bytes(content)
    try:
      # The file of another run is another file; only a claim is compared.
      num_others += read(path) != before and content != other
    except errors.UserError as e:
      sentences.append(str(e))
  return num_others, sentences


@pytest.mark.parametrize('kind', KINDS)
def test_a_damaged_file_is_a_sentence_or_the_same(kind, tmp_path):
  for name in ('this', 'other'):
    (tmp_path / name).mkdir()
  num_others, sentences = believed(kind, tmp_path)
  assert num_others == 0
  assert len(sentences) > fabrication.NUM_FLIPS / 2
  assert all('this' in sentence for sentence in sentences)


@pytest.mark.parametrize('kind', ['measure', 'curve'])
def test_the_digest_is_what_finds_it(kind, tmp_path, monkeypatch):
  for name in ('this', 'other'):
    (tmp_path / name).mkdir()
  # Every content has the digest that it names.
  monkeypatch.setattr(sealed, 'digest', lambda content: DIGEST)
  num_others, _ = believed(kind, tmp_path)
  assert num_others > 0
