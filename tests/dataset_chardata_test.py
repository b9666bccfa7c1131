# SPDX-License-Identifier: Apache-2.0
"""Burda's chardata.mat, from fabricated files of the same form."""

import numpy as np
import pytest
import scipy.io

from tfp_rd import config, dataset, errors


def save(path, **arrays):
  scipy.io.savemat(path / 'chardata.mat', arrays)
  return str(path / 'chardata.mat')


def load(path, **fields):
  return dataset.load(config.DataConfig(dataset=path, **fields))


def columns(num, seed=0):
  return np.random.RandomState(seed).uniform(size=(784, num))


def test_columns_become_upright_images_in_the_authors_split(tmp_path):
  data, testdata = columns(1350), columns(6, seed=1)
  path = save(tmp_path, data=data, testdata=testdata, target=np.eye(3))
  loaded = load(path)
  order = np.random.RandomState(123).permutation(1350)
  for image, index in zip(loaded.train, order, strict=False):
    upright = data[:, index].reshape(28, 28, order='F')
    np.testing.assert_allclose(image[..., 0], upright, rtol=1e-6)
  assert loaded.train.shape == (5, 28, 28, 1)
  assert loaded.validation.shape == (1345, 28, 28, 1)
  assert loaded.test.shape == (6, 28, 28, 1)
  assert loaded.dynamic
  assert loaded.name == 'chardata'


def test_validation_and_test_are_drawn_once_from_their_greys(tmp_path):
  sure = np.zeros((784, 1350))
  sure[28] = 1  # The second column's first pixel.
  path = save(tmp_path, data=sure, testdata=sure)
  loaded = load(path)
  for split in (loaded.validation, loaded.test):
    assert split[:, 0, 1].all()
    assert split.sum() == len(split)


@pytest.mark.parametrize(
  ('arrays', 'sentence'),
  [
    ({'data': columns(1350)}, "no 'testdata'"),
    ({'X': columns(9), 'y': columns(9)}, 'only X, y; .*numpy.savez'),
    ({'data': columns(1345), 'testdata': columns(2)}, 'more than 1345'),
    ({'data': columns(9).T, 'testdata': columns(2)}, r'\[9, 784\]; expected'),
    ({'data': 'text', 'testdata': columns(2)}, "'data'.*expected numbers"),
    ({'data': columns(9) * 255, 'testdata': columns(2)}, r'in \[0, 1\]'),
    ({'data': columns(9) * np.nan, 'testdata': columns(2)}, "'data'.*NaN"),
    ({'data': columns(1350), 'testdata': columns(0)}, "'testdata'.*is empty"),
  ],
)
def test_a_wrong_content_is_refused(tmp_path, arrays, sentence):
  with pytest.raises(errors.UserError, match=sentence) as e:
    load(save(tmp_path, **arrays))
  assert len(str(e.value).splitlines()) == 1


@pytest.mark.parametrize('content', [b'', b'hello', b'\x89HDF\r\n' * 99])
def test_a_file_that_is_no_matlab_file_is_refused(tmp_path, content):
  path = tmp_path / 'x.mat'
  path.write_bytes(content)
  with pytest.raises(errors.UserError, match='no MATLAB file'):
    load(str(path))


def test_a_missing_file_is_refused():
  with pytest.raises(errors.UserError, match='there is no file gone.mat'):
    load('gone.mat')


def test_fake_data_needs_the_file_but_not_its_images(tmp_path):
  path = save(tmp_path, data=columns(1350), testdata=columns(2))
  fake = load(path, fake_data=True)
  assert fake.train.shape == (200, 28, 28, 1)
  assert fake.dynamic
