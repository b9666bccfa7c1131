# SPDX-License-Identifier: Apache-2.0
"""Layers train by `fit` what `draw` measures, and are saved and loaded."""

import functools

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

import tfp_rd
from tfp_rd import layer, testing
from tfp_rd.decoder import autoregressive_bernoulli
from tfp_rd.layer import rate_layer
from tfp_rd.network import initial

tfpl = tfp.layers

SHAPE = (4, 3, 1)
SIZE = 2

RATES = {
  'normal': layer.StandardNormalRate,
  'masked': functools.partial(
    layer.MaskedAutoregressiveRate, hidden_sizes=(6,), num_steps=2
  ),
  'vamp': functools.partial(layer.VampRate, pseudo_inputs=3),
}


@pytest.fixture(autouse=True)
def fixed_seed():
  tf_keras.utils.set_random_seed(1)


def images(n=8):
  return np.random.RandomState(0).randint(2, size=[n, *SHAPE]).astype('f')


def make_encoder(dtype='float32', **kwargs):
  return tf_keras.Sequential(
    [
      tf_keras.layers.InputLayer(SHAPE, dtype=dtype),
      tf_keras.layers.Flatten(dtype=dtype),
      tf_keras.layers.Dense(5, 'tanh', dtype=dtype, **kwargs),
      layer.InverseAutoregressive(
        SIZE, hidden_sizes=(6,), num_steps=2, dtype=dtype
      ),
    ]
  )


def make_decoder(dtype='float32'):
  return tf_keras.Sequential(
    [
      tf_keras.layers.Dense(4, 'tanh', input_shape=(SIZE,), dtype=dtype),
      layer.AutoregressiveBernoulli(
        SHAPE, features=4, num_scales=1, dtype=dtype
      ),
    ]
  )


def make_rate(name, dtype='float32', **kwargs):
  return RATES[name](make_encoder(dtype), dtype=dtype, **kwargs)


def sequential(rate, decoder):
  return tf_keras.Sequential([rate, decoder])


def functional(rate, decoder):
  x = tf_keras.Input(SHAPE, dtype=rate.dtype)
  return tf_keras.Model(x, decoder(rate(x)))


def compiled(model, *, learning_rate=0.02, eagerly=True):
  model.compile(
    tf_keras.optimizers.legacy.Adam(learning_rate),
    loss=layer.distortion,
    run_eagerly=eagerly,
  )
  return model


def share_noise(monkeypatch, seed):
  """Makes rates draw z as `tfp_rd.draw` does with this seed."""

  def draw(self, encoding):
    del self
    first = initial.split(seed, 3)[0]
    return encoding.experimental_sample_and_log_prob(seed=first)

  monkeypatch.setattr(rate_layer.RateLayer, '_draw', draw)


@pytest.mark.parametrize(
  ('join', 'name'),
  [
    (sequential, 'vamp'),
    (functional, 'masked'),
  ],
)
def test_fit_trains_every_variable_and_lowers_the_loss(join, name):
  rate, decoder = make_rate(name), make_decoder()
  model = join(rate, decoder)
  model.compile('adam', loss=lambda x, d: -d.log_prob(x))
  model.optimizer.learning_rate = 0.03
  x = np.repeat(images(2), 8, axis=0)
  model.build([None, *SHAPE])
  before = [v.numpy() for v in model.trainable_variables]
  history = model.fit(x, x, epochs=15, batch_size=8, verbose=0).history
  assert history['loss'][-1] < history['loss'][0] - 1.0
  parts = tfp_rd.LatentVariableModel(rate.encoder, rate.marginal, decoder)
  owned = {id(v) for v in parts.trainable_variables}
  assert owned == {id(v) for v in model.trainable_variables}
  assert len(before) == len(owned)
  for old, new in zip(before, model.trainable_variables, strict=True):
    assert np.any(old != new.numpy()), new.name


