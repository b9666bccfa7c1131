# SPDX-License-Identifier: Apache-2.0
"""How each public map and rate is made and called.

A map returns tensors, and a rate adds a loss.  See `tests/conformance_test.py`.
"""

import tensorflow as tf
from part_cases import (
  Case,
  causal_network,
  CONDITION_SIZE,
  LATENT,
  LATENT_SIZE,
  masked_network,
  SHAPE,
  WIDTHS,
)

from tfp_rd import layer
from tfp_rd.network import causal_layer, convolutional, gated, modulation


def each(modules, values):
  return [m(v) for m, v in zip(modules, values, strict=True)]


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
