# SPDX-License-Identifier: Apache-2.0
"""Parts of TFP in our models, and our parts in models of others."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

import tfp_rd
from tfp_rd import testing
from tfp_rd.decoder import pixel_cnn
from tfp_rd.marginal import masked_autoregressive, standard_normal, vamp
from tfp_rd.network import gated, initial

tfb = tfp.bijectors
tfd = tfp.distributions
tfpl = tfp.layers

FEATURES = 4
SIZE = 3
CLASSES = 3


@pytest.fixture(autouse=True)
def fixed_seed():
  tf_keras.utils.set_random_seed(0)


def rows(n=20, seed=0):
  return np.random.RandomState(seed).randn(n, FEATURES).astype('f')


def counts(n=20):
  return np.random.RandomState(1).poisson(3.0, size=[n, FEATURES])


def answers(n=20):
  return np.random.RandomState(2).randint(CLASSES, size=[n, FEATURES])


class Net(tf.Module):
  """Two layers for inputs of any leading shape."""

  def __init__(self, num_inputs, num_outputs, *, seed=0, dtype='float32'):
    super().__init__()
    first, second = initial.split(seed, 2)
    self.hidden = gated.Dense(num_inputs, 8, seed=first, dtype=dtype)
    self.out = gated.Dense(8, num_outputs, seed=second, dtype=dtype)

  def __call__(self, x):
    return self.out(tf.tanh(self.hidden(x)))


class Encoder(tf.Module):
  """Any numbers to a Gaussian with a full covariance, without Keras."""

  def __init__(self, *, dtype='float32'):
    super().__init__()
    self.dtype = dtype
    self.net = Net(FEATURES, SIZE + SIZE * (SIZE + 1) // 2, dtype=dtype)

  def __call__(self, x):
    loc, scale = tf.split(self.net(tf.cast(x, self.dtype)), [SIZE, -1], -1)
    return tfd.MultivariateNormalTriL(
      loc, tfb.FillScaleTriL(diag_shift=None)(scale)
    )


def keras_encoder(shape=(FEATURES,)):
  return tf_keras.Sequential(
    [
      tf_keras.layers.Flatten(input_shape=shape),
      tf_keras.layers.Dense(8, 'tanh'),
      tf_keras.layers.Dense(tfpl.MultivariateNormalTriL.params_size(SIZE)),
      tfpl.MultivariateNormalTriL(SIZE),
    ]
  )


class Decoder(tf.Module):
  """Codes to columns of a family; its scale, if any, is learned."""

  def __init__(self, family, *, dtype='float32'):
    super().__init__()
    self.family = family
    width = FEATURES * (CLASSES if family == 'categorical' else 1)
    self.net = Net(SIZE, width, seed=1, dtype=dtype)
    if family == 'normal':
      self.scale = tfp.util.TransformedVariable(
        tf.ones([], dtype), tfb.Softplus()
      )

  def __call__(self, z):
    return tfd.Independent(self._columns(self.net(z)), 1)

  def _columns(self, features):
    if self.family == 'normal':
      return tfd.Normal(features, self.scale)
    if self.family == 'poisson':
      return tfd.Poisson(log_rate=features)
    shape = tf.concat([tf.shape(features)[:-1], [FEATURES, CLASSES]], 0)
    return tfd.Categorical(logits=tf.reshape(features, shape))


def normal():
  return tfd.MultivariateNormalDiag(tf.zeros(SIZE))


class Hierarchy(tf.Module):
  """z1 of one dimension, then z2 | z1 of two, joined to one flat z."""

  def __init__(self, form, *, dtype='float32'):
    super().__init__()
    self.form = form
    self.first = tfd.MultivariateNormalDiag(
      tf.Variable([0.5], dtype=dtype), tf.ones(1, dtype)
    )
    self.net = Net(1, 2, seed=2, dtype=dtype)

  def second(self, z1):
    loc = self.net(z1)
    return tfd.MultivariateNormalDiag(loc, 0.3 * tf.ones_like(loc))

  def __call__(self):
    if self.form == 'blockwise':
      return tfd.Blockwise(self.joint())
    if self.form == 'split':
      flat = tfb.Invert(tfb.Split([1, 2]))
      return tfd.TransformedDistribution(self.joint(), flat)
    return tfd.Blockwise(tfd.JointDistributionCoroutine(self.steps))

  def joint(self):
    return tfd.JointDistributionSequential(
      [self.first, lambda z1: self.second(z1)]
    )

  def steps(self):
    z1 = yield tfd.JointDistributionCoroutine.Root(self.first)
    yield self.second(z1)


HIERARCHIES = ('blockwise', 'split', 'coroutine')


class Coupling(tf.Module):
  """The network of a RealNVP, where `tf.Module` finds its variables."""

  def __init__(self, num_inputs, num_outputs, *, dtype='float32'):
    super().__init__()
    self.net = Net(num_inputs, 2 * num_outputs, seed=3, dtype=dtype)

  def __call__(self, x, num_outputs):
    del num_outputs  # Known since the network was made.
    shift, log_scale = tf.split(self.net(x), 2, axis=-1)
    return shift, tf.tanh(log_scale)


def real_nvp(size=SIZE, *, dtype='float32', coupling=None):
  make = coupling or (lambda n, m: Coupling(n, m, dtype=dtype))
  flow = tfb.Chain(
    [
      tfb.RealNVP(num_masked=1, shift_and_log_scale_fn=make(1, size - 1)),
      tfb.Permute(range(size)[::-1]),
      tfb.RealNVP(num_masked=1, shift_and_log_scale_fn=make(1, size - 1)),
    ]
  )
  base = tfd.MultivariateNormalDiag(tf.zeros(size, dtype))
  return tfd.TransformedDistribution(base, flow)


class JointEncoder(tf.Module):
  """A list of codes: z1 given x, and z2 given both."""

  def __init__(self):
    super().__init__()
    self.nets = [Net(FEATURES, 1), Net(FEATURES + 1, 2, seed=1)]

  def __call__(self, x):
    def second(z1):
      shape = tf.concat([tf.shape(z1)[:-1], tf.shape(x)[-1:]], 0)
      both = tf.concat([tf.broadcast_to(x, shape), z1], -1)
      return tfd.MultivariateNormalDiag(self.nets[1](both), tf.ones(2))

    first = tfd.MultivariateNormalDiag(self.nets[0](x), tf.ones(1))
    return tfd.JointDistributionSequential([first, second])


class JointDecoder(tf.Module):
  def __init__(self):
    super().__init__()
    self.decoder = Decoder('normal')

  def __call__(self, z):
    return self.decoder(tf.concat(z, axis=-1))


class JointMarginal(tf.Module):
  """The hierarchy as it is, without joining its codes."""

  def __init__(self):
    super().__init__()
    self.hierarchy = Hierarchy('blockwise')

  def __call__(self):
    return self.hierarchy.joint()


def parts_of(name):
  """Parts of an example, its data, and how many variables it trains."""
  if name in ('poisson', 'categorical'):
    x = counts() if name == 'poisson' else answers()
    return (Encoder(), normal(), Decoder(name)), x, 4 + 4
  if name == 'lists':
    return (JointEncoder(), JointMarginal(), JointDecoder()), rows(), 8 + 5 + 5
  marginal, count = normal(), 0
  if name == 'real_nvp':
    marginal, count = real_nvp(), 8
  elif name in HIERARCHIES:
    marginal, count = Hierarchy(name), 5
  return (keras_encoder(), marginal, Decoder('normal')), rows(), 4 + count + 5


@pytest.mark.parametrize(
  'name',
  ['normal', 'poisson', 'categorical', 'blockwise', 'real_nvp', 'lists'],
)
def test_every_variable_of_every_part_is_found_and_moves(name):
  parts, x, count = parts_of(name)
  model = tfp_rd.LatentVariableModel(*parts)
  before = [v.numpy() for v in model.trainable_variables]
  assert len(before) == count
  assert {id(v) for part in parts for v in part.trainable_variables} == {
    id(v) for v in model.trainable_variables
  }
  tfp_rd.fit(model, x, num_steps=3, batch_size=8)
  for v, old in zip(model.trainable_variables, before, strict=True):
    assert (v.numpy() != old).any(), v.name
  point = tfp_rd.evaluate(model, x, num_samples=4)
  assert point.num_examples == len(x)
  assert np.isfinite(point.elbo_nats)


def tril_kl(encoding):
  """KL(N(mu, L L') || N(0, I)) of each row, by its formula."""
  loc, scale = encoding.mean().numpy(), encoding.scale.to_dense().numpy()
  logs = np.log(np.diagonal(scale, axis1=-2, axis2=-1)).sum(-1)
  squares = (loc**2).sum(-1) + (scale**2).sum((-2, -1))
  return 0.5 * (squares - SIZE) - logs


@pytest.mark.parametrize('encoder', [keras_encoder, Encoder])
def test_the_rate_of_a_full_gaussian_is_its_divergence(encoder):
  model = tfp_rd.LatentVariableModel(encoder(), normal(), Decoder('normal'))
  x, draws = rows(), 2000
  drawn = tfp_rd.draw(model, x, num_samples=draws, seed=0).rate.numpy()
  kl = tril_kl(model.encoder(tf.constant(x)))
  error = drawn.std(0) / np.sqrt(draws)
  assert error.max() < 0.1
  assert (np.abs(drawn.mean(0) - kl) < 5 * error).all()
  analytic = tfp_rd.draw(model, x, seed=0, rate='analytic').rate
  np.testing.assert_allclose(analytic[0], kl, rtol=1e-5)
  point = tfp_rd.evaluate(model, x, num_samples=500)
  assert abs(point.rate_nats - kl.mean()) < 5 * error.mean()


class Linear(tf.Module):
  """x = W z + noise, where all is known."""

  def __init__(self, scale):
    super().__init__()
    self.scale = scale
    self.weights = np.random.RandomState(3).randn(FEATURES, SIZE)

  def __call__(self, z):
    loc = tf.linalg.matvec(self.weights, z)
    return tfd.MultivariateNormalDiag(loc, self.scale * tf.ones_like(loc))


def marginal_moments(marginal):
  """Mean and covariance of a hierarchy whose second step is linear."""
  a = marginal.slope.numpy()
  mean = marginal.mean.numpy()
  loc = np.concatenate([mean, a * mean[0]])
  first = np.concatenate([[1.0], a])
  noise = np.diag([0.0, 0.09, 0.09])
  return loc, np.outer(first, first) + noise


class LinearHierarchy(Hierarchy):
  """A hierarchy that is one Gaussian, when seen from outside."""

  def __init__(self, form):
    super().__init__(form, dtype='float64')
    self.mean = tf.constant([0.5], tf.float64)
    self.slope = tf.constant([1.5, -0.7], tf.float64)

  def second(self, z1):
    loc = self.slope * z1
    return tfd.MultivariateNormalDiag(loc, 0.3 * tf.ones_like(loc))


@pytest.mark.parametrize('form', HIERARCHIES)
def test_the_density_of_a_hierarchy_is_the_sum_of_its_steps(form):
  hierarchy = Hierarchy(form, dtype='float64')
  z = np.random.RandomState(4).randn(5, 6, SIZE)
  marginal = hierarchy()
  assert marginal.event_shape == [SIZE]
  assert marginal.sample([2, 5], seed=(0, 1)).shape == (2, 5, SIZE)
  first = scipy.stats.norm.logpdf(z[..., 0], 0.5, 1.0)
  loc = hierarchy.net(z[..., :1]).numpy()
  second = scipy.stats.norm.logpdf(z[..., 1:], loc, 0.3).sum(-1)
  np.testing.assert_allclose(marginal.log_prob(z), first + second, rtol=1e-12)


def posterior(decoder, loc, covariance):
  """The exact e(z|x) of a linear model, as a callable."""
  weights, noise = decoder.weights, decoder.scale**2
  precision = np.linalg.inv(covariance) + weights.T @ weights / noise
  scale = np.linalg.cholesky(np.linalg.inv(precision))
  offset = np.linalg.solve(covariance, loc)

  def encoder(x):
    natural = tf.linalg.matvec(weights.T, x) / noise + offset
    mean = tf.linalg.matvec(np.linalg.inv(precision), natural)
    return tfd.MultivariateNormalTriL(mean, scale)

  return encoder


@pytest.mark.parametrize('form', HIERARCHIES)
def test_at_the_posterior_each_draw_is_the_evidence(form):
  marginal, decoder = LinearHierarchy(form), Linear(scale=0.2)
  loc, covariance = marginal_moments(marginal)
  encoder = posterior(decoder, loc, covariance)
  model = tfp_rd.LatentVariableModel(encoder, marginal, decoder)
  x = rows().astype('float64')
  draws = tfp_rd.draw(model, x, num_samples=3, seed=0)
  evidence = scipy.stats.multivariate_normal(
    decoder.weights @ loc,
    decoder.weights @ covariance @ decoder.weights.T + 0.04 * np.eye(FEATURES),
  ).logpdf(x)
  np.testing.assert_allclose(
    draws.rate + draws.distortion, np.tile(-evidence, [3, 1]), rtol=1e-9
  )


def narrow_model(decoding, *, unit=1.0):
  """An encoder that nearly says x, before a decoder with as many features."""

  def encoder(x):
    return tfd.MultivariateNormalDiag(unit * x, 0.01 * tf.ones_like(x))

  marginal = tfd.MultivariateNormalDiag(np.zeros(FEATURES))
  return tfp_rd.LatentVariableModel(encoder, marginal, decoding)


def test_distortion_of_reals_is_its_closed_form_and_may_be_negative():
  scale = 0.05
  model = narrow_model(
    lambda z: tfd.MultivariateNormalDiag(z, scale * tf.ones_like(z))
  )
  x = rows(200).astype('float64')
  point = tfp_rd.evaluate(model, x, num_samples=20)
  # E (x - z)^2 is the encoder's variance.
  a_feature = 0.5 * np.log(2 * np.pi * scale**2) + 0.5 * (0.01 / scale) ** 2
  expected = FEATURES * a_feature
  assert expected < -8.0
  assert point.distortion_stderr_nats < 0.01
  error = abs(point.distortion_nats - expected)
  assert error < 5 * point.distortion_stderr_nats


@pytest.mark.parametrize('grams', [1e3, 0.5])
def test_other_units_of_reals_move_the_distortion_by_a_constant(grams):
  def in_grams(z):
    return tfd.MultivariateNormalDiag(grams * z, grams * tf.ones_like(z))

  def in_kilograms(z):
    return tfd.MultivariateNormalDiag(z, tf.ones_like(z))

  x = rows().astype('float64')
  one = tfp_rd.draw(narrow_model(in_kilograms), x, seed=0)
  model = narrow_model(in_grams, unit=1 / grams)
  other = tfp_rd.draw(model, grams * x, seed=0)
  np.testing.assert_allclose(other.rate, one.rate, rtol=1e-9)
  np.testing.assert_allclose(
    other.distortion, one.distortion + FEATURES * np.log(grams), rtol=1e-9
  )


def test_columns_that_are_not_one_example_are_refused():
  model = narrow_model(lambda z: tfd.Normal(z, tf.ones_like(z)))
  with pytest.raises(tfp_rd.UserError, match='Independent'):
    tfp_rd.evaluate(model, rows().astype('float64'))


def test_distortion_of_counts_is_that_of_scipy():
  decoder, x = Decoder('poisson'), counts()
  model = tfp_rd.LatentVariableModel(Encoder(), normal(), decoder)
  draws = tfp_rd.draw(model, x, num_samples=3, seed=0)
  means = np.exp(decoder.net(draws.latent))
  np.testing.assert_allclose(
    draws.distortion, -scipy.stats.poisson.logpmf(x, means).sum(-1), rtol=1e-5
  )
  assert np.all(draws.distortion > 0)


@pytest.mark.parametrize('kind', ['int32', 'uint8', 'float32', 'float64'])
def test_counts_may_be_of_any_type(kind):
  model = tfp_rd.LatentVariableModel(Encoder(), normal(), Decoder('poisson'))
  one, other = (
    tfp_rd.evaluate(model, x, num_samples=2)
    for x in (counts(), counts().astype(kind))
  )
  assert one == other


def test_distortion_of_categories_is_the_cross_entropy():
  decoder, x = Decoder('categorical'), answers()
  model = tfp_rd.LatentVariableModel(Encoder(), normal(), decoder)
  draws = tfp_rd.draw(model, x, num_samples=3, seed=0)
  logits = decoder.net(draws.latent).numpy().reshape(3, 20, FEATURES, CLASSES)
  chosen = np.eye(CLASSES)[x] * scipy.special.log_softmax(logits, axis=-1)
  np.testing.assert_allclose(draws.distortion, -chosen.sum((-2, -1)), rtol=1e-5)
  for v in decoder.trainable_variables:
    v.assign(tf.zeros_like(v))
  point = tfp_rd.evaluate(model, x)
  assert abs(point.distortion_nats - FEATURES * np.log(CLASSES)) < 1e-5


def test_a_list_of_codes_costs_what_the_flat_code_costs():
  parts = JointEncoder(), JointMarginal(), JointDecoder()
  lists = tfp_rd.LatentVariableModel(*parts)
  flat = tfp_rd.LatentVariableModel(
    Flat(parts[0]), Flat(parts[1]), parts[2].decoder
  )
  one, other = (tfp_rd.draw(m, rows(), seed=0) for m in (lists, flat))
  assert [z.shape[-1] for z in one.latent] == [1, 2]
  np.testing.assert_allclose(tf.concat(one.latent, -1), other.latent, rtol=1e-5)
  np.testing.assert_allclose(one.rate, other.rate, rtol=1e-4)
  np.testing.assert_allclose(one.distortion, other.distortion, rtol=1e-5)


class Flat(tf.Module):
  """A part of lists, joined to vectors."""

  def __init__(self, part):
    super().__init__()
    self.part = part

  def __call__(self, *args):
    return tfd.Blockwise(self.part(*args))


def mass(log_prob, *, radius=7.0, num=301, dtype='float64'):
  """The integral of a density of two dimensions over a square."""
  axis = np.linspace(-radius, radius, num)
  z = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2).astype(dtype)
  cell = (axis[1] - axis[0]) ** 2
  return float(np.exp(log_prob(tf.constant(z))).sum() * cell)


def test_a_real_nvp_is_a_density_of_its_samples():
  marginal = real_nvp(2, dtype='float64')
  assert len(marginal.trainable_variables) == 8
  assert abs(mass(marginal.log_prob, radius=20.0) - 1) < 1e-4
  z, log_prob = marginal.experimental_sample_and_log_prob(50, seed=(0, 1))
  again = tf.identity(z)  # Not the tensor that the bijector remembers.
  np.testing.assert_allclose(marginal.log_prob(again), log_prob, rtol=1e-9)


@pytest.mark.filterwarnings('ignore:`.*` (is deprecated|will be removed)')
def test_a_real_nvp_that_loses_its_variables_is_refused():
  flow = real_nvp(coupling=lambda n, m: tfb.real_nvp_default_template([8]))
  flow.sample(seed=(0, 1))
  assert not flow.trainable_variables
  model = tfp_rd.LatentVariableModel(keras_encoder(), flow, Decoder('normal'))
  with pytest.raises(tfp_rd.UserError, match='no part of the model owns'):
    tfp_rd.fit(model, rows(), num_steps=1, batch_size=4)


def bits(n=16):
  """Images of 3x3 bits in two kinds."""
  kind = np.random.RandomState(5).randint(2, size=[n, 1, 1, 1])
  return np.tile(kind, [1, 3, 3, 1]).astype('f')


def pixel_decoder():
  return pixel_cnn.PixelCNN(SIZE, (3, 3, 1), features=4, num_scales=1, seed=0)


def test_our_decoder_trains_in_a_loop_of_another():
  encode, decode, x = Net(9, SIZE), pixel_decoder(), bits()
  optimizer = tf_keras.optimizers.Adam(0.03)
  variables = encode.trainable_variables + decode.trainable_variables

  @tf.function
  def step():
    with tf.GradientTape() as tape:
      z = encode(tf.reshape(x, [-1, 9])) + tf.random.normal([len(x), SIZE])
      loss = -tf.reduce_mean(decode(z).log_prob(x))
    gradients = tape.gradient(loss, variables)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))
    return loss

  before = [v.numpy() for v in variables]
  losses = [float(step()) for _ in range(60)]
  for v, old in zip(variables, before, strict=True):
    assert (v.numpy() != old).any(), v.name
  # Half of a bit is left: which of the two kinds; at first nine of them.
  assert losses[0] > 5.0
  assert np.mean(losses[-10:]) < 1.0
  testing.assert_sums_to_one(decode(tf.ones([1, SIZE])))


