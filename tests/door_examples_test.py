# SPDX-License-Identifier: Apache-2.0
"""Examples that are none of the model's are refused; their neighbours pass."""

import functools
import re

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from foreign_parts import counts, Decoder, Encoder, normal, rows

import tfp_rd

tfd = tfp.distributions

SHAPE = (4, 4, 1)


def bits(n=10, shape=SHAPE):
  return np.random.RandomState(0).randint(2, size=[n, *shape]).astype('f')


def greys(n=10):
  return np.random.RandomState(1).uniform(size=[n, *SHAPE]).astype('f')


def in_bytes():
  return np.random.RandomState(1).randint(256, size=[10, *SHAPE])


def with_nan():
  x = bits()
  x[3, 0, 0, 0] = np.nan
  return x


@functools.cache
def model(signs='---'):
  return tfp_rd.build(signs, image_shape=SHAPE, latent_size=2)


def fit(x, of=None, **changes):
  of = model() if of is None else of
  return tfp_rd.fit(of, x, **{'num_steps': 1, 'batch_size': 4, **changes})


def evaluate(x, of=None, **changes):
  return tfp_rd.evaluate(model() if of is None else of, x, **changes)


def draw(x, of=None, **changes):
  return tfp_rd.draw(model() if of is None else of, x, seed=0, **changes)


def refused(door, sentence, *args, **changes):
  with pytest.raises(tfp_rd.UserError, match=sentence) as error:
    door(*args, **changes)
  assert str(error.value).endswith('.')


DRAWN = r'draw bits first, by tfp_rd\.dataset\.binarize\({}, seed=0\)'
DYNAMIC = 'give dynamic=True, which draws bits'


@pytest.mark.parametrize('signs', ['---', '-+-'])
@pytest.mark.parametrize(
  ('x', 'values', 'to_fit', 'to_draw', 'threshold'),
  [
    (greys(), 'from 0.0', DYNAMIC, DRAWN.format('{}'), '> 0.5'),
    (
      in_bytes(),
      'from [0-9] to 25',
      f'divide them by 255 and {DYNAMIC}',
      DRAWN.format('{} / 255'),
      '> 127',
    ),
    (2 * bits() - 1, 'from -1 to 1, such as -1', *['make bits'] * 2, '> 0'),
  ],
  ids=['greys', 'bytes', 'signs'],
)
def test_values_that_are_no_bits(signs, x, values, to_fit, to_draw, threshold):
  of = model(signs)
  for door, name, mend in (
    (fit, 'images', to_fit),
    (evaluate, 'images', to_draw.format('images')),
    (draw, 'x', to_draw.format('x')),
  ):
    sentence = (
      f'the values of {name} go {values}.* and the decoder is a distribution '
      f'of bits, 0 and 1; {mend}.*as in {name} {threshold}'
    )
    refused(door, sentence, x, of)


@pytest.mark.parametrize(
  'x', [bits(), bits() > 0.5, bits().astype('uint8'), bits().astype('float64')]
)
def test_bits_of_any_type_are_the_same_bits(x):
  expected = evaluate(bits(), num_samples=2)
  assert evaluate(x, num_samples=2) == expected
  np.testing.assert_array_equal(draw(x).distortion, draw(bits()).distortion)


def test_greys_are_trained_on_as_probabilities():
  before = model().trainable_variables[0].numpy()
  fit(greys(), dynamic=True, validation=bits())
  fit(bits().astype('uint8'), dynamic=True)
  assert (model().trainable_variables[0].numpy() != before).any()
  drawn = tfp_rd.dataset.binarize(greys(), seed=0)
  assert evaluate(drawn, num_samples=2).num_examples == 10


def test_validation_is_of_bits_though_images_are_greys(tmp_path):
  sentence = r'values of validation go.*binarize\(validation, seed=0\)'
  folder = tmp_path / 'new'
  refused(
    fit,
    sentence,
    greys(),
    dynamic=True,
    validation=greys(),
    run_dir=folder,
  )
  refused(fit, 'values of images', greys(), run_dir=folder)
  assert not folder.exists()


def test_what_a_graph_draws_is_not_looked_at():
  function = tf.function(lambda x: draw(x).distortion, autograph=False)
  assert function(tf.constant(greys())).shape == (1, 10)


