# SPDX-License-Identifier: Apache-2.0
"""One contract for every public part; a part that is missing fails.

A part returns a distribution, a map returns tensors, a rate adds a loss.  Each
has one entry below that says how it is made and called, and goes through all
tests of its kind.
"""

import ast
import importlib
import inspect
import itertools
import pathlib
import pkgutil
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

import tfp_rd
from tfp_rd import architecture, layer, sign, testing
from tfp_rd.decoder import autoregressive_bernoulli, deconvolutional, pixel_cnn
from tfp_rd.encoder import gaussian, inverse_autoregressive
from tfp_rd.marginal import (
  masked_autoregressive,
  standard_normal,
  vamp,
  vamp_mixture,
)
from tfp_rd.network import (
  autoregressive,
  batch,
  causal,
  causal_layer,
  convolutional,
  gated,
  initial,
  masked,
  mixture,
  modulation,
)
from tfp_rd.training import checkpoint

tfd = tfp.distributions

PACKAGES = [
  f'tfp_rd.{name}'
  for name in ('encoder', 'marginal', 'decoder', 'network', 'layer')
]
SHAPE = (4, 3, 1)
LATENT_SIZE = 3
CONDITION_SIZE = 2
WIDTHS = (2, 3, 4)
MAPS_SHAPE = (4, 3, 8)
PSEUDO_INPUTS = np.random.RandomState(3).uniform(size=[3, *SHAPE])


class Case(NamedTuple):
  """How a part or a map is made and called.

  Attributes:
    make: Function of the keywords seed, dtype and, if the part takes a
      condition, condition_size.
    inputs: Shapes of what it is called with, without leading axes.
    result: Shape of an event, or shapes of the tensors without leading axes.
    call: Function of the module, its inputs, and `condition` if there is one.
    has_condition: Whether it takes a condition.
    leading: Some leading shapes that it takes.
  """

  make: Callable
  inputs: tuple
  result: tuple
  call: Callable = lambda module, *inputs, **kwargs: module(*inputs, **kwargs)
  has_condition: bool = True
  leading: tuple = ((), (3,), (2, 3))


def encoder_of_a_flow(**kwargs):
  return inverse_autoregressive.InverseAutoregressive(
    SHAPE, LATENT_SIZE, hidden_sizes=(8, 8), num_steps=2, **kwargs
  )


def head_of_a_flow(seed, **kwargs):
  return inverse_autoregressive.InverseAutoregressiveHead(
    5, LATENT_SIZE, hidden_sizes=(8, 8), seeds=initial.split(seed, 3), **kwargs
  )


def vamp_of(make_encoder):
  def make(**kwargs):
    return vamp.Vamp(
      make_encoder(**kwargs), PSEUDO_INPUTS, dtype=kwargs['dtype']
    )

  return make


def encoder_of_a_gaussian(**kwargs):
  return gaussian.Gaussian(SHAPE, LATENT_SIZE, widths=WIDTHS, **kwargs)


def causal_network(**kwargs):
  return causal.CausalNetwork(
    1, 1, features=4, num_scales=2, num_layers=1, **kwargs
  )


def pixels_of_a_network(module, maps, condition=None):
  return autoregressive_bernoulli.AutoregressiveBernoulli(
    lambda x, m, c: module(x, maps=m, condition=c), maps, condition=condition
  )


def mixture_of_an_encoder(module, condition=None):
  return vamp_mixture.VampMixture(
    module._encoder, module.pseudo_inputs, module._logits, condition=condition
  )


def masked_network(condition_size=0, **kwargs):
  return masked.MaskedNetwork(
    LATENT_SIZE, 2, hidden_sizes=(8, 8), context_size=condition_size, **kwargs
  )


def flow_of_a_network(module, condition=None):
  base = standard_normal.StandardNormal(
    LATENT_SIZE, dtype=module.trainable_variables[0].dtype
  )
  return tfd.TransformedDistribution(
    base(condition=condition),
    autoregressive.MaskedAutoregressive(module, context=condition),
  )


def built(module, input_size):
  """Makes the variables of a layer of Keras, which takes batches alone."""
  module.build([None, input_size])
  return module


def each(modules, values):
  return [m(v) for m, v in zip(modules, values, strict=True)]


