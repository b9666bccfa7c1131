# SPDX-License-Identifier: Apache-2.0
"""What a run reconstructs and generates, kept beside its result."""

import dataclasses
import shutil

import numpy as np
import pytest
from small_curve import CELL, execute

from tfp_rd import config, dataset, errors
from tfp_rd.curve import collection, diagonal
from tfp_rd.model import draw_images
from tfp_rd.report import picture_figures
from tfp_rd.run import directory, pictures
from tfp_rd.training import ancestry, kept_pictures

SEPARATE = dataclasses.replace(CELL, objective='beta_elbo(beta=0.5)')


def with_betas(*betas, **changes):
  evaluation = config.EvaluationConfig(eval_betas=betas, eval_samples=1)
  return dataclasses.replace(CELL, evaluation=evaluation, **changes)


@pytest.fixture(scope='module')
def separate(tmp_path_factory):
  return execute(tmp_path_factory.mktemp('separate'), SEPARATE)


@pytest.fixture(scope='module')
def curve(tmp_path_factory):
  return execute(tmp_path_factory.mktemp('curve'), with_betas(0.3, 1.0))


def copied(run, folder):
  path = folder / run.path.name
  shutil.copytree(run.path, path)
  return directory.Run(path, run.config)


def drawn(run, seed, beta=None):
  """Returns what `tfp-rd sample` shows for a seed: images, and rows of them."""
  test = dataset.load(run.config.data).test
  images = kept_pictures.chosen_images(test, num_images=12)
  painter = draw_images.Painter(ancestry.restore(run, beta))
  rows = painter.reconstructions(images, num_rows=3, seed=seed)
  new = painter.generations(num_images=12, num_rows=4, seed=seed)
  return images[..., 0], rows[..., 0], new[..., 0]


def same(one, other):
  return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_run_keeps_bits_of_the_size_of_its_images(separate):
  found = pictures.read(separate)
  assert list(found) == [0.5]
  assert [a.shape for a in found[0.5]] == [
    (12, 8, 8),
    (2, 12, 8, 8),
    (24, 8, 8),
  ]
  assert {a.dtype for a in found[0.5]} == {np.dtype(bool)}


@pytest.mark.parametrize('beta', [0.3, 1.0])
def test_kept_pictures_are_those_that_sample_draws(curve, beta):
  images, rows, new = drawn(curve, curve.config.seed, beta)
  expected = images, rows[:2], new.reshape([-1, 8, 8])[:24]
  assert same(pictures.read(curve)[beta], expected)


def test_with_the_seed_of_another_run_they_are_others(curve):
  images, rows, new = drawn(curve, curve.config.seed + 1, 1.0)
  kept = pictures.read(curve)[1.0]
  # The same images for every run, so that these stand side by side.
  np.testing.assert_array_equal(kept.images, images)
  assert not np.array_equal(kept.reconstructions, rows[:2])
  assert not np.array_equal(kept.generations, new.reshape([-1, 8, 8])[:24])


def test_each_draw_is_its_own(curve):
  kept = pictures.read(curve)[1.0]
  assert not np.array_equal(*kept.reconstructions)
  assert not np.array_equal(kept.generations[:12], kept.generations[12:])


def test_betas_that_were_halved_in_have_no_pictures(tmp_path):
  cell = with_betas(0.3, 1.0)
  dense = dataclasses.replace(cell.evaluation, eval_max_points=3)
  run = execute(tmp_path, dataclasses.replace(cell, evaluation=dense))
  assert set(pictures.read(run)) == {0.3, 1.0}
  assert {0.3, 1.0} <= set(run.points('test'))


def test_a_beta_that_is_asked_for_later_has_the_same_pictures(curve, tmp_path):
  wanted = with_betas(0.1, 0.3, 1.0)
  whole = execute(tmp_path / 'whole', wanted)
  later = copied(curve, tmp_path)
  execute(tmp_path, wanted)
  bits = [pictures.read(run) for run in (whole, later)]
  assert list(bits[0]) == list(bits[1]) == [0.1, 0.3, 1.0]
  assert all(same(bits[0][beta], bits[1][beta]) for beta in bits[0])


