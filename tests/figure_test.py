# SPDX-License-Identifier: Apache-2.0
"""The figure explains its marks once, and shows what each part is worth."""

import dataclasses

import matplotlib
import numpy as np
import pytest
from matplotlib import figure as figure_lib

import tfp_rd
from tfp_rd.curve import turn
from tfp_rd.report import caption, differences, plot, style

NAMES = ('---', '+--', '-+-', '--+', '--v')
NOISE = np.random.default_rng(0).normal(0, 1, 40)
NOISE -= NOISE.mean()


def point(rate, distortion):
  return tfp_rd.Point.from_examples(
    rate + 0.1 * NOISE, distortion + NOISE, num_samples=1
  )


def curve(name, shift=0.0, *, end=0.0, train_end=0.0):
  """A dense curve of one run whose D is `end` higher at its least beta."""
  rate = np.linspace(20, 0.1, 30)
  distortion = 7 + 15 * np.exp(-rate / 4) + shift
  points = {
    n + 1.0: point(r, d)
    for n, (r, d) in enumerate(zip(rate, distortion, strict=True))
  }
  made = tfp_rd.curve.from_points(
    name, points, validation=points, is_one_run=True
  )
  first = dataclasses.replace(
    made.points[0],
    test=_raised(made.points[0].test, end),
    train=_raised(made.points[0].test, train_end),
  )
  others = [dataclasses.replace(p, train=p.test) for p in made.points[1:]]
  return dataclasses.replace(made, points=(first, *others))


def _raised(values, nats):
  more = values.distortion.nats + nats
  return dataclasses.replace(
    values, distortion=values.distortion._replace(nats=more)
  )


@pytest.fixture(name='curves')
def several():
  return [curve(name, 0.3 * n) for n, name in enumerate(NAMES)]


def labels_of(legend):
  return [text.get_text() for text in legend.get_texts()]


def test_the_legend_is_by_kind_and_says_each_once(curves):
  ax = plot.rate_distortion_plane(curves)
  labels = labels_of(ax.get_legend())
  assert labels[:7] == [
    *('Gaussian encoder', 'IAF encoder', 'deconvolutional decoder'),
    *('PixelCNN decoder', 'normal marginal', 'MAF marginal'),
    'VampPrior marginal',
  ]
  assert labels[7:9] == ['Pareto frontier', 'its convex hull']
  assert labels[9].startswith('best \N{MINUS SIGN}ELBO, D + R = ')
  assert len(labels) == 10


def test_the_legend_shows_the_marks_that_are_drawn(curves):
  ax = plot.rate_distortion_plane(curves)
  handles = dict(
    zip(labels_of(ax.get_legend()), ax.get_legend().legend_handles, strict=True)
  )
  drawn = {line.get_label(): line for line in ax.get_lines()}
  marks = [line for line in ax.get_lines() if line.get_marker() == 'D']
  assert handles['PixelCNN decoder'].get_marker() == 'D'
  assert len(marks) == 1
  for name, marginal in (('--+', 'MAF'), ('--v', 'VampPrior')):
    handle = handles[f'{marginal} marginal']
    assert handle.get_color() == drawn[name].get_color()
    assert handle.get_linestyle() == drawn[name].get_linestyle()
  assert handles['Gaussian encoder'].get_markerfacecolor() == 'white'


def test_in_grey_print_marginals_differ_by_their_dash(curves):
  ax = plot.rate_distortion_plane(curves)
  drawn = {line.get_label(): line for line in ax.get_lines()}
  dashes = {drawn[name].get_linestyle() for name in ('---', '--+', '--v')}
  assert len(dashes) == 3


def test_a_foreign_curve_has_a_look_and_a_line_of_its_own(curves):
  mine = dataclasses.replace(curve('mine', 1.0))
  ax = plot.rate_distortion_plane([*curves, mine])
  assert 'mine' in labels_of(ax.get_legend())
  looks = {style.family(name)['marker'] for name in ('mine', '---', '-+-')}
  assert len(looks) == 3


def test_nothing_but_curves_is_drawn_where_that_is_asked(curves):
  ax = figure_lib.Figure().add_subplot()
  plot.rate_distortion_plane(curves, ax, legend=False, frontier=False)
  assert ax.get_legend() is None
  labels = {line.get_label() for line in ax.get_lines()}
  assert not labels & {'Pareto frontier', 'its convex hull'}
  assert set(NAMES) <= labels


