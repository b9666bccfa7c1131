# SPDX-License-Identifier: Apache-2.0
"""What people see in a notebook: a readable line, a picture, a bar."""

import io
import logging

import numpy as np
import pytest
import tensorflow as tf
import tqdm.auto

import tfp_rd
from tfp_rd.report import style
from tfp_rd.toy import world
from tfp_rd.training import progress_bar

RATE = np.array([5.0, 6.0, 7.0])
DISTORTION = np.array([12.0, 11.0, 13.0])


def point(rate=RATE, distortion=DISTORTION, **fields):
  return tfp_rd.Point.from_examples(rate, distortion, num_samples=4, **fields)


def images(n=8):
  return np.random.RandomState(0).randint(2, size=[n, 4, 4, 1]).astype('f')


def fit(**fields):
  model = tfp_rd.build('---', image_shape=(4, 4, 1), latent_size=2)
  return tfp_rd.fit(model, images(), batch_size=4, **fields)


def test_a_point_is_one_line_with_its_errors():
  # Standard errors by hand: deviations 1, 1 and sqrt(3), over sqrt(3).
  assert (
    str(point())
    == repr(point())
    == (
      'R 6.00 ± 0.58  D 12.00 ± 0.58  -ELBO 18.00 ± 1.00 nats '
      '(3 examples, 4 draws)'
    )
  )


def test_a_point_says_what_is_no_bound():
  status = {'rate_nats': 'estimate', 'elbo_nats': 'estimate'}
  assert repr(point(status=status)).endswith('4 draws; estimates: R, -ELBO)')


def test_a_rate_of_nothing_has_no_sign():
  assert repr(point(RATE - 6.001, DISTORTION)).startswith('R 0.00 ± ')


def test_a_point_of_one_image_has_no_error():
  assert 'R 5.00 ± nan  D' in repr(point(RATE[:1], DISTORTION[:1]))


def test_a_fit_is_one_line():
  metrics = [
    {'step': 50.0, 'rate_nats': 1.0, 'distortion_nats': 20.0},
    {'step': 100, 'rate_nats': 2.0, 'distortion_nats': 9.0},
  ]
  assert repr(tfp_rd.Fit(100, metrics, None)) == (
    '100 steps, R 2.00  D 9.00 nats at the end of training'
  )
  metrics[0]['validation_score'] = 17.5
  metrics[1]['validation_score'] = 18.5
  shown = repr(tfp_rd.Fit(1100, metrics, 'mine'))
  assert shown.startswith('1,100 steps, R 2.00')
  assert shown.endswith(
    'least score on validation 17.50 at step 50, files in mine'
  )
  assert repr(tfp_rd.Fit(0, [], None)) == '0 steps'


def test_a_world_and_its_measures_are_a_line_each():
  letters = world.World()
  assert repr(letters) == (
    'World of 30 symbols and 2 causes: H(X) = 2.86 nats, '
    'I(X; Z*) = 0.50 nats, both exact'
  )
  assert repr(world.measure(letters, world.optimum(letters))) == (
    'R 0.500  D 2.356  D + R - H 0.000  I(X; Z) 0.500  I(Z; Z*) 0.385 nats  '
    'accuracy 0.938 (exact)'
  )


def test_measures_of_many_starts_show_them_all():
  letters = world.World()
  one = world.optimum(letters)
  two = world.Model(*(np.stack([table, table]) for table in one))
  assert repr(world.measure(letters, two)).startswith('Measures(array(')


def test_a_figure_shows_itself():
  figure = style.new_figure(2, 1)
  figure.add_axes((0.1, 0.1, 0.8, 0.8)).plot([0, 1])
  picture = figure._repr_png_()
  assert picture.startswith(b'\x89PNG')
  width, height = (int.from_bytes(picture[n : n + 4]) for n in (16, 20))
  assert (width, height) == (300, 150)


def test_a_bar_shows_steps_and_nats(capsys):
  seen = []
  fit(
    num_steps=60, progress=True, on_progress=lambda step, *_: seen.append(step)
  )
  error = capsys.readouterr().err
  assert 'compiling:   0%' in error
  assert '60/60' in error
  assert 'nats in training' in error
  assert seen == [50, 60]
  fit(num_steps=2)
  assert capsys.readouterr().err == ''


def test_a_bar_begins_at_the_checkpoint(monkeypatch):
  bars = []

  class Recorded(tqdm.auto.tqdm):
    def __init__(self, *args, **fields):
      super().__init__(*args, **fields)
      bars.append(self)

  monkeypatch.setattr('tqdm.auto.tqdm', Recorded)
  with progress_bar.shown(lambda *_: None, 1000) as move:
    move(700, 1000, {})
    move(800, 1000, {'rate_nats': 1.0, 'distortion_nats': 2.0})
    (bar,) = bars
    # The rate is that of what was done here: (n - initial) over the time.
    assert (bar.initial, bar.n, bar.total) == (700, 800, 1000)
    assert bar.desc == 'training'
    assert bar.postfix == 'R 1.00 D 2.00 nats in training'


def test_a_finished_training_shows_that_nothing_is_to_be_done(capsys):
  with progress_bar.shown(lambda *_: None, 1000):
    pass
  assert 'nothing to do: 100%' in capsys.readouterr().err


@pytest.fixture
def warnings_of_tensorflow():
  stream = io.StringIO()
  handler = logging.StreamHandler(stream)
  tf.get_logger().addHandler(handler)
  yield stream
  tf.get_logger().removeHandler(handler)


def test_a_loop_over_betas_warns_of_no_retracing(warnings_of_tensorflow):
  model = tfp_rd.build('---', image_shape=(4, 4, 1), latent_size=2)
  x = images()
  for beta in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0):
    objective = tfp_rd.BetaElbo(beta=beta)
    tfp_rd.fit(model, x, objective=objective, batch_size=4, num_steps=1)
    tfp_rd.evaluate(model, x, num_samples=1)
  assert 'retracing' not in warnings_of_tensorflow.getvalue()
