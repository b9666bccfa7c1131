# SPDX-License-Identifier: Apache-2.0
"""Data sets by name: the table, the digits, the fakes and the record."""

import dataclasses
import hashlib
import importlib
import subprocess
import sys

import numpy as np
import pytest
from sklearn import datasets as sklearn_datasets

from tfp_rd import config, dataset, errors, source
from tfp_rd.dataset import images

SPLITS = ('train', 'validation', 'test')


def bits(num, shape=(4, 4), seed=0):
  random = np.random.RandomState(seed)
  return random.randint(2, size=(num, *shape, 1)).astype(np.float32)


def record(**changes):
  fields = {'train': bits(5), 'validation': bits(3), 'test': bits(4)}
  return images.Dataset(name='mine', **{**fields, **changes})


def test_digits_are_all_of_scikit_learns_in_the_promised_split():
  loaded = dataset.load(config.DataConfig())
  raw = sklearn_datasets.load_digits()
  order = np.random.RandomState(0).permutation(1797)
  ours = np.concatenate([getattr(loaded, s) for s in SPLITS])
  labels = np.concatenate([getattr(loaded, f'{s}_labels') for s in SPLITS])
  assert [len(getattr(loaded, s)) for s in SPLITS] == [1300, 200, 297]
  np.testing.assert_array_equal(ours[..., 0] == 1, raw.images[order] >= 8)
  np.testing.assert_array_equal(labels, raw.target[order])
  assert ours.dtype == np.float32
  assert labels.dtype == np.int64
  assert loaded.image_shape == (8, 8, 1)
  assert not loaded.dynamic
  assert 0 < loaded.dropout < 1


def test_a_part_of_a_split_keeps_its_order_so_that_runs_can_be_paired():
  given = record(train=bits(40))
  np.testing.assert_array_equal(
    given.evaluation_images('train', count=50), given.train
  )
  part = given.evaluation_images('train', count=7)
  assert len(part) == 7
  places = [
    np.flatnonzero((given.train == one).all(axis=(1, 2, 3)))[0] for one in part
  ]
  assert places == sorted(places)
  assert places != list(range(7))


def test_importing_the_table_and_loading_digits_leaves_tensorflow_out():
  program = (
    'import sys; from tfp_rd import config, dataset; '
    "assert 'sklearn' not in sys.modules; "
    'dataset.load(config.DataConfig()); '
    "heavy = {'tensorflow', 'tensorflow_datasets', 'tf_keras'}; "
    'assert not heavy & set(sys.modules)'
  )
  subprocess.run([sys.executable, '-c', program], check=True)


@pytest.mark.parametrize('name', dataset.names())
def test_fake_data_needs_neither_network_nor_directory(name, monkeypatch):
  file = 'sources' if name in source.names() else name
  module = importlib.import_module(f'tfp_rd.dataset.{file}')
  monkeypatch.setattr(module, 'load', None)  # A call would fail.
  data = config.DataConfig(dataset=name, fake_data=True)
  fake = dataset.load(data, data_dir='nowhere')
  assert [len(getattr(fake, s)) for s in SPLITS] == [200, 100, 100]
  side = 8 if name == 'digits' or name in source.names() else 28
  assert fake.image_shape == (side, side, 1)
  assert fake.name == data.dataset
  assert 0.4 < fake.train.mean() < 0.6
  assert (fake.train_labels is None) == (name in ('binarized_mnist', 'ising'))
  np.testing.assert_array_equal(fake.test, dataset.load(data).test)


def test_fake_digits_differ_from_digits_in_images_alone():
  real, fake = (
    dataset.load(config.DataConfig(fake_data=f)) for f in (False, True)
  )
  assert images.traits_of(real) == images.traits_of(fake)


@pytest.mark.parametrize(
  ('name', 'meant'), [('digit', 'digits'), ('omniglott', 'omniglot')]
)
def test_an_unknown_name_lists_the_names_and_the_one_that_is_meant(name, meant):
  with pytest.raises(errors.UserError, match=f'mean {meant!r}') as e:
    dataset.load(config.DataConfig(dataset=name))
  for expected in (repr(name), *dataset.names(), '.npz', '.mat'):
    assert expected in str(e.value)


def test_an_unknown_name_like_no_other_gets_no_guess():
  with pytest.raises(errors.UserError) as e:
    dataset.load(config.DataConfig(dataset='zzz'))
  assert 'did you mean' not in str(e.value)


@pytest.mark.parametrize('name', [*dataset.names(), 'chardata.mat'])
def test_binarize_is_refused_where_it_means_nothing(name):
  data = config.DataConfig(dataset=name, binarize='threshold', fake_data=True)
  with pytest.raises(errors.UserError, match='only for an .npz of your own'):
    dataset.load(data)


def test_fingerprint_is_the_sha256_of_a_file_and_nothing_for_a_name(tmp_path):
  path = tmp_path / 'x.npz'
  path.write_bytes(b'some bytes')
  expected = hashlib.sha256(b'some bytes').hexdigest()
  assert dataset.fingerprint(str(path)) == expected
  assert dataset.fingerprint('digits') == ''
  with pytest.raises(errors.UserError, match='there is no file'):
    dataset.fingerprint(str(tmp_path / 'y.npz'))
  with pytest.raises(errors.UserError, match='there is no data set'):
    dataset.fingerprint('zzz')


def test_a_file_that_changed_since_its_digest_was_taken_is_refused(tmp_path):
  path = str(tmp_path / 'x.npz')
  np.savez(path, train=bits(5), test=bits(4))
  data = config.DataConfig(dataset=path, sha256=dataset.fingerprint(path))
  dataset.load(data)
  np.savez(path, train=bits(5, seed=1), test=bits(4))
  with pytest.raises(errors.UserError, match='has changed'):
    dataset.load(data)


