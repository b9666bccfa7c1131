# SPDX-License-Identifier: Apache-2.0
"""A user's own .npz: what is taken, and each refusal's sentence."""

import pickle

import numpy as np
import pytest

from tfp_rd import config, dataset, errors


def save(path, **arrays):
  np.savez(path / 'mine.npz', **arrays)
  return str(path / 'mine.npz')


def load(path, binarize='', **fields):
  return dataset.load(
    config.DataConfig(dataset=path, binarize=binarize, **fields)
  )


def bits(num, shape=(4, 5), dtype=np.uint8, seed=0):
  return (
    np.random.RandomState(seed).randint(2, size=(num, *shape)).astype(dtype)
  )


def greys(num, shape=(4, 5), seed=0):
  random = np.random.RandomState(seed)
  return random.randint(256, size=(num, *shape)).astype(np.uint8)


@pytest.mark.parametrize('dtype', [bool, np.uint8, np.int64, 'f2', 'f4', 'f8'])
@pytest.mark.parametrize('rank', [3, 4])
def test_bits_of_any_type_and_rank_come_out_unchanged(tmp_path, dtype, rank):
  x, v, t = bits(6, dtype=dtype), bits(2, dtype=dtype), bits(3, dtype=dtype)
  saved = [a[..., np.newaxis] if rank == 4 else a for a in (x, v, t)]
  path = save(tmp_path, train=saved[0], validation=saved[1], test=saved[2])
  loaded = load(path)
  for ours, theirs in zip(
    (loaded.train, loaded.validation, loaded.test), (x, v, t), strict=True
  ):
    assert ours.dtype == np.float32
    np.testing.assert_array_equal(ours[..., 0], theirs)
  assert loaded.name == 'mine'
  assert loaded.train_labels is None


@pytest.mark.parametrize('shape', [(2, 2), (64, 64), (2, 64), (7, 5), (3, 8)])
def test_sides_from_2_to_64_are_taken(tmp_path, shape):
  path = save(tmp_path, train=bits(3, shape), test=bits(1, shape))
  assert load(path).image_shape == (*shape, 1)


@pytest.mark.parametrize(('num', 'taken'), [(40, 4), (39, 3), (5, 1), (2, 1)])
def test_a_tenth_of_train_validates_with_its_labels(tmp_path, num, taken):
  x, labels = bits(num, (6, 6)), np.arange(num, dtype=np.int16)
  path = save(tmp_path, train=x, train_labels=labels, test=bits(3, (6, 6)))
  loaded = load(path)
  assert len(loaded.validation) == taken
  order = np.random.RandomState(0).permutation(num)
  found = np.concatenate([loaded.train_labels, loaded.validation_labels])
  np.testing.assert_array_equal(found, order)
  assert found.dtype == np.int64
  ours = np.concatenate([loaded.train, loaded.validation])
  np.testing.assert_array_equal(ours[..., 0], x[order])


def test_labels_are_kept_for_the_splits_that_have_them(tmp_path):
  path = save(
    tmp_path,
    train=bits(3),
    validation=bits(2),
    test=bits(2),
    test_labels=np.array([4, 7]),
  )
  loaded = load(path)
  assert loaded.train_labels is None
  assert loaded.validation_labels is None
  np.testing.assert_array_equal(loaded.test_labels, [4, 7])


def test_threshold_turns_on_from_128(tmp_path):
  ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
  path = save(tmp_path, train=ramp, validation=ramp, test=ramp)
  loaded = load(path, 'threshold')
  np.testing.assert_array_equal(loaded.train.ravel(), np.arange(256) >= 128)
  assert not loaded.dynamic


def test_dynamic_keeps_probabilities_in_train_and_draws_the_rest_once(tmp_path):
  x, t = greys(50), greys(50, seed=1)
  path = save(tmp_path, train=x, validation=t, test=t)
  loaded, again = load(path, 'dynamic'), load(path, 'dynamic')
  assert loaded.dynamic
  np.testing.assert_allclose(loaded.train[..., 0], x / 255, rtol=1e-6)
  for split in ('validation', 'test'):
    drawn = getattr(loaded, split)
    assert set(np.unique(drawn)) == {0, 1}
    np.testing.assert_array_equal(drawn, getattr(again, split))
  assert (loaded.validation != loaded.test).any()  # Not the same seed.


