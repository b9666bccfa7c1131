# SPDX-License-Identifier: Apache-2.0
"""The toy world is the paper's, and every number of it is exact."""

import pathlib
import re

import numpy as np
import pytest
import tensorflow as tf

from tfp_rd import errors, information
from tfp_rd.cli import toy
from tfp_rd.objective import beta_elbo, target_rate
from tfp_rd.run import sealed
from tfp_rd.toy import figure, floors, starts
from tfp_rd.toy import world as world_lib

WORLD = world_lib.World()
# Read off the paper's Figure 2a, letters 0 to 29.
HISTOGRAM = (
  *(0.0007, 0.0007, 0.0007, 0.0021, 0.0049, 0.0132, 0.0312, 0.0576, 0.0896),
  *(0.116, 0.1243, 0.1104, 0.0826, 0.0549, 0.0354, 0.0271, 0.0271, 0.0299),
  *(0.034, 0.0354, 0.034, 0.0312, 0.0257, 0.0188, 0.0132, 0.009, 0.0049),
  *(0.0035, 0.0021, 0.0007),
)


def test_the_world_is_the_paper_s():
  assert WORLD.source.sum() == pytest.approx(1)
  np.testing.assert_allclose(WORLD.joint.sum(1), [0.7, 0.3])
  np.testing.assert_allclose(WORLD.source, HISTOGRAM, atol=2e-3)
  # As computed from the digitised figure by others.
  assert information.entropy(WORLD.source) == pytest.approx(2.8559, abs=1e-4)
  told = information.mutual_information(WORLD.joint)
  assert told == pytest.approx(0.5, abs=1e-9)
  np.testing.assert_allclose(WORLD.posterior.sum(1), 1)


@pytest.mark.parametrize('nats', [0.05, 0.3, 0.5])
def test_another_information_can_be_asked_for(nats):
  told = information.mutual_information(world_lib.World(nats).joint)
  assert told == pytest.approx(nats, abs=1e-9)


@pytest.mark.parametrize('nats', [0.0, 0.7])
def test_causes_do_not_hold_more_than_they_are(nats):
  with pytest.raises(errors.UserError, match='two causes'):
    world_lib.World(nats)


def test_the_optimum_is_one():
  found = world_lib.measure(WORLD, world_lib.optimum(WORLD))
  assert found.rate_nats == pytest.approx(0.5)
  assert found.excess_nats == pytest.approx(0, abs=1e-12)
  assert found.information_x_z_nats == pytest.approx(0.5)
  # The code is drawn from p(z*|x), so that it says less about z* than x does.
  assert found.information_z_zstar_nats == pytest.approx(0.385, abs=1e-3)
  assert found.cluster_accuracy == pytest.approx(0.938, abs=1e-3)
  assert found.rate_nats + found.distortion_nats == pytest.approx(
    information.entropy(WORLD.source)
  )


def test_a_code_of_nothing_guesses_the_commoner_cause():
  size = world_lib.NUM_BINS
  flat = np.full([size, size], 1 / size)
  model = world_lib.Model(flat, flat[0], np.tile(WORLD.source, [size, 1]))
  found = world_lib.measure(WORLD, model)
  assert found.cluster_accuracy == pytest.approx(0.7)
  assert found.information_z_zstar_nats == pytest.approx(0, abs=1e-12)
  assert found.rate_nats == pytest.approx(0, abs=1e-12)


def test_the_optimum_lies_on_the_floor_and_worse_marginals_above_it():
  best = world_lib.optimum(WORLD)
  assert world_lib.above_floor(WORLD, best) == pytest.approx(0, abs=2e-5)
  other = np.full_like(best.marginal, 1 / len(best.marginal))
  lost = information.sandwich(
    WORLD.source,
    encoder=best.encoder,
    marginal=other,
    decoder=best.decoder,
  ).marginal_gap_nats
  worse = best._replace(marginal=other)
  assert lost > 1
  assert world_lib.above_floor(WORLD, worse) == pytest.approx(lost, abs=2e-5)


