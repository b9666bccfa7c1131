# SPDX-License-Identifier: Apache-2.0
"""A run is its configuration, and one run has one identity."""

import dataclasses
import json
import typing

import numpy as np
import pytest

from tfp_rd import config, dataset, errors, objective, record_text, source
from tfp_rd.objective import beta_elbo
from tfp_rd.run import preset


def replaced(**kwargs):
  return dataclasses.replace(config.Config(), **kwargs)


def model(**kwargs):
  return replaced(model=config.ModelConfig(**kwargs))


def training(**kwargs):
  return replaced(training=config.TrainingConfig(**kwargs))


def test_the_record_survives_its_text():
  cell = replaced(
    model=config.ModelConfig(
      architecture='-+v', dropout=0.1, latent_size=3, options={'width': 2}
    ),
    data=config.DataConfig(fake_data=True),
    objective='beta_elbo(beta=0.3)',
  )
  read = config.Config.from_dict(json.loads(json.dumps(cell.to_dict())))
  assert read == cell
  assert hash(read) == hash(cell)
  assert read.digest == cell.digest


# Written down once: a run that is on disk keeps its name for good.
NAMES = {
  'run_---_beta1_44136fa3': config.Config(),
  'run_-+v_beta0.3_d4199729': replaced(
    model=config.ModelConfig(architecture='-+v'),
    objective='beta_elbo(beta=0.3)',
  ),
  'run_---_multi_rate_7e630674': replaced(objective='multi_rate()'),
  'run_---_target_rate_6719d923': replaced(
    objective='target_rate(target_rate_nats=5.0)', seed=2
  ),
  'run_+++_beta1_a2f9ea21': replaced(
    data=config.DataConfig('templates(side=4)'),
    model=config.ModelConfig(architecture='+++', latent_size=2),
    training=config.TrainingConfig(num_steps=7, precision='bfloat16'),
  ),
}


@pytest.mark.parametrize('name', NAMES)
def test_runs_keep_their_names(name):
  assert NAMES[name].name == name


def test_the_shipped_runs_have_the_names_of_their_presets():
  cells = {cell.name for cell in preset.PRESETS['plane'].cells()}
  assert 'run_---_multi_rate_' in ' '.join(cells)
  assert len(cells) == 12


# A default is frozen once a field exists: a run without it has this value.
DEFAULTS = {
  'DataConfig': {
    'dataset': 'digits', 'binarize': '', 'fake_data': False, 'sha256': '',
  },
  'ModelConfig': {
    'architecture': '---', 'size': 'small', 'latent_size': None,
    'num_pseudo_inputs': None, 'latent_input': '', 'dropout': None,
    'options': {},
  },
  'TrainingConfig': {
    'num_steps': 1500, 'batch_size': 128, 'learning_rate': 0.003,
    'normalize_gradients': False, 'weight_averaging': 0.99,
    'validate_every': 100, 'validation_examples': 1000,
    'precision': 'float32',
  },
  'EvaluationConfig': {
    'eval_samples': 16, 'eval_examples': None, 'eval_train_examples': None,
    'eval_betas': (), 'eval_max_points': 0,
  },
}  # fmt: skip


@pytest.mark.parametrize('record', DEFAULTS)
def test_defaults_are_frozen(record):
  cls = getattr(config, record)
  found = {f.name: f.default for f in dataclasses.fields(cls)}
  found = {k: dict(v) if k == 'options' else v for k, v in found.items()}
  # A new field is a new line here; no line ever changes.
  assert found == DEFAULTS[record]


def test_defaults_of_objectives_and_sources_are_frozen():
  texts = [
    record_text.write(objective.parse(name), whole=True)
    for name in objective.names()
  ]
  # A new field is more text here; what is there never changes.
  assert texts == [
    'beta_elbo(beta=1.0, kl_annealing_steps=0)',
    'multi_rate(beta_min=0.05, beta_max=10.0, num_groups=8, weight_power=0.0)',
    'target_rate(target_rate_nats=1.0, weight=1.0)',
  ]
  assert [dataset.canonical(name) for name in source.names()] == [
    'templates(num_templates=16, noise=0.05, side=8, seed=0)',
    'factors(num_shapes=8, noise=0.05, side=8, seed=0)',
    "ising(coupling=0.4, side=8, boundary='free')",
  ]


@pytest.mark.parametrize(
  ('name', 'shape', 'dropout'),
  [
    ('digits', (8, 8, 1), 0.3),
    ('binarized_mnist', (28, 28, 1), 0.0),
    ('mnist', (28, 28, 1), 0.0),
    ('omniglot', (28, 28, 1), 0.0),
    ('templates', (8, 8, 1), 0.0),
  ],
)
def test_defaults_of_data_sets_are_frozen(name, shape, dropout):
  cell = replaced(data=config.DataConfig(name))
  small = cell.complete_model(shape)
  sizes = (16, 100) if shape[0] == 28 else (8, 50)
  assert (small.latent_size, small.num_pseudo_inputs) == sizes
  assert small.latent_input == 'everywhere'
  assert small.dropout == dropout
  assert dataset.known_traits(name).image_shape == shape
  paper = model(size='paper').complete_model(shape)
  assert dataclasses.astuple(paper)[2:6] == (64, 500, 'concatenated', 0.0)


