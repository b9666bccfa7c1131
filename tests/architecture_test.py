# SPDX-License-Identifier: Apache-2.0
"""Depth and size of the nets: the paper's numbers, and what `small` thins."""

import collections

import numpy as np
import pytest

import tfp_rd
from tfp_rd import architecture
from tfp_rd.network import gated, masked


def build(signs, *, size, shape=(28, 28, 1)):
  return tfp_rd.build(signs, image_shape=shape, size=size)


def kernels(part):
  """Returns how often each kernel shape stands in a part."""
  return collections.Counter(
    tuple(v.shape) for v in part.trainable_variables if v.shape.rank > 1
  )


def test_the_paper_s_encoder_has_its_shapes():
  encoder = build('---', size='paper').encoder
  assert kernels(encoder) == {
    (5, 5, 1, 2 * 32): 1,
    (5, 5, 32, 2 * 32): 1,
    (5, 5, 32, 2 * 64): 1,
    (5, 5, 64, 2 * 64): 1,
    (7, 7, 64, 2 * 256): 1,
    (256, 64): 2,
  }
  strides = [m._stride for m in encoder.submodules if type(m) is gated.Conv]
  assert sorted(strides) == [1, 1, 1, 2, 2]


def test_the_paper_s_deconvolutions_have_their_shapes():
  decoder = build('---', size='paper').decoder
  assert kernels(decoder) == {
    (64, 7 * 7 * 2 * 64): 1,  # 64 features, kernel 7, valid, on a 1x1 map.
    (5, 5, 2 * 64, 64): 2,
    (5, 5, 2 * 32, 64): 1,
    (5, 5, 2 * 32, 32): 1,
    (4, 4, 2 * 32, 32): 1,
    (5, 5, 32, 1): 1,
  }


def test_the_paper_s_flows_have_their_shapes():
  model = build('+-+', size='paper')
  for part in (model.encoder, model.marginal):
    networks = [
      m for m in part.submodules if isinstance(m, masked.MaskedNetwork)
    ]
    assert len(networks) == 4
    for network in networks:
      assert network.num_outputs == 1
      shapes = [tuple(k.shape) for k in network._kernels]
      assert shapes == [(64, 640), (640, 640), (640, 640), (640, 64)]


def test_the_paper_s_pixel_cnn_has_its_shapes():
  decoder = build('-+-', size='paper').decoder
  shapes = kernels(decoder)
  # Six blocks of two layers, each with two convolutions, for each stream.
  assert shapes[(2, 3, 64, 2 * 64)] == shapes[(2, 2, 64, 2 * 64)] == 6 * 2 * 2
  # The image, the plane of z, and ones; the entrance of each stream.
  assert shapes[(2, 3, 3, 64)] == 2
  assert shapes[(64, 2 * 28 * 28)] == 1
  # Halvings to 14x14 and 7x7.
  assert shapes[(2, 3, 64, 64)] == shapes[(2, 2, 64, 64)] == 2


def test_the_paper_s_vamp_prior_has_500_pseudo_inputs():
  marginal = build('--v', size='paper').marginal
  assert marginal.pseudo_inputs.shape == (500, 28, 28, 1)


@pytest.mark.parametrize('signs', ['---', '+++', '+-v'])
def test_small_thins_widths_and_counts_but_keeps_the_depth(signs):
  small, paper = (build(signs, size=size) for size in ('small', 'paper'))
  for part in ('encoder', 'decoder'):
    ours, theirs = (len(kernels_of(m, part)) for m in (small, paper))
    if part == 'decoder' and signs[1] == '+':
      # Two scales of 1 + 1 layers in place of three of 2 + 2.
      shapes = kernels(small.decoder)
      assert shapes[(2, 3, 16, 32)] == shapes[(2, 2, 16, 32)] == 4 * 2
    elif part == 'encoder' and signs[0] == '+':
      assert ours == theirs - 4  # Two hidden layers of each flow, not three.
    else:
      assert ours == theirs
  assert small.num_parameters < paper.num_parameters / 8


def kernels_of(model, part):
  variables = getattr(model, part).trainable_variables
  return [v for v in variables if v.shape.rank > 1]


def test_small_has_the_promised_sizes():
  for shape, latent_size, count in [
    ((8, 8, 1), 8, 50),
    ((28, 28, 1), 16, 100),
  ]:
    model = build('+-v', size='small', shape=shape)
    assert model.marginal.pseudo_inputs.shape[0] == count
    network = model.encoder._head._networks[0]
    assert network.event_size == latent_size
    assert [k.shape[1] for k in network._kernels[:-1]] == [64, 64]


PARAMETERS = {
  # signs: small at 8x8, small at 28x28, paper at 28x28
  '---': (70_969, 189_673, 3_004_321),
  '-+-': (87_793, 283_009, 4_421_409),
  '+++': (146_225, 349_697, 12_301_601),
}


@pytest.mark.parametrize('signs', PARAMETERS)
def test_parameter_counts(signs):
  counts = (
    build(signs, size='small', shape=(8, 8, 1)).num_parameters,
    build(signs, size='small').num_parameters,
    build(signs, size='paper').num_parameters,
  )
  assert counts == PARAMETERS[signs]


def test_unknown_sizes_and_shapes_are_refused():
  for kwargs in ({'size': 'huge'}, {'shape': (1, 8, 1)}, {'shape': (8, 65, 1)}):
    with pytest.raises(ValueError, match='size|shape'):
      build('---', **{'size': 'small', **kwargs})


def test_latent_sizes_and_dtypes_are_as_asked():
  model = tfp_rd.build(
    '+-+', image_shape=(8, 8, 1), latent_size=5, dtype='float64'
  )
  z = model.marginal().sample(seed=(0, 1))
  assert z.shape == (5,)
  assert z.dtype == np.float64


def test_a_new_sign_is_built_from_its_module(monkeypatch):
  style = architecture.Style('red', fill='left')
  new = architecture.Sign(
    'h', 'tfp_rd.encoder.gaussian', 'new', 'a new one', style
  )
  monkeypatch.setitem(
    architecture.SIGNS, 'encoder', (*architecture.SIGNS['encoder'], new)
  )
  one, other = (build(s, size='small', shape=(8, 8, 1)) for s in ('h-+', '--+'))
  assert one.num_parameters == other.num_parameters
