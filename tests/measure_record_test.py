# SPDX-License-Identifier: Apache-2.0
"""Measures are records: read and written as text, and called on any model."""

import dataclasses
import importlib
import json
import re
import subprocess
import sys
from typing import ClassVar

import numpy as np
import pytest

import tfp_rd
from tfp_rd import dataset, errors, measure, source
from tfp_rd.estimate import Estimate, STATUSES, Value
from tfp_rd.measure import excess_split


@pytest.mark.parametrize('name', measure.names())
def test_a_record_is_read_as_it_was_written(name):
  record = getattr(measure, name)()
  assert record == measure.parse(name) == measure.parse(repr(record))
  assert dataclasses.is_dataclass(record)
  assert hash(record) == hash(measure.parse(name))
  assert repr(record) == f'{name}()'
  with pytest.raises(dataclasses.FrozenInstanceError):
    record.name_of_no_field = 1
  assert type(record).__doc__.splitlines()[0].endswith('.')


def test_a_record_loads_without_tensorflow():
  code = (
    'import sys, tfp_rd\n'
    'tfp_rd.measure.shares(seed=1)\n'
    'assert tfp_rd.measure.parse_several("shares")\n'
    'print("tensorflow" in sys.modules)'
  )
  done = subprocess.run(
    [sys.executable, '-c', code], capture_output=True, text=True, check=True
  )
  assert done.stdout.strip() == 'False'


def test_a_name_is_the_record_and_not_its_module():
  importlib.import_module('tfp_rd.measure.shares')
  assert measure.shares(seed=2).seed == 2
  for name in measure.__all__:
    assert not isinstance(getattr(measure, name), type(sys))


def test_commas_inside_of_brackets_separate_fields():
  first, second = measure.parse_several('shares(num_draws=50, seed=1) ,shares')
  assert (first.num_draws, first.seed) == (50, 1)
  assert second == measure.shares()
  assert measure.parse_several('shares,shares()') == (measure.shares(),)
  lists = measure.parse_several('shares(seed=1),shares(seed=2),shares(seed=3)')
  assert [record.seed for record in lists] == [1, 2, 3]


@pytest.mark.parametrize(
  ('text', 'words'),
  [
    ('sares', "'sares' is no measure; did you mean 'shares'?"),
    ('xyz', "'xyz' is no measure; choose one of shares"),
    ('shares(num_drws=5)', "no field 'num_drws'"),
    ('shares(num_draws=1)', 'num_draws of shares is 1; expected'),
    ('shares(num_images=1)', 'num_images of shares is 1'),
    ('shares(num_images=-1)', 'num_images of shares is -1'),
    ('shares(seed=0.5)', 'seed of shares is 0.5'),
    ('shares,', "'' cannot be read"),
    ('', "'' cannot be read"),
  ],
)
def test_a_mistake_is_a_sentence(text, words):
  with pytest.raises(errors.UserError) as caught:
    measure.parse_several(text)
  assert words in str(caught.value)


def test_a_field_is_canonical():
  found = measure.shares(num_draws=np.int64(50), seed=1.0)
  assert repr(found) == 'shares(num_draws=50, seed=1)'
  assert repr(measure.shares(num_draws=500.0)) == 'shares()'


@dataclasses.dataclass(frozen=True, repr=False)
class Mean(measure.Measure):
  """Returns what it is told, and its seed."""

  name: ClassVar[str] = 'mean'

  scale: float = 1.0
  shift: int = 0

  def values(self, model, data, *, beta, seed):
    return measure.Measured((Value('mean', model, 0.5),), {'seed': seed[0]})


def test_seeds_follow_from_fields_and_beta_alone():
  seeds = {
    record.seed_at(beta)
    for record in (Mean(), Mean(scale=2.0), Mean(shift=1))
    for beta in (None, 0.3, 1.0)
  }
  assert len(seeds) == 9
  assert Mean().seed_at(1) == Mean(1.0, 0).seed_at(np.float64(1.0))
  assert all(0 <= part < 2**31 for pair in seeds for part in pair)
  # Pinned: kept values would no longer be those of the seeds.
  assert Mean().seed_at(1.0) == SEED


SEED = (2144880119, 1979882493)


def test_a_value_is_checked_and_made_plain():
  found = Mean()(np.float32(0.5), None, beta=1.0)
  (value,) = found.values
  assert (value.value_nats, value.stderr_nats) == (0.5, 0.5)
  assert type(value.value_nats) is float
  (value,) = Mean()(np.inf, None).values
  assert (value.status, value.value_nats) == ('undefined', None)
  assert 'not finite' in value.reason
  value = Value('x', 1.0, np.nan).checked()
  assert (value.value_nats, value.stderr_nats) == (1.0, None)
  value = Value('x', value=3, unit='dimensions').checked()
  assert (value.number, value.unit) == (3.0, 'dimensions')


