# SPDX-License-Identifier: Apache-2.0
"""The parts as layers of `tf_keras`, trained by `compile` and `fit`.

layer.InverseAutoregressive      features -> e(z|x)
layer.AutoregressiveBernoulli    z -> d(x|z), pixel by pixel
layer.StandardNormalRate         images -> z, and the rate as a loss
layer.MaskedAutoregressiveRate   the same, with a flow as marginal
layer.VampRate                   the same, with a VampPrior
layer.distortion                 the loss -log d(x|z) of `compile`

A model is a rate around an encoder, then a decoder:

    model = tf_keras.Sequential([layer.VampRate(encoder, ...), ..., decoder])
    model.compile('adam', loss=layer.distortion)    # D + weight * R, in nats

Models are saved as `.keras` or as config and weights.  Import this module
before they are loaded: that registers the names under which they know the
layers.  A Sequential that begins with a distribution layer needs an
`InputLayer` before it, as with `tfp.layers`.
"""

from tfp_rd.layer.autoregressive_bernoulli import AutoregressiveBernoulli
from tfp_rd.layer.distortion import distortion
from tfp_rd.layer.inverse_autoregressive import InverseAutoregressive
from tfp_rd.layer.rate import (
  MaskedAutoregressiveRate,
  StandardNormalRate,
  VampRate,
)

__all__ = [
  'AutoregressiveBernoulli',
  'InverseAutoregressive',
  'MaskedAutoregressiveRate',
  'StandardNormalRate',
  'VampRate',
  'distortion',
]