def test_a_new_field_renames_no_run_and_another_value_does():
  for record in ('data', 'model', 'training'):
    cls = type(getattr(config.Config(), record))
    new = dataclasses.make_dataclass(
      cls.__name__,
      [('colour', str, dataclasses.field(default='blue'))],
      bases=(cls,),
      frozen=True,
    )
    fields = dataclasses.asdict(getattr(config.Config(), record))
    assert replaced(**{record: new(**fields)}).name == config.Config().name
    other = replaced(**{record: new(**fields, colour='red')})
    assert other.digest != config.Config().digest


def test_a_new_field_of_an_objective_renames_no_run_and_another_value_does():
  new = dataclasses.make_dataclass(
    'BetaElbo',
    [('colour', float, dataclasses.field(default=2.0))],
    bases=(beta_elbo.BetaElbo,),
    frozen=True,
    repr=False,
  )
  assert replaced(objective=new()).name == config.Config().name
  assert replaced(objective=new(colour=3.0)).digest != config.Config().digest


def test_every_field_is_written():
  fields = replaced(objective='multi_rate()').to_dict()
  assert 'num_groups=8' in fields['objective']
  assert config.Config.from_dict(fields) == replaced(objective='multi_rate()')


def test_what_counts_changes_the_identity():
  base = replaced(
    model=config.ModelConfig(architecture='-+v'), objective='multi_rate()'
  )
  seen = {base.digest}
  for record in ('data', 'model', 'training'):
    value = getattr(base, record)
    for field in dataclasses.fields(value):
      other = _another(field, getattr(value, field.name))
      changed = dataclasses.replace(
        base, **{record: dataclasses.replace(value, **other)}
      )
      assert changed.digest not in seen, field.name
      seen.add(changed.digest)
  for other in (
    dataclasses.replace(base, seed=1),
    dataclasses.replace(base, objective='multi_rate(num_groups=4)'),
    dataclasses.replace(base, warm_start='up', parent='1a2b3c4d'),
    dataclasses.replace(base, warm_start='down', parent='1a2b3c4d'),
    dataclasses.replace(base, warm_start='longer', parent='1a2b3c4d'),
  ):
    assert other.digest not in seen
    seen.add(other.digest)


def _another(field, value):
  choices = {
    'dataset': 'ising',
    'binarize': 'dynamic',
    'sha256': 'a' * 64,
    'size': 'paper',
    'latent_input': 'concatenated',
    'architecture': '-++',
    'dropout': 0.5,
    'options': {'width': 2},
    'precision': 'bfloat16',
  }
  if field.name in choices:
    return {field.name: choices[field.name]}
  if isinstance(value, bool):
    return {field.name: not value}
  return {field.name: 7 if value is None else value / 2}


def test_how_a_finished_run_is_evaluated_is_no_part_of_what_it_is():
  base = replaced(objective='multi_rate()')
  for evaluation in (
    config.EvaluationConfig(eval_samples=3),
    config.EvaluationConfig(eval_examples=3),
    config.EvaluationConfig(eval_train_examples=3),
    config.EvaluationConfig(eval_betas=(0.5,)),
    config.EvaluationConfig(eval_max_points=40),
  ):
    other = dataclasses.replace(base, evaluation=evaluation)
    assert other != base
    assert other.digest == base.digest


@pytest.mark.parametrize(
  ('one', 'other'),
  [
    (model(dropout=0), model(dropout=0.0)),
    (replaced(objective='beta_elbo'), replaced(objective='beta_elbo(beta=1)')),
    (replaced(seed=np.int64(1)), replaced(seed=1)),
    (training(num_steps=np.int32(9)), training(num_steps=9.0)),
    (
      replaced(data=config.DataConfig('templates')),
      replaced(data=config.DataConfig('templates(noise=0.05, side=8)')),
    ),
    (
      model(),
      model(
        latent_size=8,
        num_pseudo_inputs=50,
        latent_input='everywhere',
        dropout=0.3,
      ),
    ),
    (model(size='paper'), model(size='paper', latent_size=64, dropout=0)),
    (model(options={'b': 1, 'a': 2}), model(options={'a': 2, 'b': 1})),
  ],
)
def test_one_run_has_one_identity(one, other):
  assert one == other
  assert one.digest == other.digest
  json.dumps(one.to_dict())  # Plain values alone.


@pytest.mark.parametrize(
  ('architecture', 'fields', 'counts'),
  [
    ('-+-', {'num_pseudo_inputs': 7}, False),
    ('-+v', {'num_pseudo_inputs': 7}, True),
    ('--v', {'latent_input': 'concatenated'}, False),
    ('-+v', {'latent_input': 'concatenated'}, True),
  ],
)
def test_what_does_nothing_for_a_family_does_not_count(
  architecture, fields, counts
):
  one, other = (
    model(architecture=architecture, **more) for more in ({}, fields)
  )
  assert (one.digest != other.digest) == counts


