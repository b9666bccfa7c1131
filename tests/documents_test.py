# SPDX-License-Identifier: Apache-2.0
"""Figures and tables of the documents are those of the results."""

import pathlib
import re
import shutil

import matplotlib.image
import numpy as np
import pytest

import tfp_rd
from benchmarks import documents
from tfp_rd import errors
from tfp_rd.curve import collection
from tfp_rd.report import report

DOCS = pathlib.Path(__file__).resolve().parents[1] / 'docs'
# Matplotlib's version; another one may place texts elsewhere, and then this
# share of pixels may differ by a fifth of the scale.
DRAWN_WITH = '3.11.2'
FAR = 0.01


def share_that_differs(one, other):
  images = [matplotlib.image.imread(file) for file in (one, other)]
  if images[0].shape != images[1].shape:
    return 1.0
  return (np.abs(images[0] - images[1]).max(axis=-1) > 0.2).mean()


@pytest.fixture(scope='module')
def drawn(tmp_path_factory):
  folder = tmp_path_factory.mktemp('documents')
  documents.write(folder)
  return folder


@pytest.mark.parametrize('name', documents.FIGURES)
def test_a_figure_is_drawn_from_the_results(name, drawn):
  far = 0 if matplotlib.__version__ == DRAWN_WITH else FAR
  assert share_that_differs(DOCS / name, drawn / name) <= far


def test_a_figure_without_one_of_the_curves_is_another(tmp_path):
  root = tmp_path / 'runs'
  shutil.copytree(documents.ROOT / 'results' / 'binarized_mnist', root)
  (one,) = root.glob('run_--+_multi_rate_*')
  shutil.rmtree(one)
  report.write_report(root, tmp_path / 'report')
  less = tmp_path / 'report' / 'rd_plane_separate.png'
  assert share_that_differs(DOCS / 'mnist_plane.png', less) > 0


@pytest.mark.parametrize('name', ['mnist.md', 'claims.md'])
def test_tables_are_those_of_the_results(name, drawn):
  assert (drawn / name).read_text() == (DOCS / name).read_text()


def test_every_figure_is_shown():
  texts = [file.read_text() for file in DOCS.glob('*.md')]
  for name in documents.FIGURES:
    assert any(f']({name})' in text for text in texts), name


def test_the_numbers_of_the_gallery_are_those_of_the_results():
  curves = collection.load_curves(documents.ROOT / 'results/binarized_mnist')
  points = {
    (curve.name, point.is_one_run, point.beta): point.test
    for curve in curves
    for point in curve.points
  }
  text = (documents.ROOT / 'README.md').read_text()
  gallery = re.search(r'## Gallery\n(.*?)\n## ', text, re.DOTALL)[1]
  gallery = ' '.join(gallery.split())
  low, high = (points['-+-', True, beta] for beta in (0.05, 3))
  alone, keeps = points['-+v', False, 1], points['-+-', True, 0.55]
  said = [
    f'`-+-` goes from R = {low.rate.nats:.2f} at beta 0.05 to R = '
    f'{high.rate.nats:.2f} at beta 3',
    f'`-+v` has -ELBO = {-alone.elbo.nats:.2f} nats and R = '
    f'{alone.rate.nats:.2f}:',
    f'the model at beta 0.55 has R = {keeps.rate.nats:.2f}, of which its '
    f'decoder makes use, and -ELBO = {-keeps.elbo.nats:.2f}.',
  ]
  for rate_nats, phrase in (
    (20, 'at 20 nats `{}`, with a PixelCNN, has the least distortion, D = {}'),
    (30, 'at 30 nats `{}`, with independent pixels, D = {}'),
  ):
    best = tfp_rd.best_at_rate(curves, rate_nats).best
    said.append(phrase.format(best.name, f'{best.distortion.nats:.2f}'))
  for phrase in said:
    assert phrase in gallery
  numbers = re.findall(r'= (\d+\.\d+)', gallery)
  assert len(numbers) == sum(phrase.count('= ') for phrase in said)


def test_a_table_without_a_place_is_an_error():
  text = (DOCS / 'mnist.md').read_text()
  assert documents.with_tables(text) == text
  changed = re.sub(r'25\.31', '24.31', text)
  assert documents.with_tables(changed) == text
  with pytest.raises(errors.UserError, match='0 places for at rates'):
    documents.with_tables(text.replace('<!-- at rates -->', ''))