@pytest.fixture(scope='module')
def trained():
  objectives = [
    beta_elbo.BetaElbo(),
    target_rate.TargetRate(0.5, 1.0),
    target_rate.TargetRate(0.5, 3.0),
  ]
  recipe = starts.Recipe(num_starts=4, num_steps=8000)
  models = starts.train(WORLD.source, objectives, recipe=recipe)
  return [world_lib.measure(WORLD, model) for model in models]


def test_the_elbo_ignores_its_code_and_the_target_rate_does_not(trained):
  elbo, floor, pinned = trained
  assert (elbo.rate_nats < 0.02).all()
  assert (elbo.excess_nats < 2e-3).all()
  # A floor: below it costs, above it nothing.
  assert (floor.rate_nats > 0.499).all()
  assert (floor.excess_nats < 0.02).all()
  np.testing.assert_allclose(pinned.rate_nats, 0.5, atol=5e-3)
  assert (pinned.information_z_zstar_nats > 0.1).all()
  for found in trained:
    assert found.rate_nats.shape == (4,)
    assert (found.excess_nats > -1e-9).all()
    assert (found.information_x_z_nats <= found.rate_nats + 1e-9).all()
    # What z says of z* passes through x.
    assert (
      found.information_z_zstar_nats <= found.information_x_z_nats + 1e-9
    ).all()


def test_starts_and_objectives_do_not_touch_each_other():
  recipe = starts.Recipe(num_starts=3, num_steps=50)
  objectives = [beta_elbo.BetaElbo(), target_rate.TargetRate(0.5, 3.0)]
  together = starts.train(WORLD.source, objectives, recipe=recipe)
  (alone,) = starts.train(WORLD.source, objectives[1:], recipe=recipe)
  for one, other in zip(together[1], alone, strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-7)


def test_a_start_does_not_touch_the_others(monkeypatch):
  recipe = starts.Recipe(num_starts=3, num_steps=50)
  objective = target_rate.TargetRate(0.5, 3.0)
  (before,) = starts.train(WORLD.source, [objective], recipe=recipe)
  normal = tf.random.stateless_normal

  def first_is_other(shape, *args, **kwargs):
    scale = tf.constant([3.0, 1.0, 1.0])[:, tf.newaxis]
    return scale * normal(shape, *args, **kwargs)

  monkeypatch.setattr(tf.random, 'stateless_normal', first_is_other)
  (after,) = starts.train(WORLD.source, [objective], recipe=recipe)
  for one, other in zip(before, after, strict=True):
    np.testing.assert_allclose(one[1:], other[1:], rtol=1e-5, atol=1e-9)
    assert np.abs(one[0] - other[0]).max() > 1e-3


def test_the_document_has_the_numbers_of_the_last_run():
  docs = pathlib.Path(__file__).parents[1] / 'docs'
  found = sealed.read_json(docs / 'toy.json')
  lines = (docs / 'known_answers.md').read_text().splitlines()
  start = next(n for n, ln in enumerate(lines) if ln.startswith('| optimum'))
  for measures, line in zip(found.values(), lines[start:], strict=False):
    told = [float(n) for n in re.findall(r'-?\d\.\d{3,4}(?= \|)', line)]
    digits = [4, 4, 4, 4, 4, 3]
    expected = [
      round(value, n) + 0.0
      for value, n in zip(measures.values(), digits, strict=True)
    ]
    assert told[:6] == pytest.approx(expected, abs=1e-9), line


def test_the_paper_s_printed_subscripts_cannot_draw_two_humps():
  recipe = starts.Recipe(
    num_starts=3, num_steps=8000, parametrization='condition'
  )
  (model,) = starts.train(WORLD.source, [beta_elbo.BetaElbo()], recipe=recipe)
  # A decoder of one hump needs its code for the other.
  assert (world_lib.measure(WORLD, model).rate_nats > 0.3).all()