LATENT = (LATENT_SIZE,)

PARTS = {
  'encoder.gaussian.Gaussian': Case(encoder_of_a_gaussian, (SHAPE,), LATENT),
  'encoder.gaussian.GaussianHead': Case(
    lambda **kwargs: gaussian.GaussianHead(5, LATENT_SIZE, **kwargs),
    ((5,),),
    LATENT,
    has_condition=False,
  ),
  'encoder.inverse_autoregressive.InverseAutoregressive': Case(
    encoder_of_a_flow, (SHAPE,), LATENT
  ),
  'encoder.inverse_autoregressive.InverseAutoregressiveHead': Case(
    head_of_a_flow, ((5,),), LATENT, has_condition=False
  ),
  'marginal.standard_normal.StandardNormal': Case(
    lambda dtype, **_: standard_normal.StandardNormal(LATENT_SIZE, dtype=dtype),
    (),
    LATENT,
  ),
  'marginal.masked_autoregressive.MaskedAutoregressive': Case(
    lambda **kwargs: masked_autoregressive.MaskedAutoregressive(
      LATENT_SIZE, hidden_sizes=(8, 8), num_steps=2, **kwargs
    ),
    (),
    LATENT,
  ),
  'marginal.vamp.Vamp': Case(vamp_of(encoder_of_a_gaussian), (), LATENT),
  'marginal.vamp.Vamp of a flow': Case(vamp_of(encoder_of_a_flow), (), LATENT),
  'marginal.vamp_mixture.VampMixture': Case(
    vamp_of(encoder_of_a_gaussian), (), LATENT, call=mixture_of_an_encoder
  ),
  'decoder.deconvolutional.Deconvolutional': Case(
    lambda **kwargs: deconvolutional.Deconvolutional(
      LATENT_SIZE, SHAPE, widths=WIDTHS, **kwargs
    ),
    (LATENT,),
    SHAPE,
  ),
  'decoder.pixel_cnn.PixelCNN': Case(
    lambda **kwargs: pixel_cnn.PixelCNN(
      LATENT_SIZE, SHAPE, features=4, **kwargs
    ),
    (LATENT,),
    SHAPE,
  ),
  'decoder.pixel_cnn.PixelCNN to the letter': Case(
    lambda **kwargs: pixel_cnn.PixelCNN(
      LATENT_SIZE,
      SHAPE,
      conditioning='concatenated',
      features=4,
      num_scales=1,
      **kwargs,
    ),
    (LATENT,),
    SHAPE,
  ),
  'decoder.autoregressive_bernoulli.AutoregressiveBernoulli': Case(
    causal_network, (MAPS_SHAPE,), SHAPE, call=pixels_of_a_network
  ),
  'network.autoregressive.MaskedAutoregressive': Case(
    masked_network, (), LATENT, call=flow_of_a_network
  ),
  'layer.InverseAutoregressive': Case(
    lambda **kwargs: built(
      layer.InverseAutoregressive(
        LATENT_SIZE, hidden_sizes=(8, 8), num_steps=2, **kwargs
      ),
      5,
    ),
    ((5,),),
    LATENT,
    has_condition=False,
    leading=((3,), (2, 3)),
  ),
  'layer.AutoregressiveBernoulli': Case(
    lambda **kwargs: built(
      layer.AutoregressiveBernoulli(SHAPE, features=2, num_scales=1, **kwargs),
      LATENT_SIZE,
    ),
    (LATENT,),
    SHAPE,
    has_condition=False,
    leading=((3,), (2, 3)),
  ),
}

