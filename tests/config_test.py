# SPDX-License-Identifier: Apache-2.0
"""A run is its configuration, and its configuration is a text."""

import dataclasses
import json

import pytest

from tfp_rd import config, errors


def replaced(**kwargs):
  return dataclasses.replace(config.Config(), **kwargs)


def test_the_record_survives_its_text():
  cell = replaced(
    model=config.ModelConfig(architecture='-+v', dropout=0.1, latent_size=3),
    data=config.DataConfig(fake_data=True),
    objective='beta_elbo(beta=0.3)',
  )
  assert config.Config.from_json(cell.to_json()) == cell
  assert config.Config.from_json(cell.to_json()).identity == cell.identity


def test_every_field_changes_the_identity():
  base = config.Config(objective='multi_rate()')
  seen = {base.identity}
  records = ['data', 'model', 'training', 'evaluation']
  for record in records:
    value = getattr(base, record)
    for field in dataclasses.fields(value):
      other = _another(field, getattr(value, field.name))
      changed = dataclasses.replace(
        base, **{record: dataclasses.replace(value, **other)}
      )
      assert changed.identity not in seen, field.name
      seen.add(changed.identity)
  assert dataclasses.replace(base, seed=1).identity not in seen
  warm = dataclasses.replace(base, warm_start='up', parent='1a2b3c4d')
  assert warm.identity not in seen


def _another(field, value):
  choices = {
    'binarize': 'dynamic',
    'size': 'paper',
    'latent_input': 'concatenated',
    'architecture': '-+v',
    'dropout': 0.5,
    'eval_betas': (0.5,),
    'precision': 'bfloat16',
  }
  if field.name in choices:
    return {field.name: choices[field.name]}
  if isinstance(value, bool):
    return {field.name: not value}
  if isinstance(value, str):
    return {field.name: value + 'x'}
  return {field.name: 7 if value is None else value / 2 or 7}


def test_execution_is_no_part_of_the_identity():
  names = {f.name for f in dataclasses.fields(config.Execution)}
  assert not names & set(json.loads(config.Config().to_json()))


def test_names_tell_the_run_and_never_begin_with_a_dash():
  cell = replaced(objective='beta_elbo(beta=0.3)')
  assert cell.name == f'run_---_beta0.3_{cell.identity}'
  cell = replaced(objective='target_rate(target_rate_nats=5.0)')
  assert cell.name == f'run_---_target_rate_{cell.identity}'


@pytest.mark.parametrize(
  'change',
  [
    {'training': {'num_steps': 0}},
    {'training': {'batch_size': -1}},
    {'training': {'learning_rate': float('nan')}},
    {'training': {'learning_rate': float('inf')}},
    {'training': {'weight_averaging': 1.0}},
    {'training': {'validate_every': -1}},
    {'model': {'latent_size': 0}},
    {'model': {'dropout': 1.0}},
    {'model': {'size': 'huge'}},
    {'model': {'latent_input': 'somewhere'}},
    {'data': {'binarize': 'maybe'}},
    {'evaluation': {'eval_samples': 0}},
    {'objective': '1 + 1'},
  ],
)
def test_values_out_of_range_are_refused_by_name(change):
  ((record, fields),) = change.items()
  if record == 'objective':
    with pytest.raises(errors.UserError, match='beta_elbo'):
      replaced(objective=fields)
    return
  value = dataclasses.replace(getattr(config.Config(), record), **fields)
  with pytest.raises(errors.UserError, match=next(iter(fields))):
    replaced(**{record: value})


def test_a_seed_beyond_32_bits_is_refused():
  with pytest.raises(errors.UserError, match='32 bits'):
    replaced(seed=2**31)


def test_a_user_s_file_counts_by_its_content_wherever_it_lies():
  one, two = (
    replaced(data=config.DataConfig(dataset=d, sha256='ab'))
    for d in ('/here/x.npz', '/there/y.npz')
  )
  assert one.identity == two.identity
  other = replaced(data=config.DataConfig(dataset='/here/x.npz', sha256='cd'))
  assert other.identity != one.identity


@pytest.mark.parametrize('text', ['', '{', '[]', '{"colour": 1}', 'null'])
def test_what_is_no_configuration_is_refused(text):
  with pytest.raises(errors.UserError, match='configuration'):
    config.Config.from_json(text)