def test_sizes_are_those_of_rc_params_and_a_column_is_wide_enough(curves):
  sizes = {
    **{'font.size': 7, 'axes.labelsize': 7, 'xtick.labelsize': 6},
    **{'ytick.labelsize': 6, 'lines.markersize': 3, 'legend.fontsize': 6},
  }
  with matplotlib.rc_context(sizes):
    figure = figure_lib.Figure(figsize=(3.3, 2.6))
    ax = figure.add_axes((0.13, 0.16, 0.84, 0.8))
    plot.rate_distortion_plane(curves, ax)
  figure.draw_without_rendering()  # Ticks are made only now.
  assert ax.xaxis.label.get_fontsize() == 7
  assert ax.xaxis.get_ticklabels()[0].get_fontsize() == 6
  marked = [ln for ln in ax.get_lines() if ln.get_marker() == 'o']
  assert {line.get_markersize() for line in marked} == {0.95 * 3}
  # Ticks and labels are inside of the picture, and so is the legend.
  box, legend = ax.get_tightbbox(), ax.get_legend().get_window_extent()
  for each in (box, legend):
    assert each.x0 >= 0
    assert each.y0 >= 0
    assert each.x1 <= figure.bbox.x1
    assert each.y1 <= figure.bbox.y1


def test_the_frontier_lies_below_the_curves_and_is_paler(curves):
  ax = plot.rate_distortion_plane(curves)
  drawn = {line.get_label(): line for line in ax.get_lines()}
  orders = [drawn[name].get_zorder() for name in NAMES]
  assert drawn['Pareto frontier'].get_zorder() < min(orders)
  assert drawn['its convex hull'].get_zorder() < min(orders)
  assert (
    min(matplotlib.colors.to_rgb(drawn['Pareto frontier'].get_color())) > 0.7
  )


@pytest.mark.parametrize(
  ('train_end', 'words'),
  [(2.0, 'rises there on training images, too'), (-1.0, 'has over-fitted')],
)
def test_a_curve_that_turns_up_is_marked_and_the_caption_says_why(
  train_end, words
):
  turning = curve('---', end=2.0, train_end=train_end)
  ax = plot.rate_distortion_plane([turning])
  (plus,) = (line for line in ax.get_lines() if line.get_marker() == '+')
  first = turning.points[0].test
  assert plus.get_xydata().tolist() == [
    [first.rate.nats, first.distortion.nats]
  ]
  assert words in caption.explanation([turning])


def test_a_curve_that_falls_to_its_end_is_not_marked(curves):
  assert turn.turn_of(curves[0].points) is None
  # Less than two standard errors is chance.
  assert turn.turn_of(curve('---', end=0.2).points) is None
  ax = plot.rate_distortion_plane(curves)
  assert not [line for line in ax.get_lines() if line.get_marker() == '+']
  assert 'plus' not in caption.explanation(curves)
  assert 'time-sharing' in caption.explanation(curves)


def test_the_difference_of_a_part_is_that_of_its_signs():
  curves = [curve('---', 0.5), curve('+--', 0.2), curve('+-v', 3.0)]
  ax = plot.part_differences(curves, 'encoder')
  (line,) = (ln for ln in ax.get_lines() if 'Gaussian' in str(ln.get_label()))
  assert line.get_label() == 'Gaussian \N{MINUS SIGN} IAF'
  np.testing.assert_allclose(line.get_ydata(), 0.3, atol=1e-9)
  assert len(line.get_xdata()) > 20


def lines_of_difference(curves):
  ax = plot.part_differences(curves, 'encoder')
  return [ln for ln in ax.get_lines() if 'Gaussian' in str(ln.get_label())]


def test_the_difference_ends_where_more_rate_is_worth_nothing():
  turning = curve('---')
  # On validation D has its least value at the tenth beta.
  points = [
    dataclasses.replace(p, validation=_raised(p.validation, 9.0))
    for p in turning.points[:9]
  ]
  turning = dataclasses.replace(turning, points=(*points, *turning.points[9:]))
  (line,) = lines_of_difference([turning, curve('+--', 0.2)])
  end = turning.points[9].validation.rate.nats
  assert end - 1 < max(line.get_xdata()) < end
  (line,) = lines_of_difference([curve('---'), curve('+--', 0.2)])
  assert max(line.get_xdata()) > end + 5


def test_there_is_no_difference_where_no_rate_is_common():
  low, high = curve('---'), curve('+--')
  low = dataclasses.replace(low, points=low.points[20:])
  high = dataclasses.replace(high, points=high.points[:5])
  assert lines_of_difference([low, high]) == []


def test_a_part_without_lines_on_both_sides_has_its_staircases():
  separate = tfp_rd.curve.from_points('+--', {1.0: point(4.0, 9.0)})
  curves = [curve('---'), separate]
  assert differences.signs_with_lines(curves, 'encoder') is None
  ax = plot.part_differences(curves, 'encoder')
  assert ax.get_title(loc='left') == 'by encoder'