STREAM = (4, 4, 2)
MAPS = {
  'network.causal.CausalNetwork': Case(causal_network, (SHAPE,), (SHAPE,)),
  'network.causal_layer.CausalConv': Case(
    lambda **kwargs: causal_layer.CausalConv(2, 3, num_columns=3, **kwargs),
    (STREAM,),
    ((4, 4, 3),),
    has_condition=False,
  ),
  'network.causal_layer.Doubling': Case(
    lambda **kwargs: causal_layer.Doubling(2, **kwargs),
    (STREAM, STREAM),
    ((4, 4, 8), (4, 4, 8)),
    call=lambda module, *streams: each(module.maps, streams),
    has_condition=False,
  ),
  'network.causal_layer.Entrance': Case(
    lambda **kwargs: causal_layer.Entrance(1, 2, **kwargs),
    (SHAPE,),
    ((4, 3, 2), (4, 3, 2)),
    has_condition=False,
  ),
  'network.causal_layer.Halving': Case(
    lambda **kwargs: causal_layer.Halving(2, **kwargs),
    (STREAM, STREAM),
    ((2, 2, 2), (2, 2, 2)),
    call=lambda module, *streams: each(module.convs, streams),
    has_condition=False,
  ),
  'network.causal_layer.Layer': Case(
    lambda condition_size=0, **kwargs: causal_layer.Layer(
      2,
      has_shortcut=True,
      condition_size=condition_size,
      dropout=0.0,
      **kwargs,
    ),
    (STREAM, STREAM),
    (STREAM, STREAM),
    call=lambda module, x, side, condition=None: (
      module.branches[0](x, side, condition),
      module.branches[1](x, tf.concat([side, x], -1), condition),
    ),
  ),
  'network.convolutional.Convolutions': Case(
    lambda condition_size=0, **kwargs: convolutional.Convolutions(
      SHAPE, widths=WIDTHS, condition_size=condition_size, **kwargs
    ),
    (SHAPE,),
    (WIDTHS[-1:],),
  ),
  'network.convolutional.Deconvolutions': Case(
    lambda condition_size=0, **kwargs: convolutional.Deconvolutions(
      LATENT_SIZE,
      SHAPE,
      widths=WIDTHS,
      condition_size=condition_size,
      dropout=0.0,
      **kwargs,
    ),
    (LATENT,),
    (SHAPE,),
  ),
  'network.gated.Conv': Case(
    lambda **kwargs: gated.Conv(1, 2, kernel=(3, 3), **kwargs),
    (SHAPE,),
    ((4, 3, 2),),
    has_condition=False,
  ),
  'network.gated.Dense': Case(
    lambda **kwargs: gated.Dense(LATENT_SIZE, 4, **kwargs),
    (LATENT,),
    ((4,),),
    has_condition=False,
  ),
  'network.gated.GatedConv': Case(
    lambda **kwargs: gated.GatedConv(1, 2, kernel=(3, 3), **kwargs),
    (SHAPE,),
    ((4, 3, 2),),
  ),
  'network.gated.GatedDeconv': Case(
    lambda **kwargs: gated.GatedDeconv(1, 2, kernel=(5, 5), stride=2, **kwargs),
    (SHAPE,),
    ((8, 6, 2),),
  ),
  'network.gated.GatedDense': Case(
    lambda **kwargs: gated.GatedDense(LATENT_SIZE, 4, **kwargs),
    (LATENT,),
    ((4,),),
  ),
  'network.masked.MaskedNetwork': Case(
    masked_network,
    (LATENT,),
    ((LATENT_SIZE, 2),),
    call=lambda module, x, condition=None: module(x, condition),
  ),
  'network.modulation.Blend': Case(
    lambda dtype, **_: modulation.Blend(CONDITION_SIZE, 4, dtype=dtype),
    ((8,), (CONDITION_SIZE,)),
    ((4,),),
    has_condition=False,
  ),
  'network.modulation.Modulation': Case(
    lambda dtype, **_: modulation.Modulation(CONDITION_SIZE, 4, dtype=dtype),
    ((4,), (CONDITION_SIZE,)),
    ((4,),),
    has_condition=False,
  ),
}
CASES = {**PARTS, **MAPS}
CONDITIONAL = [name for name in CASES if CASES[name].has_condition]
# Of every case, without a condition and with one.
CHOICES = [
  (name, size)
  for name in CASES
  for size in ((0, CONDITION_SIZE) if name in CONDITIONAL else (0,))
]
PART_CHOICES = [choice for choice in CHOICES if choice[0] in PARTS]

# Layers around an encoder, made of it and of the keywords `dtype` and `weight`.
RATES = {
  'layer.MaskedAutoregressiveRate': lambda encoder, **kwargs: (
    layer.MaskedAutoregressiveRate(
      encoder, hidden_sizes=(6,), num_steps=2, **kwargs
    )
  ),
  'layer.StandardNormalRate': layer.StandardNormalRate,
  'layer.VampRate': lambda encoder, **kwargs: layer.VampRate(
    encoder, pseudo_inputs=3, **kwargs
  ),
}

