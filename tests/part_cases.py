# SPDX-License-Identifier: Apache-2.0
"""How each public part is made and called, for the contract of parts.

A part returns a distribution.  See `tests/conformance_test.py`.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow_probability as tfp

from tfp_rd import layer
from tfp_rd.decoder import autoregressive_bernoulli, deconvolutional, pixel_cnn
from tfp_rd.encoder import gaussian, image_encoder, inverse_autoregressive
from tfp_rd.marginal import (
  masked_autoregressive,
  standard_normal,
  vamp,
  vamp_mixture,
)
from tfp_rd.network import autoregressive, causal, initial, masked

tfd = tfp.distributions

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


def encoder_of_a_head(seed, **kwargs):
  seeds = initial.split(seed, 2)
  head = gaussian.GaussianHead(WIDTHS[-1], LATENT_SIZE, seed=seeds[0], **kwargs)
  return image_encoder.ImageEncoder(
    SHAPE,
    head,
    widths=WIDTHS,
    seed=seeds[1],
    **{'condition_size': 0, **kwargs},
  )


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


LATENT = (LATENT_SIZE,)
PARTS = {
  'encoder.gaussian.Gaussian': Case(encoder_of_a_gaussian, (SHAPE,), LATENT),
  'encoder.gaussian.GaussianHead': Case(
    lambda **kwargs: gaussian.GaussianHead(5, LATENT_SIZE, **kwargs),
    ((5,),),
    LATENT,
    has_condition=False,
  ),
  'encoder.image_encoder.ImageEncoder': Case(
    encoder_of_a_head, (SHAPE,), LATENT
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
  'decoder.pixel_cnn.PixelCNN as printed': Case(
    lambda **kwargs: pixel_cnn.PixelCNN(
      LATENT_SIZE,
      SHAPE,
      latent_input='concatenated',
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
