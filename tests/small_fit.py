# SPDX-License-Identifier: Apache-2.0
"""A small model, images of bits, and a training of two steps."""

import numpy as np

import tfp_rd
from tfp_rd.training import checkpoint

SHAPE = (4, 4, 1)


def bits(n=10, shape=SHAPE):
  return np.random.RandomState(0).randint(2, size=[n, *shape]).astype('f')


def build(signs='---', **changes):
  fields = {'image_shape': SHAPE, 'latent_size': 2, 'seed': 1, **changes}
  return tfp_rd.build(signs, **fields)


def fit(x=None, of=None, **changes):
  """Returns the digest of the trained weights, and the `tfp_rd.Fit`."""
  x, of = bits() if x is None else x, build() if of is None else of
  done = tfp_rd.fit(of, x, **{'num_steps': 2, 'batch_size': 4, **changes})
  return checkpoint.weights_sha256(of), done