# What is none of these, and the test that proves it.
ELSEWHERE = {
  'layer.distortion': 'layer_test',
  'marginal.chunk': 'vamp_test',
  'marginal.mixture': 'conformance_test',
  'network.batch': 'conformance_test',
  'network.causal_pixels': 'causal_sampler_test',
  'network.causal_sampler': 'causal_sampler_test',
  'network.initial': 'initial_test',
  'network.precision': 'precision_test',
  'network.triangular': 'masked_test',
}
COVERED = [*CASES, *RATES, *ELSEWHERE]


def make(name, *, seed=1, dtype='float32', condition_size=0):
  """Makes the module of a case; no weight is zero, or it would hide others."""
  case = CASES[name]
  kwargs = {'condition_size': condition_size} if case.has_condition else {}
  module = case.make(seed=seed, dtype=dtype, **kwargs)
  for n, v in enumerate(module.trainable_variables):
    v.assign_add(np.random.RandomState(n).randn(*v.shape) * 0.05)
  return module


def inputs_of(name, leading, *, dtype='float32', condition_size=0):
  """Returns the inputs as a list, and the condition as keywords."""
  random = np.random.RandomState(0)
  arrays = [random.randn(*leading, *s) for s in CASES[name].inputs]
  condition = random.randn(*leading, condition_size)
  kwargs = {'condition': tf.constant(condition, dtype)}
  inputs = [tf.constant(a, dtype) for a in arrays]
  return inputs, kwargs if condition_size else {}


def call(name, module, leading, **kwargs):
  """Returns the distribution, or the tensors, of a module."""
  inputs, condition = inputs_of(name, leading, **kwargs)
  return CASES[name].call(module, *inputs, **condition)


def numbers(name, result):
  """Returns tensors: log densities at a fixed value, or a map's own."""
  if name in MAPS:
    return tf.nest.flatten(result)
  random = np.random.RandomState(9)
  shape = [*result.batch_shape, *result.event_shape]
  is_image = len(result.event_shape) == 3
  value = random.randint(2, size=shape) if is_image else random.randn(*shape)
  return [result.log_prob(tf.constant(value, result.dtype))]


def public_names():
  """Returns what the packages offer: every class that holds weights.

  A module without one stands for its functions under its own name; a package
  that says itself what it offers is taken at its word.
  """
  names = set()
  for package in map(importlib.import_module, PACKAGES):
    modules = [
      importlib.import_module(info.name)
      for info in pkgutil.iter_modules(package.__path__, f'{package.__name__}.')
    ]
    if hasattr(package, '__all__'):
      names |= {f'{package.__name__}.{member}' for member in package.__all__}
    else:
      names |= set().union(*map(names_of, modules))
  return {name.removeprefix('tfp_rd.') for name in names}


def names_of(module):
  members = {member: getattr(module, member) for member in module.__all__}
  classes = {
    f'{module.__name__}.{name}'
    for name, member in members.items()
    if inspect.isclass(member) and issubclass(member, tf.Module)
  }
  return classes or {module.__name__}


def assert_complete(covered):
  missing = sorted(public_names() - {name.split(' ')[0] for name in covered})
  assert not missing, (
    f'{missing} went through no contract; give each an entry in PARTS (it '
    'returns a distribution), MAPS (it returns tensors) or RATES (it adds a '
    'loss), or in ELSEWHERE with the test that proves it.'
  )


def test_every_public_part_is_in_the_contract():
  assert_complete(COVERED)
  assert {n.split(' ')[0] for n in COVERED} == public_names()


@pytest.mark.parametrize('name', COVERED)
def test_a_part_that_is_missing_is_named(name):
  short = name.split(' ')[0]
  others = [n for n in COVERED if n.split(' ')[0] != short]
  with pytest.raises(AssertionError, match=short):
    assert_complete(others)


