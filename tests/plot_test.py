# SPDX-License-Identifier: Apache-2.0
"""Figures hold every point, cover none, and come out the same twice."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
from matplotlib import figure as figure_lib

from tfp_rd import errors
from tfp_rd.curve import curve as curve_lib
from tfp_rd.curve import diagonal, frontier
from tfp_rd.report import plot, style

NAMES = [''.join(letters) for letters in itertools.product('-+', '-+', '-+v')]


def fabricate(name, num_points=4, spread=None):
  rng = np.random.default_rng([*name.encode()])
  rate = np.sort(rng.uniform(0, 30, num_points))
  distortion = 20 * np.exp(-rate / 15) + rng.uniform(0, 4, num_points)
  numbers = {'rate': rate, 'distortion': distortion, 'elbo': -rate - distortion}
  results = {'beta': tuple(range(num_points, 0, -1))}
  for value, column in numbers.items():
    for prefix in ('', 'validation_'):
      results[f'{prefix}{value}_nats'] = tuple(column.tolist())
    results[f'{value}_stderr_nats'] = (0.5,) * num_points
    results[f'seed_std_{value}_nats'] = (spread,) * num_points
  return curve_lib.Curve.from_columns(name, 'made up', results)


@pytest.fixture
def curves():
  return [fabricate(name) for name in NAMES]


def lines(ax):
  return {line.get_label(): line for line in ax.get_lines()}


def test_every_point_of_every_family_is_drawn(curves):
  drawn = lines(plot.rate_distortion_plane(curves))
  for curve in curves:
    x, y = drawn[curve.name].get_data()
    np.testing.assert_array_equal(x, curve.column('rate_nats'))
    np.testing.assert_array_equal(y, curve.column('distortion_nats'))


def test_no_two_families_are_drawn_alike():
  marks = {tuple(style.family(name).values()) for name in NAMES}
  assert len(marks) == len(NAMES)


def test_the_standard_errors_have_their_length(curves):
  ax = plot.rate_distortion_plane(curves[:1])
  rate, distortion = (
    curves[0].column(name) for name in ('rate_nats', 'distortion_nats')
  )
  segments = np.concatenate([c.get_segments() for c in ax.collections])
  horizontal = segments[segments[:, 0, 0] != segments[:, 1, 0]]
  np.testing.assert_allclose(horizontal[:, 0, 0], rate - 0.5)
  np.testing.assert_allclose(horizontal[:, 1, 0], rate + 0.5)
  np.testing.assert_allclose(horizontal[:, 0, 1], distortion)


def test_the_spread_over_seeds_has_a_wider_bar():
  ax = plot.rate_distortion_plane([fabricate('---', spread=2.0)])
  lengths = {
    (c.get_linewidth()[0], round(np.ptp(s[:, 0]), 6))
    for c in ax.collections
    for s in c.get_segments()
  }
  widths = {length: width for width, length in lengths if length}
  assert sorted(widths) == [1.0, 4.0]
  assert widths[4.0] > widths[1.0]


def test_the_diagonal_has_the_sum_of_the_best_point(curves):
  entropy = -diagonal.best_point(curves).point.test.elbo.nats
  drawn = lines(plot.rate_distortion_plane(curves))
  (line,) = (line for label, line in drawn.items() if 'best' in label)
  np.testing.assert_allclose(np.sum(line.get_data(), axis=0), entropy)
  assert f'{entropy:.2f}' in line.get_label()


def test_the_staircase_touches_every_unbeaten_point_and_rises_nowhere(curves):
  drawn = lines(plot.rate_distortion_plane(curves))
  x, y = drawn['Pareto staircase'].get_data()
  assert (np.diff(x) >= 0).all()
  assert (np.diff(y) <= 0).all()
  assert (np.minimum(np.diff(x), -np.diff(y)) == 0).all()  # No slopes.
  rate, distortion = (
    np.concatenate([c.column(name) for c in curves])
    for name in ('rate_nats', 'distortion_nats')
  )
  touched = set(zip(x, y, strict=True))
  for i in frontier.pareto(rate, distortion):
    assert (rate[i], distortion[i]) in touched


def test_the_limits_are_those_of_the_points(curves):
  ax = plot.rate_distortion_plane(curves)
  assert ax.get_xlim()[0] == 0
  rate, distortion = (
    np.concatenate([curve.column(name) for curve in curves])
    for name in ('rate_nats', 'distortion_nats')
  )
  assert rate.max() < ax.get_xlim()[1] < 1.1 * rate.max()
  low, high = ax.get_ylim()
  assert low < distortion.min() <= distortion.max() < high
  # Neither the axis nor the diagonal stretches them.
  assert high - low < 1.2 * np.ptp(distortion) + 1


def test_axes_that_are_given_are_drawn_into(curves):
  ax = figure_lib.Figure().add_subplot()
  assert plot.rate_distortion_plane(curves, ax) is ax
  assert plot.rate_distortion_plane(curves, ax=ax) is ax


@pytest.mark.parametrize(
  ('part', 'signs'), [('encoder', '-+'), ('decoder', '-+'), ('marginal', '-+v')]
)
def test_each_sign_has_its_staircase(curves, part, signs):
  ax = plot.staircases(curves, part)
  labels = [t.get_text() for t in ax.get_legend().get_texts()]
  assert [label[0] for label in labels] == list(signs)


def test_a_sign_without_runs_is_not_in_the_legend(curves):
  ax = plot.staircases(curves[:1], 'marginal')
  assert len(ax.get_legend().get_texts()) == 1


def test_the_elbo_is_drawn_with_its_sign_turned(curves):
  drawn = lines(plot.elbo_against_rate(curves))
  for curve in curves:
    height = drawn[curve.name].get_ydata()
    np.testing.assert_array_equal(height, -curve.column('elbo_nats'))


def overlapping(boxes):
  return [
    (a, b)
    for (a, x), (b, y) in itertools.combinations(boxes.items(), 2)
    if x.shrunk(0.98, 0.98).overlaps(y)
  ]


@pytest.mark.parametrize('names', [NAMES, NAMES[:1], ['---', '+-v', 'x', 'y']])
@pytest.mark.parametrize('spread', [None, 1.0])
def test_no_panel_covers_another_and_none_is_cut(names, spread, tmp_path):
  figure = plot.overview(
    [fabricate(name, spread=spread) for name in names], title='A title'
  )
  plot.save(figure, tmp_path / 'x.png')  # Gives every text its extent.
  boxes = {ax.get_title(loc='left'): ax.get_tightbbox() for ax in figure.axes}
  boxes |= {text.get_text(): text.get_window_extent() for text in figure.texts}
  boxes['legend'] = figure.legends[0].get_window_extent()
  assert len(boxes) == 8
  assert not overlapping(boxes)
  width, height = figure.bbox.size
  for box in boxes.values():
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= width
    assert box.y1 <= height


def test_the_legend_covers_no_point(curves):
  ax = plot.rate_distortion_plane(curves)
  ax.figure.draw_without_rendering()
  assert not ax.get_legend().get_window_extent().overlaps(ax.bbox)


def test_one_point_alone_can_be_drawn(tmp_path):
  path = tmp_path / 'one.png'
  plot.save(plot.overview([fabricate('-+v', num_points=1)]), path)
  assert path.read_bytes().startswith(b'\x89PNG')


def test_a_foreign_name_is_drawn_too(tmp_path):
  figure = plot.overview([fabricate('mine'), fabricate('---')])
  plot.save(figure, tmp_path / 'x.svg')


@pytest.mark.parametrize('kind', ['png', 'svg'])
def test_a_figure_drawn_twice_has_the_same_bytes(curves, tmp_path, kind):
  paths = [tmp_path / f'{i}.{kind}' for i in range(2)]
  for path in paths:
    plot.save(plot.overview(curves), path)
  first, second = (path.read_bytes() for path in paths)
  assert first == second
  assert b'<dc:date>' not in first


@pytest.mark.parametrize(
  'draw',
  [
    plot.rate_distortion_plane,
    plot.elbo_against_rate,
    plot.overview,
    lambda curves: plot.staircases(curves, 'encoder'),
  ],
)
def test_no_points_are_refused_by_a_sentence(draw):
  with pytest.raises(errors.UserError, match='no points'):
    draw([])


def test_without_validation_there_is_no_diagonal(curves):
  columns = {name: (1.0,) for name in ('beta', 'rate_nats', 'distortion_nats')}
  curve = curve_lib.Curve.from_columns('mine', '', columns)
  assert curve.points[0].test.elbo.nats == -2.0
  for draw in (plot.rate_distortion_plane, plot.elbo_against_rate):
    labels = lines(draw([curve]))
    assert 'mine' in labels
    assert not [label for label in labels if 'best' in label]
  # Beside others that have validation, theirs is drawn.
  labels = lines(plot.rate_distortion_plane([*curves, curve]))
  assert [label for label in labels if 'best' in label]


def test_neither_tensorflow_nor_pyplot_is_imported():
  program = (
    'import sys; from tfp_rd.curve import curve;'
    'from tfp_rd.report import plot, report;'
    "assert 'matplotlib' not in sys.modules;"
    'from matplotlib import figure;'
    'c = curve.Curve.from_columns("---", "", {k: (1.0,) for k in ("beta",'
    '"rate_nats",'
    '"distortion_nats", "elbo_nats", "rate_stderr_nats", "elbo_stderr_nats",'
    '"distortion_stderr_nats", "seed_std_rate_nats", "seed_std_elbo_nats",'
    '"seed_std_distortion_nats", "validation_elbo_nats")});'
    'plot.overview([c]).savefig("/dev/null", format="svg");'
    "assert 'matplotlib.pyplot' not in sys.modules;"
    "assert not [m for m in sys.modules if m.startswith(('tensorflow',"
    "'tf_keras', 'keras'))]"
  )
  subprocess.run([sys.executable, '-c', program], check=True)