@pytest.mark.parametrize(
  ('name', 'weight'),
  [('vamp', 1.0), ('vamp', 0.5), ('vamp', 0), ('normal', 0.5), ('masked', 2.0)],
)
def test_the_loss_is_d_plus_weight_times_r_as_drawn(name, weight, monkeypatch):
  share_noise(monkeypatch, seed=3)
  rate, decoder = (
    make_rate(name, 'float64', weight=weight),
    make_decoder('float64'),
  )
  model = compiled(sequential(rate, decoder), learning_rate=0.0)
  x = images().astype('float64')
  parts = tfp_rd.LatentVariableModel(rate.encoder, rate.marginal, decoder)
  draws = tfp_rd.draw(parts, x, seed=3)
  expected = np.mean(draws.distortion + weight * draws.rate)
  fitted = model.fit(x, x, batch_size=len(x), shuffle=False, verbose=0).history
  measured = model.evaluate(x, x, verbose=0, return_dict=True)
  for loss in (fitted['loss'][0], measured['loss']):
    np.testing.assert_allclose(loss, expected, rtol=0, atol=1e-5)
  np.testing.assert_allclose(
    measured['rate_nats'], np.mean(draws.rate), atol=1e-5
  )


def test_a_step_follows_the_gradient_of_d_plus_weight_times_r(monkeypatch):
  share_noise(monkeypatch, seed=3)
  rate, decoder = (
    make_rate('vamp', 'float64', weight=0.5),
    make_decoder('float64'),
  )
  model = sequential(rate, decoder)
  parts = tfp_rd.LatentVariableModel(rate.encoder, rate.marginal, decoder)
  x = images().astype('float64')
  with tf.GradientTape() as tape:
    draws = tfp_rd.draw(parts, x, seed=3)
    loss = tf.reduce_mean(draws.distortion + 0.5 * draws.rate)
  variables = parts.trainable_variables
  expected = [
    v - 0.1 * g
    for v, g in zip(variables, tape.gradient(loss, variables), strict=True)
  ]
  model.compile(tf_keras.optimizers.SGD(0.1), loss=layer.distortion)
  model.fit(x, x, batch_size=len(x), shuffle=False, verbose=0)
  for variable, value in zip(variables, expected, strict=True):
    np.testing.assert_allclose(variable, value, atol=1e-9)


def test_the_batch_size_is_no_factor(monkeypatch):
  def middle(self, encoding):
    del self
    z = encoding.bijector.forward(encoding.distribution.mean())
    return z, encoding.log_prob(z)

  monkeypatch.setattr(rate_layer.RateLayer, '_draw', middle)
  model = compiled(sequential(make_rate('vamp'), make_decoder()))
  x = images(8)
  values = [model.evaluate(x, x, batch_size=n, verbose=0) for n in (1, 3, 8)]
  np.testing.assert_allclose(values[1:], [values[0]] * 2, rtol=1e-5)


def test_a_regulariser_of_the_encoder_counts_once():
  encoder = make_encoder(kernel_regularizer='l2')
  rate = layer.VampRate(encoder, pseudo_inputs=3, weight=0.0)
  model = sequential(rate, make_decoder())
  model(images())
  kernel = encoder.layers[1].kernel
  total = 0.01 * tf.reduce_sum(kernel**2)
  np.testing.assert_allclose(sum(model.losses), total, rtol=1e-6)


def test_a_frozen_encoder_stays_while_the_marginal_learns():
  rate = make_rate('vamp')
  rate.encoder.trainable = False
  model = compiled(sequential(rate, make_decoder()))
  assert len(rate.trainable_variables) == 2
  before, start = rate.encoder.get_weights(), rate.marginal.pseudo_inputs
  model.fit(images(), images(), verbose=0)
  for old, new in zip(before, rate.encoder.get_weights(), strict=True):
    np.testing.assert_array_equal(old, new)
  assert np.all(start != rate.marginal.pseudo_inputs)


def dropping_rate():
  encoder = tf_keras.Sequential(
    [
      tf_keras.layers.InputLayer(SHAPE),
      tf_keras.layers.Flatten(),
      tf_keras.layers.Dropout(0.5),
      layer.InverseAutoregressive(SIZE, hidden_sizes=(6,)),
    ]
  )
  return layer.VampRate(encoder, pseudo_inputs=3)


def loss_of(rate, *, training):
  tf_keras.utils.set_random_seed(0)
  rate(images(), training=training)
  return rate.losses[0].numpy()


def test_dropout_acts_on_images_in_training_alone():
  rate = dropping_rate()
  assert loss_of(rate, training=False) == loss_of(rate, training=None)
  assert loss_of(rate, training=False) != loss_of(rate, training=True)