def uses(source, name):
  """Whether code takes an attribute of what it imported, and that is `name`.

  If `name` is that of a module, any attribute of the module will do.
  """
  imported, taken = {}, set()
  for node in ast.walk(ast.parse(source)):
    if isinstance(node, ast.ImportFrom):
      imported |= {a.name: f'{node.module}.{a.name}' for a in node.names}
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
      taken.add((node.value.id, node.attr))
  found = {f'{imported[a]}.{b}.' for a, b in taken if a in imported}
  return any(attribute.startswith(f'{name}.') for attribute in found)


@pytest.mark.parametrize('name', ELSEWHERE)
def test_what_is_proved_elsewhere_is_used_there(name):
  test = pathlib.Path(__file__).with_name(f'{ELSEWHERE[name]}.py')
  assert uses(test.read_text(encoding='utf-8'), f'tfp_rd.{name}')


@pytest.mark.parametrize(
  ('source', 'is_use'),
  [
    ('from a.b import c\nc.f()', True),
    ('from a import b\nb.c(1)', True),
    ('from a.b import c', False),
    ('from a.b import d\nd.c()', False),
    ('from a import b\nb.cd()', False),
    ('"""Proves a.b.c."""  # c.f()', False),
  ],
)
def test_a_word_is_no_use(source, is_use):
  assert uses(source, 'a.b.c') == is_use


# Both types and both kinds, but not their product, which compiles samplers.
@pytest.mark.parametrize(
  ('name', 'dtype', 'condition_size'),
  [
    (name, dtype, size if name in CONDITIONAL else 0)
    for name in PARTS
    for dtype, size in (('float32', CONDITION_SIZE), ('float64', 0))
  ],
)
def test_shapes_and_densities_of_samples(name, dtype, condition_size):
  case = PARTS[name]
  module = make(name, dtype=dtype, condition_size=condition_size)
  sample_shapes = {(): (2,), (3,): (), (2, 3): (1, 2)}
  for leading in case.leading:
    sample_shape = sample_shapes[leading]
    distribution = call(
      name, module, leading, dtype=dtype, condition_size=condition_size
    )
    batch_shape = leading if case.inputs or condition_size else ()
    assert isinstance(distribution, tfd.Distribution)
    assert distribution.dtype == dtype
    assert distribution.batch_shape == batch_shape
    assert distribution.event_shape == case.result
    x = distribution.sample(sample_shape, seed=tf.constant([0, 1]))
    assert x.dtype == dtype
    assert x.shape == (*sample_shape, *batch_shape, *case.result)
    log_prob = distribution.log_prob(x)
    assert log_prob.shape == (*sample_shape, *batch_shape)
    assert np.isfinite(log_prob).all()
    if len(case.result) == 3:
      assert set(np.unique(x)) <= {0.0, 1.0}


@pytest.mark.parametrize('name', PARTS)
def test_samples_follow_from_a_seed(name):
  testing.assert_seeded(call(name, make(name), (2,)))


@pytest.mark.parametrize('dtype', ['float32', 'float64'])
@pytest.mark.parametrize('name', MAPS)
def test_shapes_of_maps(name, dtype):
  module = make(name, dtype=dtype)
  for size in (1, 3):
    results = tf.nest.flatten(call(name, module, (size,), dtype=dtype))
    shapes = MAPS[name].result
    for result, shape in zip(results, shapes, strict=True):
      assert result.shape == (size, *shape)
      assert result.dtype == dtype
      assert np.isfinite(result).all()


@pytest.mark.parametrize(('name', 'condition_size'), CHOICES)
def test_eager_graph_and_xla_agree(name, condition_size):
  # A batch of the latent's width is among them: there a gate after a dense
  # layer was once folded into the layer's weights.
  options = {'dtype': 'float64', 'condition_size': condition_size}
  module = make(name, **options)

  def run(*inputs, **condition):
    return numbers(name, CASES[name].call(module, *inputs, **condition))

  has_most_variables = condition_size or name not in CONDITIONAL
  for size, jit_compile in ((1, False), (3, False), (3, True)):
    if jit_compile and not has_most_variables:
      continue  # Compilation is slow, and the other choice does more.
    inputs, condition = inputs_of(name, (size,), **options)
    compiled = tf.function(run, autograph=False, jit_compile=jit_compile)
    eager, others = run(*inputs, **condition), compiled(*inputs, **condition)
    for one, other in zip(eager, others, strict=True):
      np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize('name', PARTS)