@pytest.mark.parametrize(
  'value',
  [
    Value('x', 1.0, status='sure'),
    Value('x'),
    Value('x', status='undefined'),
    Value('x', 1.0, status='undefined', reason='why'),
    Value('x', '1.0'),
    Value('x', value_nats=True),
    Value('x', 1.0, num_examples=1.5),
    Value(3, 1.0),
    Value('x', 1.0, value=2.0, unit=None),
  ],
)
def test_values_that_contradict_themselves_are_refused(value):
  with pytest.raises(ValueError, match='is'):
    value.checked()


def test_a_measure_that_returns_nonsense_is_named():
  with pytest.raises(errors.UserError, match='measure mean .* invalid value'):
    Mean()('text', None)

  class Twice(Mean):
    def values(self, model, data, *, beta, seed):
      return measure.Measured((Value('a', 1.0), Value('a', 2.0)))

  with pytest.raises(errors.UserError, match='two values of one name'):
    Twice()(None, None)


@pytest.mark.parametrize('status', STATUSES[:-1])
@pytest.mark.parametrize('unit', ['', 'bits'])
def test_a_value_is_read_as_it_was_written(status, unit):
  numbers = {'value': 1.5, 'stderr': None, 'unit': unit}
  if not unit:
    numbers = {'value_nats': 1.5, 'stderr_nats': 0.25, 'cap_nats': 2.0}
  value = Value(
    'x', **numbers, status=status, of='I(X;Z)', num_examples=3, num_samples=4
  )
  fields = json.loads(json.dumps(value.to_dict()))
  assert Value.from_dict(fields) == value.checked()
  assert ('value_nats' in fields) == (not unit)
  for change in ({'status': 'sure'}, {'more': 1}, {'num_samples': 1.5}):
    with pytest.raises((ValueError, TypeError)):
      Value.from_dict({**fields, **change})


def test_an_undefined_value_has_a_reason_and_no_number():
  value = Value.undefined('x', 'no source', of='R')
  assert value.checked() == value
  assert value.number is None
  assert Value.from_dict(value.to_dict()) == value


SMALL = source.Templates(num_templates=3, noise=0.1, side=2)


def data_of(given, **fields):
  images, _ = source.every_image(given)
  return dataset.Dataset(*('x', images, images, images), source=given, **fields)


def test_shares_of_a_model_of_ones_own():
  data = data_of(SMALL)
  model = tfp_rd.build('---', image_shape=(2, 2, 1), latent_size=2)
  record = tfp_rd.measure.shares(num_draws=100, num_images=4, seed=3)
  found = record(model, data, beta=1.0)
  values = {value.name: value for value in found.values}
  images, log_prob = source.every_image(SMALL)
  lost = excess_split.loss_shares(
    model, images, log_prob=log_prob, num_draws=100, seed=3
  )
  for name, field in (
    ('rate', 'rate'),
    ('distortion', 'distortion'),
    ('information', 'information'),
    ('excess', 'excess'),
    ('marginal_share', 'marginal'),
    ('decoder_share', 'decoder'),
  ):
    expected = getattr(lost, field)
    value = values[name]
    assert (value.value_nats, value.stderr_nats) == expected[:2]
    assert (value.status, value.split) == ('exact', 'source')
  best = measure.encoder_share(model, images[:4], beta=1.0, seed=3)
  value = values['encoder_share']
  assert value.value_nats == best.share.nats
  assert (value.status, value.split, value.num_examples) == (
    *('estimate', 'test'),
    4,
  )
  assert found.checks['is_sound'] is True
  assert found.checks['marginal_mass'] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
  ('changes', 'latent_size', 'beta', 'words'),
  [
    ({'num_images': 0}, 2, 1.0, 'num_images is 0'),
    ({}, 3, 1.0, r'z has shape \[3\]'),
    ({}, 2, None, 'without a beta'),
  ],
)
def test_an_encoder_share_that_cannot_be_has_a_reason(
  changes, latent_size, beta, words
):
  model = tfp_rd.build('---', image_shape=(2, 2, 1), latent_size=latent_size)
  record = measure.shares(**{'num_draws': 20, 'num_images': 4, **changes})
  *rest, last = record(model, data_of(SMALL), beta=beta).values
  assert (last.name, last.status) == ('encoder_share', 'undefined')
  assert re.search(words, last.reason)
  assert all(value.status == 'exact' for value in rest)


def test_sums_that_cannot_be_have_a_reason():
  model = tfp_rd.build('---', image_shape=(2, 2, 1), latent_size=2)
  record = measure.shares(num_images=4)
  unknown = dataclasses.replace(data_of(SMALL), source=None)
  many = dataclasses.replace(unknown, source=source.Templates(side=8))
  for data, words in ((unknown, 'not known'), (many, '2^64')):
    *rest, last = record(model, data, beta=1.0).values
    assert len(rest) == 6
    for value in rest:
      assert value.status == 'undefined'
      assert words in value.reason
    assert last.status == 'estimate'


def test_an_estimate_becomes_a_value():
  value = Value.of_estimate('x', Estimate(1.0, 0.1, 7), status='exact', of='R')
  assert value[:5] == ('x', 1.0, 0.1, 'exact', 'R')
  assert value.num_examples == 7