def test_dropout_never_acts_on_pseudo_inputs(monkeypatch):
  # Without e(z|x) and at one z the loss is that of the marginal alone.
  z = tf.ones([8, SIZE])
  monkeypatch.setattr(
    rate_layer.RateLayer, '_draw', lambda self, encoding: (z, tf.zeros(8))
  )
  rate = dropping_rate()
  expected = -np.mean(rate.marginal().log_prob(z))
  for training in (True, False):
    np.testing.assert_allclose(
      loss_of(rate, training=training), expected, rtol=1e-6
    )
  encoding = rate.marginal._encoder
  rate.marginal._encoder = lambda u: encoding(u, seed=0)
  assert abs(loss_of(rate, training=True) - expected) > 1e-3


def test_images_are_sampled_only_when_asked_for(monkeypatch):
  def refuse(self, n, seed=None):
    raise AssertionError('H x W passes')

  monkeypatch.setattr(
    autoregressive_bernoulli.AutoregressiveBernoulli, '_sample_n', refuse
  )
  rate, decoder = make_rate('vamp'), make_decoder()
  model = compiled(sequential(rate, decoder))
  model.fit(images(), images(), verbose=0)
  model.run_eagerly = False
  assert model.predict(images(), verbose=0).shape == (8, *SHAPE)
  with pytest.raises(AssertionError, match='passes'):
    decoder(tf.zeros([1, SIZE])).sample()


def test_as_a_tensor_images_are_what_z_alone_says():
  decoder = make_decoder()
  z = np.random.RandomState(1).randn(5, SIZE).astype('f')
  decoding = decoder(z)
  means = decoder.predict(z, verbose=0)
  grey = tf.sigmoid(decoding.logits(tf.fill([5, *SHAPE], 0.5)))
  np.testing.assert_allclose(means, grey, rtol=1e-5)
  first = tf.sigmoid(decoding.logits(images(5)))[:, 0, 0]
  np.testing.assert_allclose(means[:, 0, 0], first, rtol=1e-5)
  assert decoder.output_shape == (None, *SHAPE)


def test_as_a_tensor_codes_are_samples():
  encoder = make_encoder()
  assert encoder.output_shape == (None, SIZE)
  x = np.repeat(images(1), 4000, axis=0)
  z = encoder.predict(x, batch_size=1000, verbose=0)
  direct = encoder(x[:1]).sample(4000, seed=(0, 1))[:, 0].numpy()
  np.testing.assert_allclose(z.mean(0), direct.mean(0), atol=0.1)
  np.testing.assert_allclose(np.cov(z.T), np.cov(direct.T), atol=0.15)


def test_probabilities_sum_to_one_after_training():
  decoder = tf_keras.Sequential(
    [layer.AutoregressiveBernoulli((2, 2, 1), features=4, num_scales=1)]
  )
  compiled(decoder).fit(
    np.random.randn(8, SIZE), np.ones([8, 2, 2, 1]), verbose=0
  )
  testing.assert_sums_to_one(decoder(tf.ones([1, SIZE])))


def reload_file(model, path):
  model.save(path / 'model.keras')
  other = tf_keras.models.load_model(path / 'model.keras')
  other.run_eagerly = True
  return other


def reload_weights(model, path):
  model.save_weights(path / 'model.weights.h5')
  clone = type(model).from_config(model.get_config())
  clone.build([None, *SHAPE])
  clone.load_weights(path / 'model.weights.h5')
  return compiled(clone)


@pytest.mark.parametrize(
  ('join', 'name', 'again'),
  [
    (sequential, 'normal', reload_file),
    (functional, 'masked', reload_file),
    (sequential, 'vamp', reload_file),
    (sequential, 'vamp', reload_weights),
  ],
)
def test_a_loaded_model_is_the_same(join, name, again, tmp_path):
  model = compiled(join(make_rate(name, weight=0.5), make_decoder()))
  model.build([None, *SHAPE])
  for n, v in enumerate(model.weights):
    v.assign_add(0.1 * np.random.RandomState(n).randn(*v.shape))
  x = images()
  other = again(model, tmp_path)
  assert len(other.weights) == len(model.weights)
  z = np.random.RandomState(1).randn(8, SIZE).astype('f')
  results = []
  for m in (model, other):
    *_, rate, decoder = m.layers
    tf_keras.utils.set_random_seed(2)
    results.append(
      [
        rate.encoder(x).log_prob(z),
        rate.marginal().log_prob(z),
        decoder(z).log_prob(x),
        tf.convert_to_tensor(m(x)),
        m.evaluate(x, x, verbose=0),
      ]
    )
  for one, same in zip(*results, strict=True):
    np.testing.assert_allclose(one, same, rtol=1e-6)


