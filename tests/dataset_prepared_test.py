# SPDX-License-Identifier: Apache-2.0
"""Sets of tensorflow-datasets, here tiny fakes of their builders."""

import pathlib
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from tfp_rd import config, dataset, errors
from tfp_rd.dataset import mnist, omniglot


class FakeBuilder:
  """As much of a `tfds.core.DatasetBuilder` as is used."""

  url_infos = {'https://host.invalid/file.gz': None}

  def __init__(self, name, folder, **splits):
    self.name = name
    self.data_path = pathlib.Path(folder) / name / '1.0.0'
    self.splits = splits
    self.num_prepared = 0

  def place(self):
    self.data_path.mkdir(parents=True)
    (self.data_path / 'dataset_info.json').write_text('{}')
    return self

  def download_and_prepare(self, **_):
    print('Downloading and preparing ...')
    self.num_prepared += 1
    self.place()

  def as_dataset(self, *, split, batch_size):
    return tf.data.Dataset.from_tensor_slices(self.splits[split]).batch(
      batch_size
    )


@pytest.fixture
def use(monkeypatch):
  def install(builder):
    monkeypatch.setattr(tfds, 'builder', lambda name, data_dir: builder)
    return builder

  return install


def load(name, data_dir=''):
  return dataset.load(config.DataConfig(dataset=name), data_dir=data_dir)


def pixels(num, seed, high=256):
  random = np.random.RandomState(seed)
  return random.randint(high, size=(num, 28, 28, 1)).astype(np.uint8)


def test_binarized_mnist_keeps_its_splits_and_shuffles_test(tmp_path, use):
  splits = {
    s: {'image': pixels(n, n, high=2)}
    for s, n in (('train', 7), ('validation', 5), ('test', 40))
  }
  use(FakeBuilder('binarized_mnist', tmp_path, **splits).place())
  loaded = load('binarized_mnist')
  np.testing.assert_array_equal(loaded.train, splits['train']['image'])
  np.testing.assert_array_equal(
    loaded.validation, splits['validation']['image']
  )
  order = np.random.RandomState(0).permutation(40)
  np.testing.assert_array_equal(loaded.test, splits['test']['image'][order])
  assert loaded.train_labels is None
  assert not loaded.dynamic


def test_mnist_validates_on_the_last_of_train(tmp_path, use, monkeypatch):
  monkeypatch.setattr(mnist, '_NUM_VALIDATION', 20)
  train, test = pixels(50, 0), pixels(20, 1)
  builder = FakeBuilder(
    'mnist',
    tmp_path,
    train={'image': train, 'label': np.arange(50)},
    test={'image': test, 'label': np.arange(20)},
  )
  use(builder.place())
  loaded = load('mnist')
  assert loaded.dynamic
  np.testing.assert_allclose(loaded.train, train[:30] / 255, rtol=1e-6)
  np.testing.assert_array_equal(loaded.validation_labels, np.arange(30, 50))
  for drawn, grey in ((loaded.validation, train[30:]), (loaded.test, test)):
    assert not drawn[grey == 0].any()
    assert drawn[grey == 255].all()
    assert abs(drawn.mean() - grey.mean() / 255) < 0.02
  np.testing.assert_array_equal(loaded.test, load('mnist').test)


def test_reduction_by_area_equals_the_integral_over_each_box():
  random = np.random.RandomState(0)
  drawing = random.randint(2, size=(105, 105)).astype(np.float32)
  reduced = omniglot.reduce_by_area(drawing[np.newaxis], side=28)[0]
  # 420 is a multiple of both: each pixel 4x4, each box 15x15 of its cells.
  fine = drawing.repeat(4, axis=0).repeat(4, axis=1)
  direct = fine.reshape(28, 15, 28, 15).mean(axis=(1, 3))
  np.testing.assert_allclose(reduced, direct, atol=1e-6)


@pytest.mark.parametrize('num', [28, 29, 56, 105])
def test_reduction_by_area_keeps_means_and_constants(num):
  random = np.random.RandomState(0)
  drawing = random.uniform(size=(3, num, num))
  reduced = omniglot.reduce_by_area(drawing, side=28)
  np.testing.assert_allclose(
    reduced.mean(axis=(1, 2)), drawing.mean(axis=(1, 2)), rtol=1e-5
  )
  ones = omniglot.reduce_by_area(np.ones((1, num, num)), side=28)
  np.testing.assert_allclose(ones, 1, rtol=1e-6)


def omniglot_split(characters, seed):
  """Drawings whose left half is ink, twenty of each character, mixed."""
  labels = np.random.RandomState(seed).permutation(np.repeat(characters, 20))
  drawings = np.full((len(labels), 105, 105, 3), 255, np.uint8)
  drawings[:, :, :53] = 0
  return {'image': drawings, 'label': labels, 'alphabet': labels % 50}


def test_omniglot_splits_the_drawings_of_each_character(tmp_path, use):
  parts = {'train': omniglot_split([3, 60], 0), 'test': omniglot_split([9], 1)}
  use(FakeBuilder('omniglot', tmp_path, **parts).place())
  loaded = load('omniglot')
  for split, num in (('train', 14), ('validation', 1), ('test', 5)):
    counted = np.bincount(getattr(loaded, f'{split}_labels'))
    np.testing.assert_array_equal(counted[[3, 9, 10]], num)
    assert len(getattr(loaded, split)) == 3 * num
  row = np.r_[np.ones(14), np.zeros(14)]
  row[14] = (53 - 14 * 3.75) / 3.75
  expected = np.tile(row, (28, 1))
  for image in loaded.train:
    np.testing.assert_allclose(image[..., 0], expected, atol=1e-5)


def test_a_set_that_cannot_be_downloaded_says_how_to_place_it(
  tmp_path, monkeypatch
):
  def no_network(url, timeout):
    raise urllib.error.URLError('no network')

  monkeypatch.setattr(urllib.request, 'urlopen', no_network)
  start = time.perf_counter()
  with pytest.raises(errors.UserError) as e:
    load('mnist', str(tmp_path / 'sets'))
  assert time.perf_counter() - start < 20
  for expected in (
    str(tmp_path / 'sets' / 'mnist' / '3.'),
    'cannot be downloaded',
    'no network',
    "tfds.load('mnist'",
  ):
    assert expected in str(e.value)
  assert len(str(e.value).splitlines()) == 1


def test_a_set_that_is_missing_is_downloaded_once_and_quietly(
  tmp_path, use, monkeypatch, capsys
):
  class Answer:
    def __enter__(self):
      return self

    def __exit__(self, *_):
      pass

  monkeypatch.setattr(urllib.request, 'urlopen', lambda url, timeout: Answer())
  splits = {
    s: {'image': pixels(3, 0, high=2)} for s in ('train', 'validation', 'test')
  }
  builder = use(FakeBuilder('binarized_mnist', tmp_path, **splits))
  load('binarized_mnist')
  load('binarized_mnist')
  assert builder.num_prepared == 1
  assert capsys.readouterr() == ('', '')


def test_a_damaged_set_says_to_prepare_it_again(tmp_path, use, monkeypatch):
  builder = use(FakeBuilder('mnist', tmp_path).place())

  def damaged(**_):
    raise AssertionError('no files\nat all')

  monkeypatch.setattr(builder, 'as_dataset', damaged)
  with pytest.raises(errors.UserError, match=r'damaged \(no files\)'):
    load('mnist')