def test_pictures_are_added_to_a_run_that_has_none(call, curve, tmp_path):
  run = copied(curve, tmp_path)
  file = run.path / pictures.NAME
  content = file.read_bytes()
  file.unlink()
  assert pictures.read(run) == {}
  status, out, err = call('sample', tmp_path, '--keep')
  assert (status, out, err) == (0, [str(file)], [])
  assert file.read_bytes() == content


def test_without_weights_there_is_a_sentence(call, separate, tmp_path):
  run = copied(separate, tmp_path)
  shutil.rmtree(run.path / 'checkpoint')
  # What is whole needs no weights.
  status, out, err = call('sample', tmp_path, '--keep')
  assert (status, err) == (0, [])
  assert out == [str(run.path / pictures.NAME)]
  (run.path / pictures.NAME).unlink()
  status, out, err = call('sample', tmp_path, '--keep')
  assert (status, out, len(err)) == (1, [], 1)
  assert f'{run.path} is kept without weights' in err[0]


def test_rows_of_other_test_images_are_not_drawn_under_these(separate):
  (kept,) = pictures.read(separate).values()
  other = kept._replace(images=~kept.images)
  curve = collection.collect(separate.path.parent).curves
  ((point,),) = ([p for c in cs for p in c.points] for cs in curve.values())
  named = diagonal.NamedPoint('---', point)
  figure = picture_figures.draw([(named, kept), (named, other)], title='x')
  assert len(figure.axes) == 2 * 2  # A row of test images, and one model.


@pytest.mark.parametrize(
  ('argv', 'words'),
  [
    (['--output=x.png'], '--output has no effect with --keep'),
    (['--seed=1'], '--seed has no effect with --keep'),
  ],
)
def test_keep_refuses_what_it_would_ignore(call, tmp_path, argv, words):
  status, _, err = call('sample', tmp_path, '--keep', *argv)
  assert (status, len(err)) == (1, 1)
  assert words in err[0]


def test_a_root_without_runs_is_refused(call, tmp_path):
  status, _, err = call('sample', tmp_path, '--keep')
  assert (status, len(err)) == (1, 1)
  assert 'no finished run' in err[0]


def damage(content, how):
  if how == 'cut':
    return content[: len(content) // 2]
  if how == 'empty':
    return b''
  place = len(content) * how // 50
  flipped = content[place] ^ 4
  return content[:place] + bytes([flipped]) + content[place + 1 :]


@pytest.mark.parametrize('how', ['cut', 'empty', *range(50)])
def test_a_damaged_file_is_a_sentence_or_the_same(separate, tmp_path, how):
  run = copied(separate, tmp_path)
  before = pictures.read(run)
  file = run.path / pictures.NAME
  file.write_bytes(damage(file.read_bytes(), how))
  try:
    found = pictures.read(run)
  except errors.UserError as e:
    found = str(e)
  if isinstance(found, str):
    assert 'is corrupt' in found
    assert 'tfp-rd sample --keep' in found
  else:
    assert same(before[0.5], found[0.5])


def test_changed_pixels_are_found_without_the_archive_s_own_sum(
  separate, tmp_path
):
  run = copied(separate, tmp_path)
  file = run.path / pictures.NAME
  with np.load(file) as arrays:
    arrays = dict(arrays)
  arrays['generations'] = arrays['generations'] ^ 1
  np.savez_compressed(file, **arrays)
  with pytest.raises(errors.UserError, match='its digest is another'):
    pictures.read(run)


def test_pictures_of_another_run_are_refused_and_drawn_anew(
  call, separate, curve, tmp_path
):
  run = copied(separate, tmp_path)
  file = run.path / pictures.NAME
  content = file.read_bytes()
  shutil.copy(curve.path / pictures.NAME, file)
  with pytest.raises(errors.UserError, match='of other weights'):
    pictures.read(run)
  status, _, err = call('sample', run.path, '--keep')
  assert (status, err) == (0, [])
  assert file.read_bytes() == content
