# SPDX-License-Identifier: Apache-2.0
"""What users bring is taken at the door, or refused there by a sentence."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

import tfp_rd
from tfp_rd import testing
from tfp_rd.network import gated

tfd = tfp.distributions
tfpl = tfp.layers

SHAPE = (4, 3, 1)


def images(n=5):
  return np.random.RandomState(0).randint(2, size=[n, *SHAPE]).astype('f')


def keras_encoder(**kwargs):
  return tf_keras.Sequential(
    [
      tf_keras.layers.Flatten(input_shape=SHAPE),
      tf_keras.layers.Dense(8, activation='relu'),
      tf_keras.layers.Dense(tfpl.MultivariateNormalTriL.params_size(2)),
      tfpl.MultivariateNormalTriL(2, **kwargs),
    ]
  )


def keras_decoder():
  return tf_keras.Sequential(
    [
      tf_keras.layers.Dense(8, activation='relu', input_shape=[2]),
      tf_keras.layers.Dropout(0.5),
      tf_keras.layers.Dense(12),
      tfpl.IndependentBernoulli(SHAPE),
    ]
  )


def functional_encoder():
  x = tf_keras.Input(SHAPE)
  h = tf_keras.layers.Dense(4)(tf_keras.layers.Flatten()(x))
  return tf_keras.Model(x, tfpl.IndependentNormal(2)(h))


def marginal():
  return tfd.MultivariateNormalDiag(tf.zeros(2), tf.ones(2))


class Decoder(tf.Module):
  def __init__(self):
    super().__init__()
    self.dense = gated.Dense(2, 12, seed=0, dtype='float32')

  def __call__(self, z):
    logits = tf.reshape(self.dense(z), [*z.shape[:-1], *SHAPE])
    return tfd.Independent(tfd.Bernoulli(logits=logits, dtype=tf.float32), 3)


@pytest.mark.parametrize('encoder', [keras_encoder, functional_encoder])
@pytest.mark.parametrize('decoder', [keras_decoder, Decoder])
def test_parts_of_keras_and_of_plain_modules_train(encoder, decoder):
  model = tfp_rd.LatentVariableModel(encoder(), marginal(), decoder())
  draws = tfp_rd.draw(model, images(), num_samples=3, seed=0)
  assert draws.distortion.shape == (3, 5)
  assert draws.decoding.batch_shape == [3, 5]
  before = [v.numpy() for v in model.trainable_variables]
  done = tfp_rd.fit(model, images(), num_steps=3, batch_size=4)
  assert done.steps == 3
  for v, old in zip(model.trainable_variables, before, strict=True):
    assert (v.numpy() != old).any()


def test_a_keras_part_gives_the_density_that_its_layers_give():
  encoder = keras_encoder()
  model = tfp_rd.LatentVariableModel(encoder, marginal(), Decoder())
  z = np.random.RandomState(1).randn(5, 2).astype('f')
  np.testing.assert_allclose(
    model.encoder(images()).log_prob(z),
    encoder(images()).log_prob(z),
    rtol=1e-5,
  )


def test_no_hidden_sample_is_drawn():
  calls = []

  def convert(distribution):
    calls.append(1)
    return distribution.sample()

  encoder = keras_encoder(convert_to_tensor_fn=convert)
  model = tfp_rd.LatentVariableModel(encoder, marginal(), Decoder())
  calls.clear()
  tfp_rd.draw(model, images(), seed=0)
  assert not calls


def test_dropout_of_a_keras_part_is_on_in_training_alone():
  model = tfp_rd.LatentVariableModel(
    keras_encoder(), marginal(), keras_decoder()
  )

  def distortion(training):
    draws = tfp_rd.draw(model, images(), seed=0, training=training)
    return draws.distortion.numpy()

  np.testing.assert_array_equal(distortion(False), distortion(False))  # noqa: FBT003
  assert (distortion(True) != distortion(False)).any()  # noqa: FBT003


def test_a_frozen_layer_stays_as_it_is():
  encoder = keras_encoder()
  encoder.layers[1].trainable = False
  model = tfp_rd.LatentVariableModel(encoder, marginal(), Decoder())
  assert len(model.trainable_variables) == 4
  frozen = encoder.layers[1].kernel.numpy()
  tfp_rd.fit(model, images(), num_steps=2, batch_size=4)
  np.testing.assert_array_equal(encoder.layers[1].kernel, frozen)


def test_a_marginal_may_be_a_distribution_with_variables():
  loc = tf.Variable([1.0, 2.0])
  model = tfp_rd.LatentVariableModel(
    keras_encoder(), tfd.MultivariateNormalDiag(loc, tf.ones(2)), Decoder()
  )
  assert any(v is loc for v in model.trainable_variables)


def test_a_keras_3_model_is_refused():
  part = keras.Sequential([keras.layers.Dense(4)])
  with pytest.raises(ValueError, match='Keras 3'):
    tfp_rd.LatentVariableModel(part, marginal(), Decoder())


def test_a_keras_3_model_inside_a_module_is_refused():
  part = Decoder()
  part.hidden = keras.Sequential([keras.layers.Dense(4)])
  with pytest.raises(ValueError, match='holds a Keras 3 model'):
    tfp_rd.LatentVariableModel(keras_encoder(), marginal(), part)


def test_a_closure_that_hides_variables_is_refused():
  network = Decoder()
  with pytest.raises(ValueError, match="'network'"):
    tfp_rd.LatentVariableModel(
      keras_encoder(), marginal(), lambda z: network(z)
    )


_GLOBAL_NETWORK = Decoder()


def test_a_function_of_a_global_network_is_refused():
  def decoder(z):
    return _GLOBAL_NETWORK(z)

  with pytest.raises(ValueError, match='_GLOBAL_NETWORK'):
    tfp_rd.LatentVariableModel(keras_encoder(), marginal(), decoder)


class Wrapper(tf.Module):
  """Keeps a function that reads an attribute, called as a global is."""

  def __init__(self):
    super().__init__()
    self._GLOBAL_NETWORK = Decoder()
    self.function = lambda z: self._GLOBAL_NETWORK(z)

  def __call__(self, z):
    return self.function(z)


def test_an_attribute_that_is_called_as_a_global_is_no_global():
  model = tfp_rd.LatentVariableModel(keras_encoder(), marginal(), Wrapper())
  count = len(keras_encoder().trainable_variables)
  assert len(model.trainable_variables) > count


class Caller:
  """No tf.Module: nobody finds its network."""

  def __init__(self):
    self.network = Decoder()

  def __call__(self, z):
    return self.network(z)

  def decode(self, z):
    return self.network(z)


@pytest.mark.parametrize(
  'decoder',
  [
    Caller(),
    Caller().decode,
    functools.partial(lambda net, z: net(z), Decoder()),
    functools.partial(lambda z, net: net(z), net=Decoder()),
  ],
)
def test_other_callables_that_hide_variables_are_refused(decoder):
  with pytest.raises(ValueError, match='hides'):
    tfp_rd.LatentVariableModel(keras_encoder(), marginal(), decoder)


def test_functions_may_take_our_keywords():
  taken = []

  def encoder(x, condition=None, seed=None):
    taken.append(seed is not None)
    loc = tf.reduce_mean(x, [1, 2]) * tf.ones(2)
    return tfd.MultivariateNormalDiag(loc, tf.ones(2))

  model = tfp_rd.LatentVariableModel(
    encoder, lambda condition=None: marginal(), Decoder()
  )
  tfp_rd.draw(model, images(), seed=0)
  tfp_rd.draw(model, images(), seed=0, training=True)
  assert taken == [False, True]


def test_a_part_that_is_replaced_is_seen():
  model = tfp_rd.LatentVariableModel(keras_encoder(), marginal(), Decoder())
  before = tfp_rd.evaluate(model, images()).rate_nats
  wide = tfd.MultivariateNormalDiag(tf.zeros(2), 100.0 * tf.ones(2))
  other = tfp_rd.LatentVariableModel(keras_encoder(), wide, Decoder())
  model.marginal = other.marginal
  assert tfp_rd.evaluate(model, images()).rate_nats > before + 1.0


def test_a_lambda_inside_a_bijector_is_refused():
  network = tfp.bijectors.AutoregressiveNetwork(params=2, hidden_units=[4])
  flow = tfp.bijectors.MaskedAutoregressiveFlow(
    shift_and_log_scale_fn=lambda x: tf.unstack(network(x), axis=-1)
  )
  network.build([2])
  with pytest.raises(ValueError, match='hides'):
    tfp_rd.LatentVariableModel(
      keras_encoder(),
      tfd.TransformedDistribution(marginal(), flow),
      Decoder(),
    )


def test_a_function_without_variables_is_taken():
  model = tfp_rd.LatentVariableModel(
    lambda x: tfd.MultivariateNormalDiag(
      tf.reduce_mean(x, [1, 2]) * tf.ones(2), tf.ones(2)
    ),
    marginal(),
    Decoder(),
  )
  assert tfp_rd.draw(model, images(), seed=0).rate.shape == (1, 5)


def test_a_layer_with_a_kl_term_of_its_own_is_refused():
  regularizer = tfpl.KLDivergenceRegularizer(marginal())
  encoder = keras_encoder(activity_regularizer=regularizer)
  with pytest.raises(ValueError, match='twice'):
    tfp_rd.LatentVariableModel(encoder, marginal(), Decoder())
  encoder = keras_encoder()
  encoder.add(tfpl.KLDivergenceAddLoss(marginal()))
  with pytest.raises(ValueError, match='twice'):
    tfp_rd.LatentVariableModel(encoder, marginal(), Decoder())


@pytest.mark.parametrize('wrong', [None, 3, marginal()])
def test_what_is_no_callable_is_refused(wrong):
  with pytest.raises(ValueError, match='callable'):
    tfp_rd.LatentVariableModel(keras_encoder(), marginal(), wrong)


def test_a_gradient_that_nobody_owns_is_an_error_on_the_first_step():
  hidden = [tf.Variable([0.5, 0.5])]  # A list: no closure check sees into it.

  class Encoder(tf.Module):
    def __call__(self, x):
      loc = tf.reduce_mean(x, [1, 2]) * _look_up(hidden)
      return tfd.MultivariateNormalDiag(loc, tf.ones(2))

  model = tfp_rd.LatentVariableModel(Encoder(), marginal(), Decoder())
  with pytest.raises(ValueError, match='no part of the model owns'):
    tfp_rd.fit(model, images(), num_steps=1, batch_size=4)


def _look_up(values):
  return values[0]


def test_a_keras_decoder_is_a_probability():
  model = tfp_rd.LatentVariableModel(keras_encoder(), marginal(), Decoder())
  decoding = model.decoder(tf.ones([2]))
  testing.assert_sums_to_one(decoding)