class Vae(tf_keras.Model):
  """A model of Keras as others write it, with parts of ours."""

  def __init__(self, encoder, marginal, decoder):
    super().__init__()
    self.encoder, self.marginal, self.decoder = encoder, marginal, decoder

  def call(self, x):
    encoding = self.encoder(x)
    z = tf.convert_to_tensor(encoding)
    rate = encoding.log_prob(z) - self.marginal().log_prob(z)
    self.add_loss(tf.reduce_mean(rate))
    return self.decoder(z)


def flow(size=SIZE, **kwargs):
  return masked_autoregressive.MaskedAutoregressive(
    size, hidden_sizes=(8,), num_steps=2, seed=0, **kwargs
  )


def distortion(x, decoding):
  return -decoding.log_prob(x)


def test_our_parts_train_in_a_model_of_keras():
  parts = keras_encoder((3, 3, 1)), flow(), pixel_decoder()
  model, x = Vae(*parts), bits()
  model.compile(tf_keras.optimizers.legacy.Adam(0.01), loss=distortion)
  model(x)
  before = [v.numpy() for v in model.trainable_variables]
  model.fit(x, x, verbose=0, epochs=2)
  for v, old in zip(model.trainable_variables, before, strict=True):
    assert (v.numpy() != old).any(), v.name
  ours = tfp_rd.LatentVariableModel(*parts)
  assert {id(v) for v in ours.trainable_variables} == {
    id(v) for v in model.trainable_variables
  }
  check_loss(model, ours, x)


