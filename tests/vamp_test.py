# SPDX-License-Identifier: Apache-2.0
"""VampPrior is the mixture that it says, and can always move."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

import tfp_rd
from tfp_rd import architecture
from tfp_rd.encoder import gaussian, inverse_autoregressive
from tfp_rd.marginal import vamp, vamp_mixture
from tfp_rd.network import log_sum_chunks

tfd = tfp.distributions
tfpl = tfp.layers

SHAPE = (4, 4, 1)


def images(n, seed=0):
  bits = np.random.RandomState(seed).randint(2, size=[n, *SHAPE])
  return bits.astype(np.float64)


def codes(*shape, seed=1):
  return tf.constant(np.random.RandomState(seed).randn(*shape))


def gaussian_encoder(size=3, **kwargs):
  return gaussian.Gaussian(SHAPE, size, seed=0, dtype='float64', **kwargs)


def flow_encoder(size=3, **kwargs):
  encoder = inverse_autoregressive.InverseAutoregressive(
    SHAPE, size, hidden_sizes=(12, 12), seed=0, dtype='float64', **kwargs
  )
  for network in encoder._head._networks:
    for v in network.trainable_variables:
      v.assign(v * 3.0)  # Away from the identity.
  return encoder


ENCODERS = [gaussian_encoder, flow_encoder]


@pytest.mark.parametrize('make', ENCODERS)
def test_one_pseudo_input_is_the_encoder_there(make):
  encoder = make()
  marginal = vamp.Vamp(encoder, images(1), dtype='float64')
  z = tf.constant(np.random.RandomState(1).randn(7, 3))
  there = encoder(marginal.pseudo_inputs[0])
  np.testing.assert_allclose(
    marginal().log_prob(z), there.log_prob(z), atol=1e-8
  )


@pytest.mark.parametrize('make', ENCODERS)
def test_equal_pseudo_inputs_are_the_encoder_there(make):
  encoder = make()
  marginal = vamp.Vamp(encoder, images(1).repeat(5, 0), dtype='float64')
  marginal._logits.assign([0.0, 1.0, -1.0, 0.5, 3.0])
  z = codes(7, 3)
  there = encoder(marginal.pseudo_inputs[0])
  np.testing.assert_allclose(
    marginal().log_prob(z), there.log_prob(tf.identity(z)), atol=1e-8
  )


@pytest.mark.parametrize('make', ENCODERS)
def test_the_density_is_the_weighted_sum_of_the_components(make):
  encoder = make()
  marginal = vamp.Vamp(encoder, images(4), dtype='float64')
  marginal._logits.assign([0.0, 1.0, -1.0, 0.5])
  z = tf.constant(np.random.RandomState(1).randn(5, 3))
  weights = tf.nn.softmax(marginal._logits).numpy()
  total = sum(
    w * np.exp(encoder(u).log_prob(tf.identity(z)))
    for w, u in zip(weights, marginal.pseudo_inputs, strict=True)
  )
  np.testing.assert_allclose(marginal().prob(z), total, rtol=1e-8)


def rates(*, use_context):
  """Returns R of a Gaussian encoder and of a flow on the same Gaussian."""
  plain, flow = gaussian_encoder(), flow_encoder(use_context=use_context)
  flow._features, flow._head._gaussian = plain._features, plain._head
  x, u = images(6), images(4, seed=1)
  for encoder in (plain, flow):
    marginal = vamp.Vamp(encoder, u, dtype='float64')
    z, log_prob = encoder(x).experimental_sample_and_log_prob(
      3, seed=tf.constant([0, 1])
    )
    yield (log_prob - marginal().log_prob(tf.identity(z))).numpy()


def test_a_flow_without_context_cancels_in_the_rate():
  plain, flow = rates(use_context=False)
  np.testing.assert_allclose(plain, flow, atol=1e-8)


def test_a_flow_with_context_does_not_cancel():
  plain, flow = rates(use_context=True)
  assert np.abs(plain - flow).max() > 1e-3


def test_samples_come_from_all_components_by_their_weights():
  encoder = gaussian_encoder()
  head = encoder._head
  head._loc.kernel.assign(head._loc.kernel * 30.0)
  head._scale.bias.assign_sub(6.0 * tf.ones_like(head._scale.bias))
  marginal = vamp.Vamp(encoder, images(3), dtype='float64')
  marginal._logits.assign(np.log([0.6, 0.3, 0.1]))
  z = marginal().sample(4000, seed=tf.constant([0, 1])).numpy()
  centres = encoder(marginal.pseudo_inputs).mean().numpy()
  nearest = np.linalg.norm(z[:, None] - centres, axis=-1).argmin(1)
  shares = np.bincount(nearest, minlength=3) / 4000
  np.testing.assert_allclose(shares, [0.6, 0.3, 0.1], atol=0.04)


def test_every_pixel_of_every_pseudo_input_has_a_gradient():
  marginal = vamp.Vamp(gaussian_encoder(), images(3), dtype='float64')
  z = tf.constant(np.random.RandomState(1).randn(5, 3))
  with tf.GradientTape() as tape:
    loss = tf.reduce_sum(marginal().log_prob(z))
  gradient = tape.gradient(loss, marginal._pixel_logits).numpy()
  assert (gradient != 0).all()


def test_pseudo_inputs_start_from_the_images_distinct_while_they_last():
  start = images(10)
  for count, distinct in ((5, 5), (25, 10)):
    model = architecture.build(
      '--v',
      image_shape=SHAPE,
      pseudo_inputs=start,
      num_pseudo_inputs=count,
    )
    pixels = np.round(model.marginal.pseudo_inputs.numpy())
    rows = {tuple(row) for row in pixels.reshape([count, -1])}
    assert len(rows) == distinct
    assert rows <= {tuple(row) for row in start.reshape([10, -1])}


def test_without_images_they_start_from_random_pixels():
  starts = [
    architecture.build(
      '--v', image_shape=SHAPE, num_pseudo_inputs=3, seed=seed
    ).marginal.pseudo_inputs.numpy()
    for seed in (0, 0, 1)
  ]
  np.testing.assert_array_equal(starts[0], starts[1])
  assert not np.allclose(starts[0], starts[2])
  assert (starts[0] > 0).all()
  assert (starts[0] < 1).all()
  assert starts[0].std() > 0.2


@pytest.mark.parametrize('size', [1, 2])
@pytest.mark.parametrize('make', ENCODERS)
def test_the_density_integrates_to_one(make, size):
  marginal = vamp.Vamp(make(size), images(3), dtype='float64')
  marginal._logits.assign([0.0, 1.0, -1.0])
  # The trapezoidal rule is exact for what is smooth and ends within the grid;
  # the units of a flow in two dimensions have kinks.
  axis = np.linspace(-11, 11, 111)
  grid = np.stack(np.meshgrid(*[axis] * size), -1).reshape([-1, size])
  step = axis[1] - axis[0]
  total = np.sum(marginal().prob(grid)) * step**size
  has_kinks = make is flow_encoder and size > 1
  assert total == pytest.approx(1, abs=1e-3 if has_kinks else 1e-7)


# Chunks.


class Closure:
  """An encoder of a stranger, which no module looks into."""

  def __init__(self, seed=0):
    tf_keras.utils.set_random_seed(seed)
    self.network = tf_keras.Sequential(
      [
        tf_keras.layers.Flatten(input_shape=SHAPE, dtype='float64'),
        tf_keras.layers.Dense(6, activation='tanh', dtype='float64'),
        tfpl.IndependentNormal(3, dtype='float64'),
      ]
    )

  def __call__(self, x):
    return self.network(x)

  @property
  def trainable_variables(self):
    return self.network.trainable_variables


COMPILERS = {
  'eager': lambda f: f,
  'graph': lambda f: tf.function(f, autograph=False),
  'any shape': lambda f: tf.function(
    f,
    autograph=False,
    input_signature=[tf.TensorSpec([None, None, 3], tf.float64)],
  ),
  'xla': lambda f: tf.function(f, autograph=False, jit_compile=True),
}


def check_chunks(encoder, bounds, compiler, *, condition=None):
  """Compares values and all gradients with those of a single chunk."""
  compiled = COMPILERS[compiler]
  u, logits = tf.Variable(images(5) * 0.8 + 0.1), tf.Variable(codes(5))
  variables = [u, logits, *encoder.trainable_variables]
  z, weights = codes(2, 7, 3), codes(2, 7, seed=2)

  def results(bound):
    def run(z):
      with tf.GradientTape() as tape:
        tape.watch(z)
        watched = [z, *variables]
        c = condition
        if c is not None:
          tape.watch(c)
          watched.append(c)
        mixture = vamp_mixture.VampMixture(
          encoder, u, logits, condition=c, max_densities=bound
        )
        log_prob = mixture.log_prob(z)
        loss = tf.reduce_sum(weights * log_prob)
      return [log_prob, *tape.gradient(loss, watched)]

    return run

  expected = results(1000)(z)
  for bound in bounds:
    for one, other in zip(expected, compiled(results(bound))(z), strict=True):
      np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)


# 14 codes and 5 components, which are 70 densities.
@pytest.mark.parametrize('compiler', COMPILERS)
def test_chunks_change_neither_the_density_nor_any_gradient(compiler):
  check_chunks(Closure(), (1, 2, 12, 34, 69, 70), compiler)


@pytest.mark.parametrize('compiler', ['eager', 'graph', 'xla'])
def test_chunks_of_a_flow_likewise(compiler):
  check_chunks(flow_encoder(), [12], compiler)


# One condition of all codes, of those of a column, of those of a row, and of
# each code by itself.
@pytest.mark.parametrize(
  ('compiler', 'shape'),
  [
    *(('eager', shape) for shape in [(), (7,), (2, 1)]),
    *(('graph', shape) for shape in [(), (7,), (2, 1), (2, 7)]),
    ('any shape', (2, 1)),
    ('xla', (2, 1)),
  ],
)
def test_chunks_of_conditions_likewise(compiler, shape):
  encoder = gaussian_encoder(condition_size=2)
  for v in encoder.trainable_variables:
    v.assign_add(0.1 * tf.ones_like(v))
  condition = codes(*shape, 2, seed=3)
  # Of 7 codes in a row: less than one code's densities, some, all of a group's.
  check_chunks(encoder, [3, 12, 36], compiler, condition=condition)


def test_a_condition_of_any_shape_is_taken_as_that_of_one_code():
  encoder = gaussian_encoder(condition_size=2)
  u, z, c = images(5) * 0.8 + 0.1, codes(2, 7, 3), codes(7, 2, seed=3)

  @tf.function(
    autograph=False, input_signature=[tf.TensorSpec([None, 2], tf.float64)]
  )
  def chunked(c):
    return vamp_mixture.VampMixture(
      encoder, u, codes(5), condition=c, max_densities=12
    ).log_prob(z)

  whole = vamp_mixture.VampMixture(encoder, u, codes(5), condition=c)
  np.testing.assert_allclose(chunked(c), whole.log_prob(z), rtol=1e-9)


@pytest.mark.parametrize('most', [1, 3, 4, 10, 99])
@pytest.mark.parametrize('each', [1, 2])
def test_even_parts_hold_all_and_no_more_than_they_may(most, each):
  size = log_sum_chunks.even_size(10, most, densities_each=each)
  parts = log_sum_chunks.cut(tf.range(10), size)
  assert parts.shape[1] == size
  assert size * each <= max(most, each)
  # As few parts as there can be; the last is filled up by the last row.
  assert parts.shape[0] == -(-10 // max(1, most // each))
  flat = parts.numpy().ravel()
  np.testing.assert_array_equal(flat[:10], np.arange(10))
  assert (flat[10:] == 9).all()
  filled = log_sum_chunks.cut(tf.zeros(10), size, fill=-1.0).numpy().ravel()
  assert (filled[10:] == -1).all()


@pytest.mark.parametrize('compiler', ['graph', 'xla'])
def test_a_gradient_may_be_taken_around_what_is_compiled(compiler):
  encoder, gradients = Closure(), []
  for bound in (1000, 12):
    marginal = vamp.Vamp(
      encoder, images(5), max_densities=bound, dtype='float64'
    )
    log_prob = COMPILERS[compiler](lambda z, m=marginal: m().log_prob(z))
    with tf.GradientTape() as tape:
      loss = tf.reduce_sum(log_prob(codes(14, 3)))
    variables = [*marginal.trainable_variables, *encoder.trainable_variables]
    assert len(variables) == 4
    gradients.append(tape.gradient(loss, variables))
  for one, other in zip(*gradients, strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize('bound', [100, 1])
def test_components_that_exclude_a_code_leave_the_others_their_gradient(bound):
  starts = tf.Variable([0.0, 0.5, 5.0])
  logits = tf.Variable([0.0, 1.0, 2.0])

  def encoder(x):
    return tfd.Independent(tfd.Uniform(x, x + 1.0), 1)

  with tf.GradientTape() as tape:
    mixture = vamp_mixture.VampMixture(
      encoder, starts[:, tf.newaxis], logits, max_densities=bound
    )
    log_prob = mixture.log_prob([[0.7], [0.2]])
  weights = tf.nn.softmax(logits).numpy()
  np.testing.assert_allclose(
    tf.exp(log_prob), [weights[:2].sum(), weights[0]], rtol=1e-6
  )
  expected = np.array(
    [weights[0] / weights[:2].sum() + 1, weights[1] / weights[:2].sum(), 0]
  )
  np.testing.assert_allclose(
    tape.gradient(log_prob, logits), expected - 2 * weights, atol=1e-6
  )


class Counting(tf.Module):
  """An encoder that records how much is asked of it at once."""

  def __init__(self, size=3):
    super().__init__()
    self.slope = tf.Variable(np.ones(size))
    self.densities, self.encoded = [], []

  def __call__(self, x):
    self.encoded.append(x.shape[0])
    distribution = tfd.MultivariateNormalDiag(
      x[..., :1, 0, 0] * self.slope, tf.ones_like(self.slope)
    )
    outer = self

    class Recorded(type(distribution)):
      def _log_prob(self, value):
        log_prob = super()._log_prob(value)
        outer.densities.append(log_prob.shape.num_elements())
        return log_prob

    distribution.__class__ = Recorded
    return distribution


@pytest.mark.parametrize('compiler', ['eager', 'graph'])
@pytest.mark.parametrize('bound', [1, 3, 5, 12, 34, 70, 1000])
def test_no_more_densities_than_the_bound_are_held_at_once(bound, compiler):
  encoder = Counting()
  marginal = vamp.Vamp(encoder, images(5), max_densities=bound, dtype='float64')

  def run(z):
    with tf.GradientTape() as tape:
      loss = tf.reduce_sum(marginal().log_prob(z))
    return loss, tape.gradient(loss, marginal.trainable_variables)

  COMPILERS[compiler](run)(codes(14, 3))
  assert max(encoder.densities) <= bound
  assert max(encoder.encoded) <= max(1, bound)
  first, *encoded = encoder.encoded
  assert first == 1
  if bound >= 70:
    assert encoder.densities == [70]
    assert encoded == [5]
  elif compiler == 'eager':
    # Each once for the density and once for the gradient, and few to fill up.
    assert 2 * 70 <= sum(encoder.densities) <= 2 * 100
    least = 2 * 5 * math.ceil(14 / bound)
    assert least <= sum(encoded) <= least * 6 / 5


def test_while_codes_fit_the_bound_each_pseudo_input_is_encoded_once():
  encoder = Counting()
  marginal = vamp.Vamp(encoder, images(10), max_densities=20, dtype='float64')
  mixture = marginal()
  encoder.encoded.clear()
  for count, passes in ((8, 1), (20, 1), (21, 2), (50, 3)):
    mixture.log_prob(codes(count, 3))
    assert sum(encoder.encoded) == passes * 10
    encoder.encoded.clear()


@pytest.mark.parametrize('compiler', ['eager', 'graph', 'xla'])
def test_tensors_that_an_encoder_closes_over_have_no_gradient_from_chunks(
  compiler,
):
  scale, slope = tf.constant(2.0), tf.Variable(1.5)

  def gradients(bound):
    def run(z):
      with tf.GradientTape() as tape:
        tape.watch([scale, z])
        mean = scale * 3.0

        def encoder(x):
          loc = (mean * slope) * x[:, :1, 0, 0]
          return tfd.MultivariateNormalDiag(loc, tf.ones(1))

        mixture = vamp_mixture.VampMixture(
          encoder, images(5).astype('f'), tf.zeros(5), max_densities=bound
        )
        loss = tf.reduce_sum(mixture.log_prob(z))
      found = tape.gradient(loss, {'scale': scale, 'slope': slope, 'z': z})
      return {k: g for k, g in found.items() if g is not None}

    return COMPILERS[compiler](run)(tf.ones([14, 1]))

  whole, chunked = gradients(70), gradients(12)
  assert set(whole) == {'scale', 'slope', 'z'}
  assert set(chunked) == {'slope', 'z'}
  for name, gradient in chunked.items():
    np.testing.assert_allclose(gradient, whole[name], rtol=1e-5)


def test_a_step_on_digits_has_no_loop():
  model = architecture.build('--v', image_shape=(8, 8, 1))
  assert model.marginal.pseudo_inputs.shape[0] == 50

  def while_loops(batch):
    x = tf.TensorSpec([batch, 8, 8, 1])

    @tf.function(autograph=False)
    def log_prob(x):
      return tfp_rd.draw(model, x, seed=0).marginal_log_prob

    nodes = log_prob.get_concrete_function(x).graph.as_graph_def().node
    return [n.name for n in nodes if 'While' in n.op]

  assert not while_loops(128)
  assert while_loops(1000)


# Samples.


def mixture_cdf(mixture, z, logits):
  """The distribution function of a mixture of Gaussians in one dimension."""
  components = mixture.components_distribution
  each = tfd.Normal(components.mean()[:, 0], components.stddev()[:, 0])
  weights = tf.nn.softmax(tf.constant(logits, tf.float64))
  return np.sum(weights * each.cdf(z), axis=-1)


@pytest.mark.parametrize('bound', [vamp_mixture.MAX_DENSITIES, 900])
def test_samples_follow_the_mixture_and_no_other_weights(bound):
  encoder = gaussian_encoder(1)
  head = encoder._head
  head._loc.kernel.assign(head._loc.kernel * 30.0)
  head._scale.bias.assign_sub([2.0])
  marginal = vamp.Vamp(encoder, images(3), max_densities=bound, dtype='float64')
  logits = np.log([0.6, 0.3, 0.1])
  marginal._logits.assign(logits)
  mixture, n = marginal(), 4000
  z = np.sort(mixture.sample(n, seed=(0, 1)).numpy(), axis=0)

  def distance(logits):
    # Of Kolmogorov and Smirnov, in units of its usual size.
    uniform = mixture_cdf(mixture, z, logits)
    return np.abs(uniform - (np.arange(n) + 0.5) / n).max() * np.sqrt(n)

  assert 0.2 < distance(logits) < 1.63
  assert distance(np.log([0.55, 0.3, 0.15])) > 2.5
  assert distance(np.zeros(3)) > 3


@pytest.mark.parametrize(
  ('make', 'bound'),
  [(gaussian_encoder, 1000), (gaussian_encoder, 3), (flow_encoder, 1000)],
)
def test_a_seed_gives_the_same_samples_eager_and_in_a_graph(make, bound):
  marginal = vamp.Vamp(make(), images(5), max_densities=bound, dtype='float64')
  z, log_prob = marginal().experimental_sample_and_log_prob(8, seed=(0, 3))
  np.testing.assert_allclose(log_prob, marginal().log_prob(z), rtol=1e-9)
  np.testing.assert_array_equal(z, marginal().sample(8, seed=3))
  assert not np.isin(z, marginal().sample(8, seed=4)).any()
  assert len(np.unique(z)) == z.numpy().size
  for n in (8, tf.constant(8)):
    compiled = COMPILERS['graph'](lambda n: marginal().sample(n, seed=3))
    np.testing.assert_allclose(z, compiled(n), rtol=1e-9)


def test_a_bound_above_the_number_of_samples_changes_none():
  samples = [
    vamp.Vamp(gaussian_encoder(), images(5), max_densities=bound)()
    .sample([2, 4], seed=(0, 1))
    .numpy()
    for bound in (8, 1000)
  ]
  np.testing.assert_array_equal(*samples)


def test_a_sample_costs_one_encoding_however_many_components_there_are():
  encoder = Counting()
  mixture = vamp.Vamp(encoder, images(50), dtype='float64')()
  encoder.encoded.clear()
  assert mixture.sample(20, seed=(0, 1)).shape == (20, 3)
  assert encoder.encoded == [20]


def test_which_component_and_what_of_it_are_drawn_apart():
  encoder = gaussian_encoder(1)
  marginal = vamp.Vamp(encoder, images(1).repeat(2, 0), dtype='float64')
  # Of equal components the codes do not depend on which were drawn.
  even = marginal().sample(50, seed=(0, 1))
  marginal._logits.assign([3.0, -3.0])
  np.testing.assert_array_equal(even, marginal().sample(50, seed=(0, 1)))


# As a distribution of TFP.


@pytest.mark.parametrize('with_condition', [False, True])
def test_it_is_what_tfp_s_own_mixture_is(with_condition):
  c = codes(4, 2) if with_condition else None
  encoder = gaussian_encoder(condition_size=2 if with_condition else 0)
  marginal = vamp.Vamp(encoder, images(5), dtype='float64')
  marginal._logits.assign(codes(5))
  mixture = marginal(condition=c)
  peer = tfd.MixtureSameFamily(
    mixture.mixture_distribution, mixture.components_distribution
  )
  assert mixture.event_shape == peer.event_shape == [3]
  assert (
    mixture.batch_shape == peer.batch_shape == ([4] if c is not None else [])
  )
  assert mixture.dtype == peer.dtype == tf.float64
  z = codes(2, 4, 3)
  for name, arguments in (('log_prob', [z]), ('mean', []), ('variance', [])):
    np.testing.assert_allclose(
      getattr(mixture, name)(*arguments),
      getattr(peer, name)(*arguments),
      rtol=1e-12,
      err_msg=name,
    )
  assert mixture.sample([3, 2], seed=(0, 1)).shape == [
    3,
    2,
    *mixture.batch_shape,
    3,
  ]


def test_it_is_sliced_copied_and_shown_as_tfp_s_are():
  encoder = flow_encoder(condition_size=2)
  marginal = vamp.Vamp(encoder, images(5), dtype='float64')
  mixture, z = marginal(condition=codes(4, 2)), codes(4, 3)
  whole, part = mixture.log_prob(z), mixture[1:3]
  assert 'batch_shape=[2] event_shape=[3]' in repr(part)
  np.testing.assert_allclose(part.log_prob(z[1:3]), whole[1:3], rtol=1e-9)
  np.testing.assert_allclose(mixture[2].log_prob(z[2]), whole[2], rtol=1e-9)
  chunked = mixture.copy(max_densities=3)
  np.testing.assert_allclose(chunked.log_prob(z), whole, rtol=1e-9)
  assert mixture.copy(name='other').name == 'other'


def test_it_owns_its_variables_and_sees_them_move():
  marginal = vamp.Vamp(gaussian_encoder(), images(5), dtype='float64')
  mixture, z = marginal(), codes(4, 3)
  ours = {id(v) for v in mixture.trainable_variables}
  assert ours == {id(v) for v in marginal.trainable_variables}
  for variable in mixture.trainable_variables:
    before = mixture.log_prob(z).numpy()
    variable.assign_add(codes(*variable.shape) * 0.1)
    assert not np.allclose(before, mixture.log_prob(z)), variable.name


def test_it_is_taken_and_trained_as_the_marginal_of_a_model():
  model = architecture.build('---', image_shape=SHAPE, latent_size=3)
  logits = tf.Variable(tf.zeros(5), name='mixture')
  mixture = vamp_mixture.VampMixture(
    model.encoder, images(5).astype('f'), logits, max_densities=7
  )
  model = tfp_rd.LatentVariableModel(model.encoder, mixture, model.decoder)
  before = [v.numpy() for v in model.trainable_variables]
  tfp_rd.fit(model, images(8).astype('f'), num_steps=2, batch_size=4)
  moved = [
    v.name
    for v, b in zip(model.trainable_variables, before, strict=True)
    if not np.array_equal(v, b)
  ]
  assert len(moved) == len(before)
  assert any('mixture' in name for name in moved)


def test_what_cannot_be_a_mixture_is_refused():
  u, logits = images(2), np.zeros(2)
  with pytest.raises(ValueError, match='max_densities is 0'):
    vamp_mixture.VampMixture(gaussian_encoder(), u, logits, max_densities=0)
  for encoder in (lambda x: x, lambda x: tfd.Normal(x, tf.ones_like(x))):
    with pytest.raises(ValueError, match='Independent'):
      vamp_mixture.VampMixture(encoder, u, logits)


@pytest.mark.parametrize('bound', [2**14, 7])
@pytest.mark.parametrize('groups', [(), (3, 1)])
def test_each_condition_costs_one_encoding_of_each_pseudo_input(bound, groups):
  """Also in chunks; a condition of each code would cost as many more."""
  encoded = []

  def encoder(x, *, condition):
    encoded.append(x.shape[:-3].num_elements())
    loc = tf.reduce_mean(x, [-3, -2]) + tf.reduce_sum(condition, -1)[..., None]
    return tfd.MultivariateNormalDiag(loc, tf.ones(1, tf.float64))

  k, codes = 4, (5, 3, 2)
  random = np.random.RandomState(0)
  z = tf.constant(random.randn(*codes, 1))
  condition = tf.constant(random.randn(*groups, 2))
  mixture = vamp_mixture.VampMixture(
    encoder,
    tf.constant(random.rand(k, 2, 2, 1)),
    tf.zeros(k, tf.float64),
    condition=condition,
    max_densities=bound,
  )
  encoded.clear()
  found = mixture.log_prob(z)
  num_groups = math.prod(groups)
  # Eager loops: each chunk of components is encoded for a chunk of rows.
  assert max(encoded) <= num_groups * k
  if bound > math.prod(codes) * k:
    assert sum(encoded) == num_groups * k
  locs = tf.reduce_mean(mixture._pseudo_inputs, [-3, -2])[:, 0]
  shift = tf.reduce_sum(condition, -1)
  codes_of = tfd.Normal(locs + shift[..., None], tf.ones([], tf.float64))
  expected = tf.reduce_logsumexp(codes_of.log_prob(z), -1) - math.log(k)
  np.testing.assert_allclose(found, expected, rtol=1e-9)
