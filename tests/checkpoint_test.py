# SPDX-License-Identifier: Apache-2.0
"""Weights are kept by name: what was renamed is refused, not read."""

import hashlib
import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

import tfp_rd
from tfp_rd.model import variables
from tfp_rd.training import checkpoint, loop, program

tfd = tfp.distributions

# Names, types and shapes of every part of the tables, and what a model of
# frozen weights under these names says of four images.  Written by
# `python tests/checkpoint_test.py`, and only where a new part asks for it: a
# name that changes makes all weights on disk unreadable.
FROZEN = pathlib.Path(__file__).parent / 'data' / 'weights.json'
MODELS = ('---', '+++', '--v', '++v')


def build(signs, **kwargs):
  return tfp_rd.build(
    signs,
    image_shape=(4, 4, 1),
    latent_size=2,
    num_pseudo_inputs=3,
    conditional=signs == '++v',
    **kwargs,
  )


def frozen_value(name, shape):
  """Numbers that follow from the name alone."""
  seed = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)
  return 0.2 * np.random.RandomState(seed).randn(*shape)


def nats(model):
  """Rate and distortion of four images, of a curve at one beta."""
  model = model.at(0.3) if hasattr(model, 'at') else model
  x = np.random.RandomState(0).randint(2, size=[4, 4, 4, 1]).astype('f')
  draws = tfp_rd.draw(model, x, seed=0)
  return np.concatenate([draws.rate, draws.distortion])


def kinds(model):
  found = variables.named({'': model})
  return {n: [v.dtype.name, v.shape.as_list()] for n, v in found.items()}


def write_frozen(path, kinds_by_name):
  checkpoint._write(
    {
      name: tf.Variable(tf.cast(frozen_value(name, shape), dtype))
      for name, (dtype, shape) in kinds_by_name.items()
    },
    path,
  )


@pytest.mark.parametrize('signs', MODELS)
def test_frozen_weights_are_read_and_mean_what_they_meant(signs, tmp_path):
  frozen = json.loads(FROZEN.read_text())[signs]
  write_frozen(tmp_path / 'kept', frozen['variables'])
  model = build(signs)
  checkpoint.read_weights(model, tmp_path / 'kept')
  np.testing.assert_allclose(nats(model), frozen['nats'], rtol=1e-3)


def test_frozen_weights_are_of_every_part():
  from tfp_rd import architecture

  for place, signs in enumerate(architecture.SIGNS.values()):
    letters = {each.letter for each in signs}
    assert {name[place] for name in MODELS} == letters


class Pair(tf.Module):
  """Two variables of one shape, under names of one's choice."""

  def __init__(self, *names, shape=(4, 2), dtype='float32'):
    super().__init__()
    for n, name in enumerate(names):
      setattr(self, name, tf.Variable(tf.cast(tf.fill(shape, n), dtype)))


@pytest.mark.parametrize(
  ('other', 'sentence'),
  [
    (Pair('a_scale', 'mean'), 'a_scale is missing there and float32'),
    (Pair('loc', 'scale', 'third'), 'third is missing there'),
    (Pair('loc'), r'scale is float32 \[4, 2\] there and missing here'),
    (Pair('loc', 'scale', shape=(2, 4)), r'loc is float32 \[4, 2\] there'),
    (Pair('loc', 'scale', dtype='float64'), r'float64 \[4, 2\] here'),
  ],
)
def test_another_name_shape_or_type_is_refused(other, sentence, tmp_path):
  checkpoint.write_weights(Pair('loc', 'scale'), tmp_path / 'kept')
  before = checkpoint.weights_sha256(other)
  with pytest.raises(tfp_rd.UserError, match=sentence):
    checkpoint.read_weights(other, tmp_path / 'kept')
  assert checkpoint.weights_sha256(other) == before