def test_images_of_no_validation_do_not_count():
  one, other = (
    training(validate_every=0, weight_averaging=0, validation_examples=n)
    for n in (10, 20)
  )
  assert one.digest == other.digest
  assert training(validation_examples=10).digest != training().digest


def test_execution_is_no_part_of_the_identity():
  names = {f.name for f in dataclasses.fields(config.Execution)}
  assert not names & set(config.Config().to_dict())


def test_names_tell_the_run_and_never_begin_with_a_dash():
  cell = replaced(objective='beta_elbo(beta=0.3)')
  assert cell.name == f'run_---_beta0.3_{cell.identity}'
  cell = replaced(objective='target_rate(target_rate_nats=5.0)')
  assert cell.name == f'run_---_target_rate_{cell.identity}'
  assert cell.beta is None


WRONG = {
  config.DataConfig: {
    'dataset': (1, ''),
    'binarize': ('maybe', 1),
    'fake_data': ('yes', 1),
    'sha256': ('/../../x', 'ab', 'A' * 64, 5),
  },
  config.ModelConfig: {
    'architecture': ('--', '-/v', '../', 5, '----'),
    'size': ('huge', 1),
    'latent_size': (0, 1.5, '8', True),
    'num_pseudo_inputs': (0, -1, 2.5),
    'latent_input': ('somewhere', 0),
    'dropout': (1.0, -0.1, '0', float('nan')),
    'options': ({'a b': 1}, {'a': [1]}, {1: 2}),
  },
  config.TrainingConfig: {
    'num_steps': (0, 1.5, 'many', None),
    'batch_size': (-1, 1.5),
    'learning_rate': (float('nan'), float('inf'), 0, '1'),
    'normalize_gradients': ('true', 1),
    'weight_averaging': (1.0, -0.5),
    'validate_every': (-1, 0.5),
    'validation_examples': (0,),
    'precision': ('float16', 16),
  },
  config.EvaluationConfig: {
    'eval_samples': (0, 1.5),
    'eval_examples': (0, 'all'),
    'eval_train_examples': (0, 2.5),
    'eval_betas': ((0.0,), (-1,), ('1',), 'x', 3, (float('inf'),)),
    'eval_max_points': (-1, 2.5, None, '40'),
  },
  config.Execution: {
    'data_dir': (1,),
    'run_root': (None,),
    'checkpoint_seconds': (-1, float('nan'), '60'),
    'steps_per_call': (0, 2.5),
    'jit_compile': (True, 'yes'),
    'tensorboard': ('yes',),
  },
}


@pytest.mark.parametrize(
  ('cls', 'name', 'value'),
  [
    (cls, name, value)
    for cls, fields in WRONG.items()
    for name, values in fields.items()
    for value in values
  ],
)
def test_each_field_is_checked_however_it_is_made(cls, name, value):
  what = 'option' if name == 'options' else name
  with pytest.raises(errors.UserError, match=what):
    cls(**{name: value})
  with pytest.raises(errors.UserError, match=what):
    dataclasses.replace(cls(), **{name: value})


def test_no_field_is_left_unchecked():
  for cls, fields in WRONG.items():
    assert set(fields) == set(typing.get_type_hints(cls))


@pytest.mark.parametrize(
  ('fields', 'match'),
  [
    ({'objective': '1 + 1'}, 'beta_elbo'),
    ({'objective': 5}, 'objective'),
    ({'data': 'digits'}, 'data'),
    ({'seed': 2**31}, 'seed'),
    ({'seed': 1.5}, 'seed'),
    ({'warm_start': 'up'}, 'both or neither'),
    ({'warm_start': 'up', 'parent': '../../x'}, 'parent'),
    ({'training': config.TrainingConfig(validate_every=0)}, 'weight_averaging'),
    (
      {'evaluation': config.EvaluationConfig(eval_betas=(0.5,))},
      'has one point',
    ),
  ],
)
def test_what_does_not_go_together_is_refused(fields, match):
  with pytest.raises(errors.UserError, match=match):
    replaced(**fields)


def test_a_user_s_file_counts_by_its_content_wherever_it_lies(tmp_path):
  paths = [tmp_path / name for name in ('x.npz', 'y.npz', 'z.npz')]
  for path, content in zip(paths, (b'a', b'a', b'b'), strict=True):
    path.write_bytes(content)
  one, two, other = (replaced(data=config.DataConfig(p)) for p in paths)
  assert len(one.data.sha256) == 64
  assert one.digest == two.digest
  assert one.data.key == two.data.key
  assert one.digest != other.digest
  assert one.data.key != other.data.key


@pytest.mark.parametrize(
  'fields',
  [
    {'colour': 1},
    {'data': {'colour': 1}},
    {'data': []},
    {'training': None},
    {'model': 'x'},
  ],
)
def test_what_is_no_configuration_is_refused(fields):
  with pytest.raises(errors.UserError):
    config.Config.from_dict(fields)
