# SPDX-License-Identifier: Apache-2.0
"""One entry in the table of signs is enough for a new part to be seen."""

import itertools

import numpy as np
import pytest

from tfp_rd import architecture, errors
from tfp_rd.cli import train
from tfp_rd.curve import curve as curve_lib
from tfp_rd.report import plot, style
from tfp_rd.run import grid, preset

NEW = architecture.Sign(
  'h',
  'tfp_rd.encoder.gaussian',
  'new',
  'a new one',
  architecture.Style('red', fill='left'),
)


def fabricate(name):
  names = ('beta', 'rate_nats', 'distortion_nats', 'elbo_nats')
  columns = {column: (1.0, 2.0) for column in names}
  columns['rate_nats'] = (float(ord(name[0])), 3.0)
  columns['validation_elbo_nats'] = (-20.0, -30.0)
  return curve_lib.Curve.from_columns(name, 'made up', columns)


def names():
  letters = [
    [each.letter for each in signs] for signs in architecture.SIGNS.values()
  ]
  return [''.join(name) for name in itertools.product(*letters)]


@pytest.fixture
def with_new(monkeypatch):
  signs = (*architecture.SIGNS['encoder'], NEW)
  monkeypatch.setitem(architecture.SIGNS, 'encoder', signs)


def test_the_paper_has_twelve():
  twelve = [''.join(s) for s in itertools.product('-+', '-+', '-+v')]
  assert [*map(str, architecture.PAPER)] == twelve
  assert {str(architecture.parse(name)) for name in twelve} == {*twelve}


def test_letters_of_a_part_differ():
  for signs in architecture.SIGNS.values():
    assert len({each.letter for each in signs}) == len(signs)
    assert len({each.style for each in signs}) == len(signs)
    assert all(len(each.letter) == 1 for each in signs)


@pytest.mark.usefixtures('with_new')
def test_no_two_families_are_drawn_alike():
  assert len({tuple(style.family(n).values()) for n in names()}) == 18
  assert style.family('h--')['fillstyle'] == 'left'


@pytest.mark.usefixtures('with_new')
def test_a_new_sign_is_parsed_and_described():
  assert architecture.parse('h-v').encoder == 'h'
  assert 'h  a new one' in architecture.describe()
  with pytest.raises(
    errors.UserError, match=r'encoder \(-, \+ or h\), decoder'
  ):
    architecture.parse('x--')


@pytest.mark.usefixtures('with_new')
def test_a_new_sign_is_in_the_manual(capsys):
  assert train.main(['--help']) == 0
  assert 'h  a new one' in capsys.readouterr().out


def test_an_unknown_sign_is_no_architecture():
  with pytest.raises(errors.UserError, match=r'encoder \(- or \+\), decoder'):
    architecture.parse('h--')


@pytest.mark.usefixtures('with_new')
def test_families_are_sorted_as_the_table_is():
  mixed = sorted([*names(), 'x--', '-x-', 'mine', '-+'])
  found = sorted(mixed, key=architecture.order)
  known = [name for name in found if name in names()]
  assert known == names()
  assert found.index('-x-') > found.index('-+v')
  assert found[-3:] == ['x--', '-+', 'mine']


@pytest.mark.usefixtures('with_new')
def test_a_new_sign_is_in_no_grid_that_does_not_name_it():
  for each in (grid.Grid(), *preset.PRESETS.values()):
    letters = {cell.model.architecture[0] for cell in each.cells()}
    assert letters == {'-', '+'}
  (cell, *_) = grid.Grid(architectures=('h--',)).cells()
  assert cell.model.architecture == 'h--'


@pytest.mark.usefixtures('with_new')
def test_a_new_sign_is_in_the_panel_of_its_part():
  curves = [fabricate(name) for name in ('---', '+--', 'h--')]
  ax = plot.staircases(curves, 'encoder')
  labels = [text.get_text() for text in ax.get_legend().get_texts()]
  assert labels == ['-  Gaussian', '+  IAF', 'h  new']
  marks = [line for line in ax.get_lines() if line.get_linestyle() == 'None']
  (mark,) = (m for m in marks if m.get_markeredgecolor() == 'red')
  assert mark.get_fillstyle() == 'left'
  np.testing.assert_array_equal(mark.get_xdata(), curves[2].column('rate_nats'))


def test_a_curve_of_no_known_sign_is_in_each_panel_too():
  curves = [fabricate(name) for name in ('---', 'mine')]
  for part in architecture.SIGNS:
    ax = plot.staircases(curves, part)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[1:] == ['other']


def test_the_manual_s_table_fits_a_terminal():
  assert max(map(len, architecture.describe().splitlines())) <= 80