def test_samples_of_a_graph_are_the_eager_ones_and_xla_has_some(name):
  case = PARTS[name]
  module = make(name)
  inputs, _ = inputs_of(name, (2,))

  def sample(*inputs):
    return case.call(module, *inputs).sample(3, seed=tf.constant([0, 1]))

  eager = sample(*inputs)
  graph, xla = (
    tf.function(sample, autograph=False, jit_compile=jit_compile)
    for jit_compile in (False, True)
  )
  np.testing.assert_allclose(graph(*inputs), eager, atol=1e-5)
  # TFP's normals are others under XLA; these follow from the seed as well.
  x = xla(*inputs)
  assert x.shape == eager.shape
  assert np.isfinite(case.call(module, *inputs).log_prob(x)).all()
  np.testing.assert_array_equal(x, xla(*inputs))


@pytest.mark.parametrize(('name', 'condition_size'), CHOICES)
def test_every_variable_has_a_gradient(name, condition_size):
  module = make(name, condition_size=condition_size)
  with tf.GradientTape() as tape:
    result = call(name, module, (4,), condition_size=condition_size)
    # No two numbers alike, which could cancel.
    loss = sum(
      tf.reduce_sum(tf.sin(v) * (n + 1))
      for n, v in enumerate(numbers(name, result))
    )
  gradients = tape.gradient(loss, module.trainable_variables)
  missing = [
    v.name
    for v, g in zip(module.trainable_variables, gradients, strict=True)
    if g is None or not np.any(tf.convert_to_tensor(g))
  ]
  assert not missing


@pytest.mark.parametrize('name', CONDITIONAL)
def test_a_condition_has_variables_and_an_effect_only_where_asked_for(name):
  plain, conditional = make(name), make(name, condition_size=CONDITION_SIZE)
  if not plain.trainable_variables:
    return  # The standard normal takes the shape of a condition alone.

  def count(module):
    return sum(v.shape.num_elements() for v in module.trainable_variables)

  assert count(conditional) > count(plain)
  inputs, condition = inputs_of(name, (2,), condition_size=CONDITION_SIZE)
  before = numbers(name, CASES[name].call(conditional, *inputs, **condition))
  moved = {'condition': condition['condition'] + 1.0}
  after = numbers(name, CASES[name].call(conditional, *inputs, **moved))
  for one, other in zip(before, after, strict=True):
    assert (one.numpy() != other.numpy()).any()


@pytest.mark.parametrize(
  ('name', 'condition_size'),
  # TFP wraps what a layer returns, and its wrapper cannot be copied.
  [choice for choice in PART_CHOICES if not choice[0].startswith('layer.')],
)
def test_distributions_are_sliced_and_copied_as_tfp_s_are(name, condition_size):
  module = make(name, condition_size=condition_size)
  distribution = call(name, module, (4,), condition_size=condition_size)
  x = distribution.sample(seed=tf.constant([0, 1]))
  whole = distribution.log_prob(x)
  np.testing.assert_allclose(distribution.copy().log_prob(x), whole, rtol=1e-5)
  if distribution.batch_shape.rank:
    part = distribution[1:3]
    assert part.batch_shape == [2]
    assert 'batch_shape=[2]' in repr(part)
    np.testing.assert_allclose(part.log_prob(x[1:3]), whole[1:3], rtol=1e-5)


@pytest.mark.parametrize('name', CASES)
def test_weights_survive_saving(name, tmp_path):
  condition_size = CONDITION_SIZE * CASES[name].has_condition
  options = {'condition_size': condition_size}
  module, other = (make(name, seed=s, **options) for s in (1, 2))
  for v in other.trainable_variables:
    v.assign(v + 0.1)  # Some begin with zeros for every seed.
  expected = numbers(name, call(name, module, (2,), **options))
  # As TensorFlow saves any module, by the objects that hold the weights.
  path = tf.train.Checkpoint(part=module).write(str(tmp_path / 'weights'))
  if module.variables:
    found = numbers(name, call(name, other, (2,), **options))
    assert not all(map(np.array_equal, found, expected))
  tf.train.Checkpoint(part=other).read(path).assert_consumed()
  found = numbers(name, call(name, other, (2,), **options))
  for one, another in zip(found, expected, strict=True):
    np.testing.assert_array_equal(one, another)