def test_a_digest_is_of_names_types_shapes_and_bytes():
  modules = [
    Pair('loc', 'scale'),
    Pair('scale', 'loc'),
    Pair('loc', 'other'),
    Pair('loc'),
    Pair('loc', 'scale', shape=(2, 4)),
    Pair('loc', 'scale', dtype='float64'),
    Pair('loc', 'scale', dtype='int32'),
  ]
  digests = [checkpoint.weights_sha256(module) for module in modules]
  assert len(set(digests)) == len(modules)
  assert digests[0] == checkpoint.weights_sha256(Pair('loc', 'scale'))
  assert len(digests[0]) == 64


def test_a_shared_variable_has_one_name():
  whole = tf.Module()
  whole.part = Pair('kernel')
  whole.again = Pair()
  whole.again._hidden = whole.part.kernel
  whole._all = [whole.part.kernel]
  assert list(variables.named({'': whole})) == ['part/kernel']
  assert list(variables.named({'p': whole.part, 'q': whole})) == ['p/kernel']


def keras_model():
  encoder = tf_keras.Sequential(
    [
      tf_keras.layers.Flatten(input_shape=(4, 4, 1)),
      tf_keras.layers.Dense(4),
      tf_keras.layers.BatchNormalization(),
      tf_keras.layers.Dense(tfp.layers.MultivariateNormalTriL.params_size(2)),
      tfp.layers.MultivariateNormalTriL(2),
    ]
  )
  loc = tf.Variable([1.0, 2.0])
  return tfp_rd.LatentVariableModel(
    encoder,
    tfd.MultivariateNormalDiag(loc, tf.ones(2)),
    build('---').decoder,
  )


def test_names_of_keras_layers_do_not_depend_on_what_was_made_before(tmp_path):
  one, two = keras_model(), keras_model()
  assert {v.name for v in one.variables} != {v.name for v in two.variables}
  names = set(variables.named({'': one}))
  assert names == set(variables.named({'': two}))
  assert len(names) == len(one.variables)
  layers = 'encoder/model/_self_tracked_trackables'
  assert {f'{layers}/2/kernel', f'{layers}/3/moving_mean'} <= names
  assert any(n.startswith('marginal/') and n.endswith('loc') for n in names)
  checkpoint.write_weights(one, tmp_path / 'kept')
  checkpoint.read_weights(two, tmp_path / 'kept')
  assert checkpoint.weights_sha256(two) == checkpoint.weights_sha256(one)


def test_a_checkpoint_holds_all_that_training_changes():
  steps = program.Program(
    build('--v'), tfp_rd.BetaElbo(), batch_size=4, weight_averaging=0.9
  )
  state = loop.State(steps)
  named = state.named_variables()
  assert {id(v) for v in named.values()} == {id(v) for v in state.variables}
  assert len(named) == len(state.variables)
  weights = {n for n in named if n.startswith('model/')}
  assert len(weights) == len(steps.model.variables)
  for kept in (
    'selection/_kept',
    'program/average/values',
    'program/players/optimizers/model/first/model',
    'program/players/optimizers/model/second/model',
  ):
    of = {n for n in named if n.startswith(f'training/{kept}/')}
    assert {n.removeprefix(f'training/{kept}') for n in of} == {
      n.removeprefix('model') for n in weights
    }
  for name in ('selection/score', 'selection/step', 'program/step', 'seconds'):
    assert f'training/{name}' in named


def _freeze():
  import tempfile

  frozen = {}
  for signs in MODELS:
    model = build(signs)
    with tempfile.TemporaryDirectory() as folder:
      write_frozen(f'{folder}/kept', kinds(model))
      checkpoint.read_weights(model, f'{folder}/kept')
    found = np.round(nats(model).astype(float), 5).tolist()
    frozen[signs] = {'nats': found, 'variables': kinds(model)}
  FROZEN.parent.mkdir(exist_ok=True)
  FROZEN.write_text(json.dumps(frozen, indent=0, separators=(',', ':')))


if __name__ == '__main__':
  _freeze()