@pytest.mark.parametrize('binarize', ['threshold', 'dynamic'])
def test_blank_images_are_greys_too(tmp_path, binarize):
  blank = np.zeros((2, 4, 5), np.uint8)
  path = save(tmp_path, train=greys(5), validation=blank, test=blank)
  assert load(path, binarize).test.max() == 0


def test_fake_data_has_the_files_shape_and_labels(tmp_path):
  path = save(
    tmp_path, train=greys(9), train_labels=np.arange(9), test=greys(2)
  )
  fake = load(path, 'dynamic', fake_data=True)
  assert fake.train.shape == (200, 4, 5, 1)
  assert fake.dynamic
  assert fake.test_labels.shape == (100,)
  assert set(np.unique(fake.test)) == {0, 1}


@pytest.mark.parametrize('binarize', ['threshold', 'dynamic'])
def test_greys_up_to_one_are_those_up_to_255(tmp_path, binarize):
  ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
  of_255 = {split: ramp for split in ('train', 'validation', 'test')}
  one = load(save(tmp_path, **of_255), binarize)
  for kind in ('f4', 'f8'):
    scaled = {
      k: (v / np.array(255, kind)).astype(kind) for k, v in of_255.items()
    }
    other = load(save(tmp_path, **scaled), binarize)
    for split in of_255:
      ours, theirs = getattr(one, split), getattr(other, split)
      np.testing.assert_allclose(ours, theirs, rtol=1e-6)
      if binarize == 'threshold':
        np.testing.assert_array_equal(ours, theirs)


def test_greys_that_were_resized_are_taken(tmp_path):
  x = greys(9) * 0.99
  loaded = load(save(tmp_path, train=x, test=x), 'dynamic')
  assert 0.9 < loaded.train.max() < 1


