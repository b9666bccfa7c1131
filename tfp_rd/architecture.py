# SPDX-License-Identifier: Apache-2.0
"""The twelve architectures: three signs, and the parts that they stand for.

Each sign has one line in the tables below; a new part is one new file with a
`build` function and one new line.  The parts, and TensorFlow with them, are
imported only when they are built.
"""

import importlib
import itertools
from typing import NamedTuple, Optional

from tfp_rd import config, errors

__all__ = ['ALL', 'Architecture', 'Spec', 'build', 'parse']

ENCODERS = {
  '-': 'tfp_rd.encoder.gaussian',
  '+': 'tfp_rd.encoder.inverse_autoregressive',
}
DECODERS = {
  '-': 'tfp_rd.decoder.deconvolutional',
  '+': 'tfp_rd.decoder.pixel_cnn',
}
MARGINALS = {
  '-': 'tfp_rd.marginal.standard_normal',
  '+': 'tfp_rd.marginal.masked_autoregressive',
  'v': 'tfp_rd.marginal.vamp',
}


class Architecture(NamedTuple):
  """Signs of encoder, decoder and marginal, in the paper's order."""

  encoder: str
  decoder: str
  marginal: str

  def __str__(self):
    return ''.join(self)


ALL = tuple(
  Architecture(*signs)
  for signs in itertools.product(ENCODERS, DECODERS, MARGINALS)
)


class Spec(NamedTuple):
  """What a part needs to know of the model that it is built for.

  Attributes:
    image_shape: (H, W, C).
    latent_size: Dimensions of z.
    size: `'small'` or `'paper'`.
    num_pseudo_inputs: Components of a VampPrior.
    latent_input: Where z enters an autoregressive decoder.
    dropout: Rate in the hidden layers of the decoder.
    condition_size: Width of the condition, 0 for none.
    dtype: Type of the weights.
  """

  image_shape: tuple[int, int, int]
  latent_size: int
  size: str
  num_pseudo_inputs: int
  latent_input: str
  dropout: float
  condition_size: int
  dtype: str


def parse(text: str) -> Architecture:
  """Reads three signs.

  Args:
    text: Encoder, decoder and marginal, as in `'-+v'`.

  Returns:
    The architecture.

  Raises:
    UserError: There is no such architecture.
  """
  signs = tuple(text)
  if signs in ALL:
    return Architecture(*signs)
  raise errors.UserError(
    f'{text!r} is no architecture; write three signs for encoder (- or +), '
    'decoder (- or +) and marginal (-, + or v), in this order, as in -+v.'
  )


def build(
  architecture,
  *,
  image_shape,
  latent_size: Optional[int] = None,
  size: str = 'small',
  seed=0,
  pseudo_inputs=None,
  num_pseudo_inputs: Optional[int] = None,
  latent_input: str = '',
  dropout: float = 0.0,
  condition_size: int = 0,
  conditional: bool = False,
  beta_range: Optional[tuple[float, float]] = None,
  dtype: str = 'float32',
):
  """Builds one of the twelve architectures.

  Args:
    architecture: Three signs, as in `'-+v'`, or an `Architecture`.
    image_shape: (H, W, C), from 2x2 to 64x64 pixels.
    latent_size: Dimensions of z; by default 64 at size `'paper'`, else 16 from
      28x28 pixels on and 8 below.
    size: `'small'`, which thins widths and counts, or `'paper'`.
    seed: Seed of the initial weights: an integer or a pair.
    pseudo_inputs: `[N, H, W, C]` in [0, 1], images from which the pseudo-inputs
      of a VampPrior start; random pixels if `None`.
    num_pseudo_inputs: Components of a VampPrior; by default 500 at size
      `'paper'`, else 100 from 28x28 pixels on and 50 below.
    latent_input: Where z enters an autoregressive decoder: `'everywhere'`, the
      default at `'small'`, or `'concatenated'`, as printed in the paper.
    dropout: Rate at which hidden features of the decoder are dropped in
      training.
    condition_size: Width of the parts' optional condition, 0 for none.
    conditional: Whether one network is to hold for every beta of a range; its
      condition is then log beta.
    beta_range: The range, by default 0.05 to 10.
    dtype: `'float32'` or `'float64'`.

  Returns:
    A `tfp_rd.LatentVariableModel`, or a `tfp_rd.ConditionalModel`, whose
    `at(beta)` is one.

  Raises:
    UserError: Unknown architecture or size, or a shape out of range.
  """
  # TensorFlow starts here.
  from tfp_rd.model import condition, latent_variable_model
  from tfp_rd.model import conditional_model as conditional_lib
  from tfp_rd.network import initial

  signs = parse(str(architecture))
  _check_shape(image_shape)
  if conditional and condition_size or beta_range and not conditional:
    raise errors.UserError(
      'conditional=True brings a condition of its own, for betas of '
      'beta_range; leave out condition_size with it, and beta_range without.'
    )
  known = config.ModelConfig(
    size=size,
    latent_size=latent_size,
    num_pseudo_inputs=num_pseudo_inputs,
    latent_input=latent_input,
    dropout=dropout,
  ).complete(image_shape)
  spec = Spec(
    image_shape=tuple(int(n) for n in image_shape),
    latent_size=known.latent_size,
    size=size,
    num_pseudo_inputs=known.num_pseudo_inputs,
    latent_input=known.latent_input,
    dropout=known.dropout,
    condition_size=(condition.NUM_FEATURES if conditional else condition_size),
    dtype=dtype,
  )
  seeds = initial.split(seed, 3)
  encoder = _module(ENCODERS, signs.encoder).build(spec, seed=seeds[0])
  marginal = _module(MARGINALS, signs.marginal).build(
    spec, seed=seeds[1], encoder=encoder, images=pseudo_inputs
  )
  decoder = _module(DECODERS, signs.decoder).build(spec, seed=seeds[2])
  if conditional:
    return conditional_lib.ConditionalModel(
      encoder,
      marginal,
      decoder,
      beta_range=beta_range or conditional_lib.BETA_RANGE,
    )
  return latent_variable_model.LatentVariableModel(encoder, marginal, decoder)


def _module(table, sign):
  return importlib.import_module(table[sign])


def _check_shape(image_shape):
  if len(image_shape) != 3 or not all(2 <= n <= 64 for n in image_shape[:2]):
    raise errors.UserError(
      f'image_shape is {tuple(image_shape)}; give (height, width, channels) '
      'with height and width from 2 to 64.'
    )
