# SPDX-License-Identifier: Apache-2.0
"""One contract for every part in the table; a part that is missing fails."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

import tfp_rd
from tfp_rd import architecture, checkpoint

ALL = [str(a) for a in architecture.ALL]

# Every part at least once, the VampPrior with both encoders.
COVER = ['---', '+++', '--v', '+-v']


def build(signs, shape=(6, 5, 1), **kwargs):
  kwargs = {'latent_size': 3, 'num_pseudo_inputs': 4, 'seed': 1, **kwargs}
  return architecture.build(signs, image_shape=shape, **kwargs)


def images(n, shape=(6, 5, 1), dtype=np.float32):
  return np.random.RandomState(0).randint(2, size=[n, *shape]).astype(dtype)


@pytest.mark.parametrize('signs', ALL)
def test_shapes_for_several_draws_and_batches(signs):
  model = build(signs)
  for num_samples, batch in ((1, 1), (3, 2)):
    draws = tfp_rd.draw(model, images(batch), num_samples=num_samples, seed=0)
    for value in (draws.distortion, draws.rate, draws.marginal_log_prob):
      assert value.shape == (num_samples, batch)
    assert draws.latent.shape == (num_samples, batch, 3)
    assert draws.encoding.batch_shape == [batch]
    assert draws.decoding.batch_shape == [num_samples, batch]
    assert draws.decoding.event_shape == [6, 5, 1]
    assert draws.marginal.event_shape == [3]


@pytest.mark.parametrize('signs', ALL)
def test_one_image_alone_and_samples_of_every_part(signs):
  model = build(signs)
  seed = tf.constant([0, 1])
  z = model.encoder(images(1)[0]).sample(seed=seed)
  assert z.shape == (3,)
  z = model.marginal().sample(2, seed=seed)
  assert z.shape == (2, 3)
  x = model.decoder(z).sample(seed=seed)
  assert x.shape == (2, 6, 5, 1)
  assert set(np.unique(x)) <= {0.0, 1.0}
  again = model.decoder(z).sample(seed=seed)
  np.testing.assert_array_equal(x, again)


@pytest.mark.parametrize('signs', COVER)
def test_eager_graph_and_xla_agree_with_and_without_a_condition(signs):
  # A batch of the latent's width is among them: there a gate after a dense
  # layer was once folded into the layer's weights.
  for condition_size in (0, 2):
    model = build(signs, condition_size=condition_size, dtype='float64')
    for n, v in enumerate(model.trainable_variables):
      v.assign_add(np.random.RandomState(n).randn(*v.shape) * 0.02)

    def log_probs(x, z, c, model=model):
      c = c if condition_size else None  # noqa: B023
      return (
        model.encoder(x, condition=c).log_prob(z),
        model.marginal(condition=c).log_prob(z),
        model.decoder(z, condition=c).log_prob(x),
      )

    for batch in (1, 3):
      random = np.random.RandomState(batch)
      z, c = random.randn(batch, 3), random.randn(batch, 2)
      args = [tf.constant(a) for a in (images(batch, dtype=float), z, c)]
      eager = log_probs(*args)
      assert all(v.shape == (batch,) for v in eager)
      for jit_compile in (False, True) if batch == 3 else (False,):
        compiled = tf.function(
          log_probs, autograph=False, jit_compile=jit_compile
        )
        for one, other in zip(eager, compiled(*args), strict=True):
          np.testing.assert_allclose(one, other, rtol=1e-9)


@pytest.mark.parametrize('signs', COVER)
def test_a_condition_has_variables_and_an_effect_only_where_asked_for(signs):
  plain, conditional = build(signs), build(signs, condition_size=2)
  assert conditional.num_parameters > plain.num_parameters
  for v in conditional.trainable_variables:
    v.assign_add(0.02 * tf.ones_like(v))
  x, z = np.repeat(images(1), 2, axis=0), tf.ones([2, 3])
  c = tf.constant([[0.0, 0.0], [1.0, 0.5]])
  parts = [
    conditional.encoder(x, condition=c).log_prob(z),
    conditional.decoder(z, condition=c).log_prob(x),
  ]
  if signs[2] != '-':
    parts.append(conditional.marginal(condition=c).log_prob(z))
  for values in parts:
    assert values[0] != values[1]


@pytest.mark.parametrize('signs', COVER)
def test_distributions_are_sliced_and_copied_as_tfp_s_are(signs):
  model = build(signs)
  x, z = images(4), np.random.RandomState(1).randn(4, 3).astype('f')
  for distribution, value in [
    (model.encoder(x), z),
    (model.decoder(z), x),
  ]:
    whole = distribution.log_prob(value)
    part = distribution[1:3]
    assert part.batch_shape == [2]
    assert 'batch_shape=[2]' in repr(part)
    np.testing.assert_allclose(part.log_prob(value[1:3]), whole[1:3], rtol=1e-5)
    np.testing.assert_array_equal(distribution.copy().log_prob(value), whole)


@pytest.mark.parametrize('dtype', ['uint8', 'int64', 'bool', 'float64'])
@pytest.mark.parametrize('signs', ['---', '-++'])
def test_images_of_any_type_are_the_same_images(signs, dtype):
  model = build(signs)
  expected, point = (
    tfp_rd.evaluate(model, images(3).astype(t), num_samples=2)
    for t in ('float32', dtype)
  )
  assert point.elbo_nats == pytest.approx(expected.elbo_nats, rel=1e-6)
  done = tfp_rd.fit(model, images(3).astype(dtype), num_steps=1)
  assert done.steps == 1


@pytest.mark.parametrize('signs', COVER)
def test_weights_survive_saving(signs, tmp_path):
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


@pytest.mark.parametrize('signs', COVER)
def test_every_variable_has_a_gradient(signs):
  model = build(signs)
  # Zero kernels hide what lies behind them.
  for v in model.trainable_variables:
    v.assign_add(tf.random.stateless_normal(v.shape, (0, 1), stddev=0.1))
  with tf.GradientTape() as tape:
    draws = tfp_rd.draw(model, images(4), seed=0)
    loss = tf.reduce_mean(draws.rate + draws.distortion)
  gradients = tape.gradient(loss, model.trainable_variables)
  missing = [
    v.name
    for v, g in zip(model.trainable_variables, gradients, strict=True)
    if g is None or not np.any(g.numpy())
  ]
  assert not missing


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


def test_the_table_is_what_the_paper_has_and_every_part_is_covered():
  tables = (
    architecture.ENCODERS,
    architecture.DECODERS,
    architecture.MARGINALS,
  )
  assert [''.join(s) for s in itertools.product(*tables)] == ALL
  assert len(ALL) == 12
  for n, table in enumerate(tables):
    assert {signs[n] for signs in COVER} == set(table)


@pytest.mark.parametrize('signs', ['+-', '-v-', 'v--', '', '-+vv', '***'])
def test_what_is_no_architecture_is_refused(signs):
  with pytest.raises(tfp_rd.UserError, match='encoder'):
    architecture.parse(signs)
