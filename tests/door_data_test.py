# SPDX-License-Identifier: Apache-2.0
"""Images may be a record, or a data set of tf.data; the rest is refused."""

import numpy as np
import pytest
import tensorflow as tf
from small_fit import bits, build, fit

import tfp_rd
from tfp_rd.model import examples as of_a_model
from tfp_rd.training import examples


def data_set(**changes):
  arrays = {'train': bits(), 'validation': bits(6), 'test': bits(5), **changes}
  return tfp_rd.dataset.Dataset('mine', **arrays)


def read(images, *, of=None, **changes):
  given = {'validation': None, 'labels': None, 'dynamic': False, **changes}
  objective = given.pop('objective', tfp_rd.BetaElbo())
  of = build() if of is None else of
  return examples.read(of, images, objective=objective, **given)


def test_a_record_is_its_arrays():
  data = data_set()
  assert fit(data) == fit(data.train, validation=data.validation)
  given = read(data)
  assert given.images is data.train
  assert given.validation is data.validation
  assert not given.dynamic
  assert given.labels is None
  other = read(data, validation=bits(3))
  assert len(other.validation) == 3
  assert read(bits(), validation=data).validation is data.validation
  assert read(data_set(train=0.9 * bits(), dynamic=True)).dynamic
  with pytest.raises(tfp_rd.UserError, match=r"data set 'mine'.*data\.test"):
    tfp_rd.evaluate(build(), data)


class Labelled(tfp_rd.BetaElbo):
  requires = ('labels',)


def test_the_labels_of_a_record_are_for_who_requires_them():
  labels = {'train_labels': np.arange(10)}
  data = data_set(**labels)
  assert read(data).labels is None
  assert read(data, objective=Labelled()).labels is data.train_labels
  with pytest.raises(tfp_rd.UserError, match='9 labels and 10 images'):
    read(data, labels=np.zeros(9))


def tensors(x):
  return tf.data.Dataset.from_tensor_slices(x)


@pytest.mark.parametrize('conditional', [False, True])
@pytest.mark.parametrize(
  'given',
  [
    tensors(bits()),
    tensors(bits()).batch(4),
    tensors(bits()).batch(5, drop_remainder=True),
    tensors(bits()).filter(lambda x: True),
  ],
  ids=['images', 'batches', 'full_batches', 'unknown_size'],
)
def test_a_data_set_of_tensorflow_is_an_array(given, conditional):
  of = build(conditional=conditional)
  for array in read(given, of=of, validation=given)[:2]:
    np.testing.assert_array_equal(array, bits())


def test_a_data_set_of_tensorflow_is_trained_on_and_measured():
  given = tensors(bits()).batch(4)
  assert fit(given) == fit()
  of = build()
  assert tfp_rd.evaluate(of, given) == tfp_rd.evaluate(of, bits())


def test_a_data_set_of_unknown_length_may_have_no_end(monkeypatch):
  given = tensors(bits()).repeat().filter(lambda x: True)
  monkeypatch.setattr(of_a_model, '_MOST_BYTES', 64 * 20)
  with pytest.raises(tfp_rd.UserError, match='not ended after 20 elements'):
    fit(given)
  known = tensors(bits(21))  # Its length says that it ends.
  assert len(read(known).images) == 21


@pytest.mark.parametrize(
  ('given', 'sentence'),
  [
    (lambda: tensors(bits()).repeat(), r'without end.*dataset\.take\(1000\)'),
    (lambda: tensors((bits(), bits())), 'of tuples of 2; map it to images'),
    (lambda: tensors({'x': bits()}), 'of type dict; map it to images'),
    (lambda: tensors(bits()).take(0), 'without elements; give at least one'),
    (lambda: (x for x in bits()), r'a generator.*np\.stack\(list\(images\)\)'),
    (lambda: (bits(), np.zeros(10)), r'a tuple that is no array.*labels='),
  ],
)
def test_what_is_no_array(given, sentence):
  of = build()
  for door in (lambda x: fit(x, of), lambda x: tfp_rd.evaluate(of, x)):
    with pytest.raises(tfp_rd.UserError, match=f'images is.*{sentence}'):
      door(given())