def test_other_decoders_take_other_values():
  of = tfp_rd.LatentVariableModel(Encoder(), normal(), Decoder('normal'))
  fit(rows(), of)
  evaluate(rows(), of)
  of = tfp_rd.LatentVariableModel(Encoder(), normal(), Decoder('poisson'))
  fit(counts(), of)
  assert draw(counts(), of).distortion.shape == (1, 20)


@pytest.mark.parametrize('door', [fit, evaluate, draw])
def test_what_is_not_finite_or_not_there(door):
  nan = r'(x|images) hold NaN .* in 1 of 10 examples, the first of them at 3'
  refused(door, nan, with_nan())
  refused(door, r'has shape \[0, 4, 4, 1\]; give at least one', bits(0))
  refused(door, 'is.* no array', [[1.0], [1.0, 2.0]])
  refused(door, 'are of type|is no array', np.full([3, *SHAPE], 'a'))


def test_validation_that_is_not_finite_or_not_there():
  refused(fit, 'validation hold NaN', bits(), validation=with_nan())
  refused(fit, r'validation has shape \[0,', bits(), validation=bits(0))


@pytest.mark.parametrize(
  ('shape', 'mend'),
  [
    ((4, 4), r'as in images\[\.\.\., None\]'),
    ((16,), r'images\.reshape\(-1, 4, 4, 1\)'),
    ((5, 4, 1), r'give images \[\.\.\., 4, 4, 1\]'),
    *(((4, 4, c), r'give images \[\.\.\., 4, 4, 1\]') for c in (2, 4, 8)),
  ],
)
@pytest.mark.parametrize('signs', ['---', '++v'])
def test_images_of_another_shape(shape, mend, signs):
  found = re.escape(f'{[*shape]}'[1:])
  expected = r'and the encoder is for \[\.\.\., 4, 4, 1\]'
  sentence = rf'images have shape \[[0-9]+, {found} {expected}.*{mend}'
  for door in (fit, evaluate, draw):
    refused(door, sentence, bits(10, shape), model(signs))


def test_channels_that_the_model_is_for_pass():
  of = tfp_rd.build('---', image_shape=(4, 4, 2), latent_size=2)
  x = bits(10, (4, 4, 2))
  fit(x, of)
  assert evaluate(x, of).num_examples == 10
  leading = of.encoder(x.reshape(2, 5, 4, 4, 2))
  assert leading.batch_shape == [2, 5]


def normal_decoder(z):
  scale = tf.ones_like(z[..., :1])
  return tfd.Independent(tfd.Normal(z[..., :1], scale), 1)


def encoder_of_numbers(x):
  loc = tf.reshape(x, [-1, 1]) * tf.ones([1, 2])
  return tfd.MultivariateNormalDiag(loc, tf.ones(2))


@pytest.mark.parametrize(
  ('x', 'shapes'),
  [
    (np.ones(10, 'f'), r'event shape \[1\] and an example has shape \[\]'),
    (
      rows(10)[:, :1] * np.ones(4, 'f'),
      r'\[1\] and an example has shape \[4\]',
    ),
  ],
)
def test_a_decoder_of_another_event(x, shapes):
  encoder = encoder_of_numbers
  if x.ndim == 2:
    encoder = lambda x: encoder_of_numbers(x[:, 0])  # noqa: E731
  of = tfp_rd.LatentVariableModel(
    encoder, tfd.MultivariateNormalDiag(tf.zeros(2)), normal_decoder
  )
  for door in (evaluate, draw):
    refused(door, shapes, x, of)
  column = x.reshape(len(x), -1)[:, :1]
  of = tfp_rd.LatentVariableModel(
    encoder_of_numbers, of.marginal, normal_decoder
  )
  assert draw(column, of).distortion.shape == (1, 10)


def test_a_marginal_of_another_code():
  m = model()
  for marginal, shape in (
    (tfd.MultivariateNormalDiag(tf.zeros(3)), r'\[3\]'),
    (tfd.Normal(0.0, 1.0), r'\[\]'),
  ):
    of = tfp_rd.LatentVariableModel(m.encoder, marginal, m.decoder)
    sentence = rf'shape \[2\] for the encoder and {shape} for the marginal'
    for door in (fit, evaluate, draw):
      refused(door, sentence, bits(), of)
  marginal = tfd.Sample(tfd.Normal(0.0, 1.0), 2)
  of = tfp_rd.LatentVariableModel(m.encoder, marginal, m.decoder)
  assert evaluate(bits(), of).num_examples == 10