def test_a_loaded_marginal_shares_the_loaded_encoder(tmp_path):
  model = compiled(sequential(make_rate('vamp'), make_decoder()))
  model.build([None, *SHAPE])
  rate = reload_file(model, tmp_path).layers[0]
  z = tf.ones([1, SIZE])
  before = rate.marginal().log_prob(z)
  rate.encoder.trainable_variables[0].assign_add(
    tf.ones_like(rate.encoder.trainable_variables[0])
  )
  assert rate.marginal().log_prob(z) != before


def test_pseudo_inputs_start_from_given_images():
  rate = layer.VampRate(make_encoder(), pseudo_inputs=images(3))
  np.testing.assert_array_equal(
    np.round(rate.marginal.pseudo_inputs), images(3)
  )
  assert rate.get_config()['pseudo_inputs'] == 3


def test_a_bound_on_densities_is_kept_and_changes_no_loss(monkeypatch):
  share_noise(monkeypatch, seed=3)
  rate = layer.VampRate(make_encoder(), pseudo_inputs=images(3))
  bounded = layer.VampRate.from_config(
    {**rate.get_config(), 'max_densities': 5}
  )
  bounded.set_weights(rate.get_weights())
  assert bounded.get_config()['max_densities'] == 5
  assert bounded.marginal().parameters['max_densities'] == 5
  np.testing.assert_allclose(
    loss_of(bounded, training=False), loss_of(rate, training=False), rtol=1e-5
  )


def test_half_precision_leaves_densities_in_single():
  posterior = layer.InverseAutoregressive(SIZE, dtype='mixed_float16')
  decoder = layer.AutoregressiveBernoulli(SHAPE, dtype='mixed_float16')
  encoding = posterior(tf.zeros([2, 5], tf.float16))
  assert encoding.dtype == tf.float32
  assert decoder(tf.cast(encoding, tf.float16)).dtype == tf.float32


def columns(x):
  return tfp.distributions.Normal(x, 1.0)


def with_divergence():
  marginal = tfp.distributions.MultivariateNormalDiag(tf.zeros(SIZE))
  return tfpl.MultivariateNormalTriL(
    SIZE, activity_regularizer=tfpl.KLDivergenceRegularizer(marginal)
  )


@pytest.mark.parametrize(
  ('last', 'sentence'),
  [
    (with_divergence, 'KL term'),
    (lambda: tf_keras.layers.Dense(2), 'distribution'),
    (lambda: tfpl.DistributionLambda(columns), 'Independent'),
  ],
)
def test_an_encoder_that_cannot_be_one_is_refused(last, sentence):
  encoder = tf_keras.Sequential(
    [tf_keras.layers.Dense(5, input_shape=(7,)), last()]
  )
  with pytest.raises(tfp_rd.UserError, match=sentence):
    layer.StandardNormalRate(encoder)


def test_an_encoder_of_images_of_any_size_is_refused():
  encoder = tf_keras.Sequential(
    [
      tf_keras.layers.InputLayer((None, 3, 1)),
      tf_keras.layers.GlobalAveragePooling2D(),
      layer.InverseAutoregressive(SIZE),
    ]
  )
  with pytest.raises(tfp_rd.UserError, match='without None'):
    layer.StandardNormalRate(encoder)


@pytest.mark.parametrize(
  'encoder',
  [lambda x: x, layer.InverseAutoregressive(2), tf_keras.Sequential()],
  ids=['function', 'layer', 'unbuilt'],
)
def test_what_is_no_model_of_one_input_is_refused(encoder):
  with pytest.raises(tfp_rd.UserError, match='encoder'):
    layer.StandardNormalRate(encoder)