def check_loss(model, ours, x):
  """The loss of a compiled model is D + R, as `evaluate` measures it."""
  often = np.repeat(x, 50, axis=0)
  losses = [
    model.evaluate(often, often, batch_size=len(often), verbose=0)
    for _ in range(10)
  ]
  error = np.std(losses, ddof=1) / np.sqrt(10)
  point = tfp_rd.evaluate(ours, x, num_samples=400)
  assert point.rate_nats > 10 * error  # A doubled rate would be seen.
  assert abs(np.mean(losses) + point.elbo_nats) < 6 * error


def test_our_marginal_is_the_prior_of_a_plain_tfp_model():
  encoder, marginal = keras_encoder(), flow()
  width = tfpl.IndependentNormal.params_size(FEATURES)
  decoder = tf_keras.Sequential(
    [
      tf_keras.layers.Dense(
        width, input_shape=(SIZE,), kernel_initializer='zeros'
      ),
      tfpl.IndependentNormal(FEATURES),
    ]
  )
  prior = tfpl.KLDivergenceAddLoss(marginal())
  model = tf_keras.Sequential([*encoder.layers, prior, *decoder.layers])
  x = rows()
  model.compile(tf_keras.optimizers.legacy.Adam(0.01), loss=distortion)
  before = [v.numpy() for v in marginal.trainable_variables]
  model.fit(x, x, verbose=0, epochs=2)
  for v, old in zip(marginal.trainable_variables, before, strict=True):
    assert (v.numpy() != old).any(), v.name
  # The door refuses the layer that adds a rate: without it, these are the
  # three parts.
  ours = tfp_rd.LatentVariableModel(encoder, marginal, decoder)
  check_loss(model, ours, x)