@pytest.mark.parametrize(
  'field', [{'index_scale': 'log'}, {'num_steps': 0}, {'parametrization': ''}]
)
def test_a_recipe_that_cannot_be_is_refused(field):
  with pytest.raises(errors.UserError, match=next(iter(field))):
    starts.Recipe(**field)


def test_a_training_that_blows_up_names_the_learning_rate():
  recipe = starts.Recipe(num_starts=2, num_steps=20, learning_rate=1e30)
  with pytest.raises(errors.UserError, match='learning_rate'):
    starts.train(WORLD.source, [beta_elbo.BetaElbo()], recipe=recipe)


def test_the_program_leaves_figure_and_numbers(tmp_path, capsys):
  folder = tmp_path / 'report'
  argv = [f'--report_dir={folder}', '--num_steps=20', '--starts=2']
  assert toy.main(argv) == 0
  out = capsys.readouterr().out.splitlines()
  assert [line.split()[0] for line in out[1:5]] == [
    *('optimum', 'elbo', 'target_rate_weight_1', 'target_rate_weight_3'),
  ]
  found = sealed.read_json(folder / 'toy.json')
  assert list(found) == [line.split()[0] for line in out[1:5]]
  for measures in found.values():
    assert tuple(measures) == world_lib.Measures._fields
  assert found['optimum']['rate_nats'] == pytest.approx(0.5)
  for name in ('toy.png', 'toy_floors.png'):
    assert (folder / name).read_bytes()[:4] == b'\x89PNG'


def test_the_typical_start_is_that_of_the_median():
  assert toy._of_median(np.array([3.0, 1.0, 2.0])) == 2
  assert toy._of_median(np.array([3.0, 1.0, 2.0, 9.0])) == 2
  assert toy._of_median(np.array([5.0])) == 0


def test_the_figure_has_the_paper_s_rows():
  model = world_lib.optimum(WORLD)
  drawn = figure.draw(WORLD, [model, model], titles=['one', 'two'])
  assert len(drawn.axes) == 10
  encoder, decoder, seen = (ax.images[0].get_array() for ax in drawn.axes[4::2])
  np.testing.assert_allclose(encoder, model.encoder.T)
  np.testing.assert_allclose(decoder, model.decoder)
  # Each column is p(x'|x) of one x.
  np.testing.assert_allclose(seen.sum(0), 1)


def test_every_point_lies_on_its_floor_or_above():
  best = world_lib.optimum(WORLD)
  size = world_lib.NUM_BINS
  flat = np.full([size, size], 1 / size)
  blurred = world_lib.Model(
    0.7 * best.encoder + 0.3 * flat, flat[0], best.decoder
  )
  drawn = floors.draw(WORLD, [best, blurred], titles=['best', 'blurred'])
  for ax, model, is_on in zip(
    drawn.axes, (best, blurred), (True, False), strict=True
  ):
    lines = {line.get_label(): line for line in ax.get_lines()}
    rates, distortions = lines['floor of its decoder'].get_data()
    ((rate,), (distortion,)) = lines['the model'].get_data()
    # The curve is the hull of D + beta R over all beta.
    slopes = floors._BETAS
    least = distortions + slopes * rates
    gaps = distortion + slopes * rate - least
    assert gaps.min() > -1e-5
    assert (gaps.min() < 1e-3) == is_on  # Drawn to a ten-thousandth.
    found = world_lib.measure(WORLD, model)
    assert (rate, distortion) == (found.rate_nats, found.distortion_nats)


@pytest.mark.parametrize(
  ('argv', 'words'),
  [
    (['--starts=0'], 'starts'),
    (['--weights=one'], "'one'"),
    (['--weights=0'], 'positive'),
    (['--index_scale=log'], 'index_scale'),
    (['--report_dir='], 'report_dir'),
    (['--learning_rate=-1'], 'learning_rate'),
    (['world'], 'world'),
  ],
)
def test_a_mistake_is_one_sentence(argv, words, capsys):
  assert toy.main(argv) in (1, 2)
  captured = capsys.readouterr()
  assert captured.out == ''
  assert words in captured.err
  assert len(captured.err.splitlines()) == 1