def test_binarize_keeps_certain_pixels_and_matches_probabilities():
  probabilities = np.repeat(np.float32([0, 0.3, 1]), 10_000)
  drawn = images.binarize(probabilities, seed=3).reshape(3, -1).mean(axis=1)
  assert drawn[0] == 0
  assert drawn[2] == 1
  assert abs(drawn[1] - 0.3) < 5 * np.sqrt(0.3 * 0.7 / 10_000)


def test_binarize_depends_on_its_seed_alone():
  grey = np.full((100,), 0.5)
  once, again, other = (images.binarize(grey, seed=s) for s in (1, 1, 2))
  np.testing.assert_array_equal(once, again)
  assert (once != other).any()


def test_the_record_is_frozen():
  with pytest.raises(dataclasses.FrozenInstanceError):
    record().train = None


@pytest.mark.parametrize(
  ('changes', 'sentence'),
  [
    (
      {'train': np.zeros((5, 16), np.float32)},
      r'train.*\[5, 16\].*one channel',
    ),
    ({'test': np.zeros((5, 4, 4, 3), np.float32)}, 'test.*one channel'),
    ({'validation': bits(0)}, 'validation.*is empty'),
    ({'test': bits(4, (4, 5))}, 'test.*4x5 pixels but those of train have 4x4'),
    ({'train': bits(4, (1, 4))}, r'1x4 pixels.*2\.\.64'),
    ({'train': bits(4, (65, 4))}, r'65x4 pixels.*2\.\.64'),
    ({'test': bits(4) * np.nan}, 'test.*NaN'),
    ({'train': bits(5) / 2}, 'train.*value 0.5; expected only 0 and 1'),
    ({'train': bits(5) * 2, 'dynamic': True}, r'value 2; .*in \[0, 1\]'),
    ({'test': bits(4) / 2, 'dynamic': True}, 'test.*only 0 and 1'),
    ({'test_labels': np.arange(5)}, r'test.*shape \[5\]; expected \[4\]'),
    ({'test_labels': np.zeros((4, 1), int)}, r'shape \[4, 1\]'),
    ({'train_labels': np.zeros(5)}, 'train.*float64; expected integers'),
  ],
)
def test_the_record_refuses_by_a_sentence(changes, sentence):
  with pytest.raises(errors.UserError, match=sentence):
    record(**changes)


def test_the_record_takes_greys_in_train_where_dynamic():
  assert record(train=bits(5) / 2, dynamic=True).dynamic


@pytest.mark.parametrize(
  'text', ['templates(noise=0.1)', 'factors(side=4)', 'ising(coupling=1)']
)
def test_a_source_with_its_fields_is_a_data_set(text):
  loaded = dataset.load(config.DataConfig(text))
  given = source.parse(text)
  assert loaded.source == given
  assert loaded.dynamic
  assert loaded.image_shape == (given.side, given.side, 1)
  assert images.traits_of(loaded) == dataset.traits(config.DataConfig(text))
  for split in ('validation', 'test'):
    log_prob = given.log_prob(getattr(loaded, split))
    error = log_prob.std() / np.sqrt(len(log_prob))
    # The images are of the source, and those of another one would not do.
    assert abs(log_prob.mean() + given.entropy().nats) < 5 * error
    other = given.log_prob(1 - getattr(loaded, split))
    assert other.mean() < log_prob.mean() - 5 * error or given.name == 'ising'


def test_the_splits_of_a_source_are_drawn_apart():
  loaded = dataset.load(config.DataConfig('ising'))
  pairs = [loaded.validation, loaded.test[:1000], loaded.train[:1000] > 0.5]
  for one, two in ((0, 1), (0, 2), (1, 2)):
    assert (pairs[one] != pairs[two]).any(axis=(1, 2, 3)).mean() > 0.9


def test_of_endless_training_images_as_many_are_evaluated_as_of_test():
  loaded = dataset.load(config.DataConfig('templates(side=4)'))
  seen = loaded.evaluation_images('train')
  assert seen.shape == loaded.test.shape
  assert set(np.unique(seen)) == {0, 1}
  assert len(loaded.evaluation_images('train', count=7)) == 7
  assert len(loaded.evaluation_images('test', count=7)) == 7
  # Templates in equal parts, each image another one of it.
  assert (np.bincount(loaded.train_labels) == 1024).all()
  log_prob = loaded.source.log_prob(seen)
  error = log_prob.std() / np.sqrt(len(log_prob))
  assert abs(log_prob.mean() + loaded.source.entropy().nats) < 5 * error


def test_a_source_has_one_text():
  whole = 'templates(num_templates=16, noise=0.1, side=8, seed=0)'
  assert dataset.canonical('templates(noise=.1)') == whole
  assert dataset.canonical('digits') == 'digits'


@pytest.mark.parametrize(
  ('text', 'words'),
  [
    ('templates(nose=0.1)', "no field 'nose'"),
    ('templates(0.1)', 'without its name; write templates'),
    ('templates(noise=0.1', "no '\\)' at its end"),
    ('template', "mean 'templates'"),
  ],
)
def test_a_source_that_cannot_be_read_is_refused(text, words):
  with pytest.raises(errors.UserError, match=words):
    dataset.load(config.DataConfig(text))


def test_a_file_with_the_name_of_a_source_is_a_file(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  np.savez('ising(1).npz', train=bits(20), test=bits(5))
  loaded = dataset.load(config.DataConfig('ising(1).npz'))
  assert loaded.source is None
  assert loaded.name == 'ising(1)'
