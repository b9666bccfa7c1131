# SPDX-License-Identifier: Apache-2.0
"""What `KLDivergenceRegularizer` adds, why it is refused, and what mends it."""

import numpy as np
import pytest
import tensorflow_probability as tfp
import tf_keras

import tfp_rd

tfd = tfp.distributions
tfpl = tfp.layers

SHAPE = (4, 3, 1)
PIXELS = 12


@pytest.fixture(autouse=True)
def fixed_seed():
  tf_keras.utils.set_random_seed(0)


def bits(n=8):
  return np.random.RandomState(0).randint(2, size=[n, *SHAPE]).astype('f')


def normal():
  return tfd.MultivariateNormalDiag(np.zeros(2, 'f'))


def encoder():
  """As in the tutorial of TFP: `weight=1` is meant to be beta = 1."""
  regularizer = tfpl.KLDivergenceRegularizer(
    normal(), use_exact_kl=True, weight=1.0
  )
  return tf_keras.Sequential(
    [
      tf_keras.layers.Flatten(input_shape=SHAPE),
      tf_keras.layers.Dense(tfpl.MultivariateNormalTriL.params_size(2)),
      tfpl.MultivariateNormalTriL(2, activity_regularizer=regularizer),
    ]
  )


def decoder():
  """Its logits are 0 whatever z is, so that D is known."""
  return tf_keras.Sequential(
    [
      tf_keras.layers.Dense(
        PIXELS, input_shape=[2], kernel_initializer='zeros'
      ),
      tfpl.IndependentBernoulli(SHAPE),
    ]
  )


def test_tfp_and_keras_count_it_twice():
  net = encoder()
  kl = np.mean(tfd.kl_divergence(net(bits()), normal()))
  assert kl > 0.1
  assert len(net.losses) == 2
  assert float(sum(net.losses)) == pytest.approx(2 * kl, rel=1e-5)


def test_the_model_of_the_tutorial_is_trained_on_d_and_twice_r():
  net = encoder()
  model = tf_keras.Sequential([*net.layers, *decoder().layers])
  model.compile(
    tf_keras.optimizers.legacy.Adam(), loss=lambda x, d: -d.log_prob(x)
  )
  loss = model.evaluate(bits(), bits(), batch_size=8, verbose=0)
  kl = np.mean(tfd.kl_divergence(net(bits()), normal()))
  distortion = PIXELS * np.log(2)
  assert loss == pytest.approx(distortion + 2 * kl, rel=1e-5)


def test_the_line_that_mends_a_trained_model():
  net = encoder()
  sentence = r'KL term of its own.*set layer\.activity_regularizer = None'
  with pytest.raises(tfp_rd.UserError, match=sentence):
    tfp_rd.LatentVariableModel(net, normal(), decoder())
  for layer in net.layers:
    layer.activity_regularizer = None
  model = tfp_rd.LatentVariableModel(net, normal(), decoder())
  point = tfp_rd.evaluate(model, bits(), num_samples=2000)
  kl = np.mean(tfd.kl_divergence(net(bits()), normal()))
  assert point.rate_nats == pytest.approx(kl, abs=0.1)
  assert point.distortion_nats == pytest.approx(PIXELS * np.log(2))
  done = tfp_rd.fit(model, bits(), num_steps=1, batch_size=8)
  assert 'regularization' not in done.metrics[-1]