def pseudo_inputs():
  encoder = Encoder(dtype='float64')
  return vamp.Vamp(encoder, rows(3) ** 2 / 10.0, dtype='float64')


@pytest.mark.parametrize(
  'make',
  [
    lambda: standard_normal.StandardNormal(SIZE, dtype='float64'),
    lambda: flow(affine=True, dtype='float64'),
    pseudo_inputs,
  ],
  ids=['standard_normal', 'masked_autoregressive', 'vamp'],
)
def test_our_marginal_is_the_first_step_of_a_joint_distribution(make):
  marginal, decoder = make(), Decoder('normal', dtype='float64')
  joint = tfd.JointDistributionSequential([marginal(), lambda z: decoder(z)])
  z, x = joint.sample([2, 5], seed=(0, 1))
  assert z.shape == (2, 5, SIZE)
  assert x.shape == (2, 5, FEATURES)
  np.testing.assert_allclose(
    joint.log_prob([z, x]),
    marginal().log_prob(z) + decoder(z).log_prob(x),
    rtol=1e-12,
  )


def sheared(n=1000):
  """Rows of z1 ~ N(0, 1), z2 = z1 + N(0, 1); a flow of volume 1 can do that."""
  z = np.random.RandomState(6).randn(n, 2)
  return np.stack([z[:, 0], z.sum(1)], -1).astype('f')