def make_rate(name):
  """Makes a rate in float64; no weight is zero."""
  encoder = tf_keras.Sequential(
    [
      tf_keras.layers.InputLayer(SHAPE, dtype='float64'),
      tf_keras.layers.Flatten(dtype='float64'),
      layer.InverseAutoregressive(
        LATENT_SIZE, hidden_sizes=(6,), num_steps=2, dtype='float64'
      ),
    ]
  )
  rate = RATES[name](encoder, dtype='float64', weight=0.5)
  for n, v in enumerate(rate.trainable_variables):
    v.assign_add(np.random.RandomState(n).randn(*v.shape) * 0.05)
  return rate


@pytest.mark.parametrize('name', RATES)
def test_a_rate_is_a_loss_and_the_same_in_a_graph(name, monkeypatch):
  rate, x = make_rate(name), images(5, dtype='float64')
  # Codes without noise, which a graph would draw anew.
  z = rate.encoder(x).bijector.forward(np.zeros([5, LATENT_SIZE]))
  encoding_log_prob = rate.encoder(x).log_prob(z)
  monkeypatch.setattr(rate, '_draw', lambda encoding: (z, encoding_log_prob))
  expected = 0.5 * np.mean(encoding_log_prob - rate.marginal().log_prob(z))

  def run(x):
    return rate(x), rate.losses

  for call_it in (run, tf.function(run, autograph=False)):
    drawn, (loss,) = call_it(x)
    assert drawn.dtype == loss.dtype == tf.float64
    assert drawn.shape == (5, LATENT_SIZE)
    np.testing.assert_array_equal(drawn, z)
    np.testing.assert_allclose(loss, expected, rtol=1e-9)


@pytest.mark.parametrize('name', RATES)
def test_a_rate_survives_its_config_and_weights(name):
  rate = make_rate(name)
  other = type(rate).from_config(rate.get_config())
  x, z = images(2, dtype='float64'), np.ones([2, LATENT_SIZE])

  def log_probs(rate):
    return [rate.encoder(x).log_prob(z), rate.marginal().log_prob(z)]

  assert other.weight == 0.5
  assert not np.allclose(log_probs(rate)[0], log_probs(other)[0])
  other.set_weights(rate.get_weights())
  np.testing.assert_array_equal(log_probs(rate), log_probs(other))


@pytest.mark.parametrize('most', [1, 3, 4, 1000])
def test_a_mixture_in_chunks_is_the_whole(most):
  random = np.random.RandomState(0)
  means, z = tf.constant(random.randn(4, 2)), tf.constant(random.randn(5, 2))
  logits = tf.constant(random.randn(4))

  def log_probs(points, means):
    (z,) = points
    return tfd.MultivariateNormalDiag(means, [1.0, 2.0]).log_prob(
      z[..., tf.newaxis, :]
    )

  components = tfd.MultivariateNormalDiag(means, [1.0, 2.0])
  whole = tfd.MixtureSameFamily(tfd.Categorical(logits), components)
  found = mixture.log_density(
    log_probs,
    [(z, z.shape[1:])],
    components=means,
    log_weights=tf.nn.log_softmax(logits),
    most=most,
  )
  np.testing.assert_allclose(found, whole.log_prob(z), rtol=1e-9)
  for moment in ('mean', 'variance'):
    value = getattr(mixture, moment)(components, logits)
    np.testing.assert_allclose(value, getattr(whole, moment)(), rtol=1e-9)


@pytest.mark.parametrize('leading', [(), (3,), (2, 3)])
def test_any_leading_shape_is_flattened_and_restored(leading):
  # network.batch, also where the shape is not known before it runs.
  x = np.random.RandomState(0).randn(*leading, *SHAPE)

  def there_and_back(x):
    flat, shape = batch.flatten(x, 3)
    rows = batch.rows(tf.ones([CONDITION_SIZE], x.dtype), shape)
    return flat, batch.restore(flat, shape), rows

  unknown = tf.TensorSpec([None] * len(leading) + list(SHAPE), 'float64')
  compiled = tf.function(there_and_back, [unknown], autograph=False)
  for run in (there_and_back, compiled):
    flat, back, rows = run(tf.constant(x))
    size = int(np.prod(leading))
    assert flat.shape == (size, *SHAPE)
    assert rows.shape == (size, CONDITION_SIZE)
    np.testing.assert_array_equal(back, x)