@pytest.mark.parametrize(
  ('arrays', 'binarize', 'sentence'),
  [
    ({}, '', "no array 'train', only nothing"),
    ({'train': bits(3)}, '', "no array 'test', only train"),
    ({'train': bits(3), 'test': bits(3), 'valid': bits(3)}, '', 'holds valid,'),
    (
      {'train': bits(3), 'test': bits(3), 'val': bits(3)},
      '',
      r'did you mean validation for val\?',
    ),
    (
      {'x_train': bits(3), 'x_test': bits(3)},
      '',
      'did you mean test for x_test, train for x_train',
    ),
    (
      {'train': bits(3), 'test': bits(3), 'validation_labels': np.arange(3)},
      '',
      "'validation_labels' but no 'validation'",
    ),
    ({'train': bits(1), 'test': bits(3)}, '', 'single image'),
    ({'train': bits(0), 'test': bits(3)}, '', "'train'.*is empty"),
    ({'train': bits(3), 'test': bits(0)}, '', "'test'.*is empty"),
    ({'train': bits(3, (20,)), 'test': bits(3)}, '', r'\[3, 20\]; expected'),
    ({'train': bits(3, (784,)), 'test': bits(3)}, '', r'reshape\(-1, 28, 28'),
    ({'train': bits(28, (28, 70)), 'test': bits(3)}, '', '70 images of 28x28'),
    (
      {'train': bits(28, (28, 50)), 'test': bits(28, (28, 20))},
      '',
      r'the last axis.*moveaxis\(x, -1, 0',
    ),
    ({'train': bits(3, (1, 1)), 'test': bits(3)}, '', 'enlarge them'),
    ({'train': bits(3) * 2.0, 'test': bits(3)}, 'dynamic', 'up to 2,.*is 255'),
    ({'train': bits(3) * 1.7, 'test': bits(3)}, 'threshold', 'up to 1.7'),
    ({'train': bits(3) * 16, 'test': bits(3)}, 'threshold', 'up to 16, which'),
    ({'train': bits(3, (4, 5, 3)), 'test': bits(3)}, '', 'one channel'),
    ({'train': np.float32(1), 'test': bits(3)}, '', r'shape \[\]; expected'),
    ({'train': bits(3, (1, 5)), 'test': bits(3)}, '', r'1x5.*2\.\.64'),
    ({'train': bits(3, (4, 65)), 'test': bits(3)}, '', r'4x65.*2\.\.64'),
    ({'train': bits(3), 'test': bits(3, (5, 4))}, '', '5x4 pixels but'),
    ({'train': bits(3) * np.nan, 'test': bits(3)}, '', "'train'.*NaN"),
    (
      {'train': bits(3), 'test': bits(3) + np.inf},
      '',
      "'test'.*NaN or infinite",
    ),
    ({'train': bits(3) * np.nan, 'test': bits(3)}, 'threshold', 'NaN'),
    ({'train': bits(3).astype(str), 'test': bits(3)}, '', 'type <U.*expected'),
    ({'train': bits(3) * 1j, 'test': bits(3)}, '', 'type complex128'),
    ({'train': greys(3), 'test': bits(3)}, '', 'not bits.*binarize=threshold'),
    ({'train': greys(3) / 255, 'test': bits(3)}, '', 'choose --binarize='),
    ({'train': greys(3) - 200.0, 'test': bits(3)}, 'dynamic', 'values from -'),
    ({'train': greys(3) + 200.0, 'test': bits(3)}, '', 'values from 2.*to 4'),
    ({'train': bits(3), 'test': bits(3)}, 'threshold', 'leave it out for bits'),
    ({'train': bits(3) > 0, 'test': bits(3)}, 'dynamic', 'leave it out'),
    ({'train': greys(3), 'test': bits(3)}, 'dynamic', "'test'.*no value above"),
    (
      {'train': bits(3), 'test': bits(3), 'train_labels': np.arange(2)},
      '',
      r"labels of 'train'.*\[2\]; expected \[3\]",
    ),
    (
      {'train': bits(3), 'test': bits(3), 'test_labels': np.ones(3)},
      '',
      'float64; expected integers',
    ),
    (
      {'train': np.array([{}]), 'test': bits(3)},
      '',
      'no .npz of plain arrays.*[Oo]bject',
    ),
  ],
)
def test_a_wrong_content_is_refused(tmp_path, arrays, binarize, sentence):
  with np.errstate(all='ignore'):
    path = save(tmp_path, **arrays)
  with pytest.raises(errors.UserError, match=sentence) as e:
    load(path, binarize)
  assert len(str(e.value).splitlines()) == 1


def test_a_missing_file_is_refused():
  with pytest.raises(errors.UserError, match='there is no file .*gone.npz'):
    load('gone.npz')


def test_a_directory_is_refused(tmp_path):
  (tmp_path / 'd.npz').mkdir()
  with pytest.raises(errors.UserError, match='cannot be read'):
    load(str(tmp_path / 'd.npz'))


@pytest.mark.parametrize('content', [b'', b'hello', pickle.dumps([1, 2, 3])])
def test_a_file_that_is_no_npz_is_refused(tmp_path, content):
  path = tmp_path / 'x.npz'
  path.write_bytes(content)
  with pytest.raises(errors.UserError, match='no .npz of plain arrays'):
    load(str(path))


def test_a_lone_npy_and_a_cut_or_damaged_npz_are_refused(tmp_path):
  path = save(tmp_path, train=greys(50), test=greys(50))
  with open(path, 'rb') as f:
    content = f.read()
  damaged = bytearray(content)
  damaged[500] ^= 255  # The zip's checksum tells.
  np.save(tmp_path / 'x.npy', greys(3))
  for wrong in (
    content[: len(content) // 2],
    bytes(damaged),
    (tmp_path / 'x.npy').read_bytes(),
  ):
    with open(path, 'wb') as f:
      f.write(wrong)
    with pytest.raises(errors.UserError, match='no .npz of plain arrays'):
      load(path, 'threshold')


def test_the_home_directory_is_understood(tmp_path, monkeypatch):
  monkeypatch.setenv('HOME', str(tmp_path))
  save(tmp_path, train=bits(3), test=bits(2))
  assert len(load('~/mine.npz').test) == 2