def test_our_marginal_is_fitted_by_tfp():
  marginal, z = flow(2), sheared()
  losses = tfp.math.minimize(
    lambda: -tf.reduce_mean(marginal().log_prob(z)),
    num_steps=300,
    optimizer=tf_keras.optimizers.Adam(0.02),
    trainable_variables=marginal.trainable_variables,
  )
  truth = scipy.stats.multivariate_normal(cov=[[1, 1], [1, 2]])
  floor = -truth.logpdf(z).mean()
  assert losses[0] > floor + 0.3
  assert abs(losses[-1] - floor) < 0.05
  assert abs(mass(marginal().log_prob, dtype='float32') - 1) < 1e-3


def test_variational_inference_of_tfp_bounds_the_evidence():
  marginal, x = flow(2, affine=True), tf.constant([0.5, -1.0])
  joint = tfd.JointDistributionSequential(
    [marginal(), lambda z: tfd.MultivariateNormalDiag(z, 0.5 * tf.ones(2))]
  )
  surrogate = tfp.experimental.util.make_trainable(
    tfd.MultivariateNormalTriL, batch_and_event_shape=[2], seed=(0, 2)
  )
  losses = tfp.vi.fit_surrogate_posterior(
    lambda z: joint.log_prob([z, x]),
    surrogate,
    optimizer=tf_keras.optimizers.Adam(0.05),
    num_steps=300,
    sample_size=50,
    seed=(0, 1),
    trainable_variables=surrogate.trainable_variables,
  )
  evidence = np.log(
    mass(lambda z: joint.log_prob([z, x]), num=501, dtype='float32')
  )
  last = losses[-100:].numpy()
  error = last.std() / 10
  assert error < 0.02
  gap = last.mean() + evidence
  assert -5 * error < gap < 0.1
  assert losses[0] > last.mean() + 0.5