ALL = [str(a) for a in architecture.PAPER]


def build(signs, shape=SHAPE, **kwargs):
  kwargs = {'latent_size': 3, 'num_pseudo_inputs': 4, 'seed': 1, **kwargs}
  return architecture.build(signs, image_shape=shape, **kwargs)


def images(n, shape=SHAPE, dtype=np.float32):
  return np.random.RandomState(0).randint(2, size=[n, *shape]).astype(dtype)


@pytest.mark.parametrize('signs', ALL)
def test_shapes_for_several_draws_and_batches(signs):
  model = build(signs)
  for num_samples, size in ((1, 1), (3, 2)):
    draws = tfp_rd.draw(model, images(size), num_samples=num_samples, seed=0)
    for value in (draws.distortion, draws.rate, draws.marginal_log_prob):
      assert value.shape == (num_samples, size)
    assert draws.latent.shape == (num_samples, size, 3)
    assert draws.encoding.batch_shape == [size]
    assert draws.decoding.batch_shape == [num_samples, size]
    assert draws.decoding.event_shape == list(SHAPE)
    assert draws.marginal.event_shape == [3]


@pytest.mark.parametrize(
  ('signs', 'dtype'),
  [
    ('---', 'uint8'),
    ('---', 'int64'),
    ('---', 'bool'),
    ('---', 'float64'),
    ('-++', 'uint8'),
  ],
)
def test_images_of_any_type_are_the_same_images(signs, dtype):
  model = build(signs)
  expected, point = (
    tfp_rd.evaluate(model, images(3).astype(t), num_samples=2)
    for t in ('float32', dtype)
  )
  assert point.elbo_nats == pytest.approx(expected.elbo_nats, rel=1e-6)
  done = tfp_rd.fit(model, images(3).astype(dtype), num_steps=1)
  assert done.steps == 1


@pytest.mark.parametrize('signs', ['+++', '+-v'])
def test_a_model_s_weights_survive_saving(signs, tmp_path):
  model, other = build(signs), build(signs, seed=2)
  x = images(2)
  checkpoint.write_weights(model, tmp_path / 'weights')
  assert not np.allclose(*_totals(model, other, x))
  checkpoint.read_weights(other, tmp_path / 'weights')
  np.testing.assert_array_equal(*_totals(model, other, x))


def _totals(*models_and_x):
  *models, x = models_and_x
  draws = [tfp_rd.draw(m, x, seed=0) for m in models]
  return [(d.rate + d.distortion).numpy() for d in draws]


@pytest.mark.parametrize(
  'shape', [(2, 2, 1), (3, 7, 1), (9, 13, 1), (28, 28, 1)]
)
@pytest.mark.parametrize('signs', ['-+-', '+-v'])
def test_any_height_and_width(signs, shape):
  model = build(signs, shape)
  draws = tfp_rd.draw(model, images(2, shape), seed=0)
  assert draws.decoding.event_shape == list(shape)
  assert np.isfinite(draws.distortion).all()


@pytest.mark.parametrize('signs', ['-+-', '+-v'])
@pytest.mark.slow
def test_the_largest_images(signs):
  test_any_height_and_width(signs, (64, 64, 1))


def test_every_part_of_the_table_of_signs_is_covered():
  modules = {f'tfp_rd.{name.rsplit(".", 1)[0]}' for name in PARTS}
  for signs in sign.SIGNS.values():
    assert {each.module for each in signs} <= modules
  letters = [[each.letter for each in signs] for signs in sign.SIGNS.values()]
  assert set(ALL) <= set(map(''.join, itertools.product(*letters)))


@pytest.mark.parametrize('signs', ['+-', '-v-', 'v--', '', '-+vv', '***'])
def test_what_is_no_architecture_is_refused(signs):
  with pytest.raises(tfp_rd.UserError, match='encoder'):
    architecture.parse(signs)
