# SPDX-License-Identifier: Apache-2.0
"""From three signs to a model: the parts are built, and put together."""

import importlib
import types
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Optional, overload, Union

import numpy as np
import numpy.typing as npt

from tfp_rd import architecture as architecture_lib
from tfp_rd import argument, config, errors
from tfp_rd.model import condition, latent_variable_model
from tfp_rd.model import conditional_model as conditional_lib
from tfp_rd.network import initial

__all__ = ['build']


@overload
def build(
  architecture: Union[str, architecture_lib.Architecture],
  *,
  image_shape: Sequence[int],
  latent_size: Optional[int] = ...,
  size: str = ...,
  seed: initial.Seed = ...,
  pseudo_inputs: Optional[npt.ArrayLike] = ...,
  num_pseudo_inputs: Optional[int] = ...,
  latent_input: str = ...,
  dropout: float = ...,
  condition_size: int = ...,
  conditional: Literal[False] = ...,
  beta_range: Optional[tuple[float, float]] = ...,
  dtype: str = ...,
  options: Mapping[str, Any] = ...,
) -> latent_variable_model.LatentVariableModel: ...


@overload
def build(
  architecture: Union[str, architecture_lib.Architecture],
  *,
  conditional: Literal[True],
  image_shape: Sequence[int],
  latent_size: Optional[int] = ...,
  size: str = ...,
  seed: initial.Seed = ...,
  pseudo_inputs: Optional[npt.ArrayLike] = ...,
  num_pseudo_inputs: Optional[int] = ...,
  latent_input: str = ...,
  dropout: float = ...,
  condition_size: int = ...,
  beta_range: Optional[tuple[float, float]] = ...,
  dtype: str = ...,
  options: Mapping[str, Any] = ...,
) -> conditional_lib.ConditionalModel: ...


def build(
  architecture: Union[str, architecture_lib.Architecture],
  *,
  image_shape: Sequence[int],
  latent_size: Optional[int] = None,
  size: str = 'small',
  seed: initial.Seed = 0,
  pseudo_inputs: Optional[npt.ArrayLike] = None,
  num_pseudo_inputs: Optional[int] = None,
  latent_input: str = '',
  dropout: float = 0.0,
  condition_size: int = 0,
  conditional: bool = False,
  beta_range: Optional[tuple[float, float]] = None,
  dtype: str = 'float32',
  options: Mapping[str, Any] = types.MappingProxyType({}),
) -> Union[
  latent_variable_model.LatentVariableModel, conditional_lib.ConditionalModel
]:
  """Builds a model of an architecture.

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
    options: Further settings of the parts, by their names.

  Returns:
    A `tfp_rd.LatentVariableModel`, or a `tfp_rd.ConditionalModel`, whose
    `at(beta)` is one.

  Raises:
    UserError: Unknown architecture, size, type or option, a shape out of range,
      or pseudo-inputs of another shape or outside of [0, 1].
  """
  signs = architecture_lib.parse(str(architecture))
  _check_options(signs, options)
  _check_shape(image_shape)
  _check_dtype(dtype)
  pseudo_inputs = _checked(pseudo_inputs, image_shape)
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
    options=options,
  ).complete(image_shape)
  spec = architecture_lib.Spec(
    image_shape=tuple(int(n) for n in image_shape),
    latent_size=known.latent_size,
    size=size,
    num_pseudo_inputs=known.num_pseudo_inputs,
    latent_input=known.latent_input,
    dropout=known.dropout,
    condition_size=(condition.NUM_FEATURES if conditional else condition_size),
    dtype=dtype,
    options=known.options,
  )
  seeds = initial.split(argument.seed(seed), 3)
  encoder = _module('encoder', signs).build(spec, seed=seeds[0])
  marginal = _module('marginal', signs).build(
    spec, seed=seeds[1], encoder=encoder, images=pseudo_inputs
  )
  decoder = _module('decoder', signs).build(spec, seed=seeds[2])
  if conditional:
    return conditional_lib.ConditionalModel(
      encoder,
      marginal,
      decoder,
      beta_range=beta_range or conditional_lib.BETA_RANGE,
    )
  return latent_variable_model.LatentVariableModel(encoder, marginal, decoder)


def _module(part, signs):
  sign = architecture_lib.find(part, getattr(signs, part))
  return importlib.import_module(sign.module)


def _check_shape(image_shape):
  is_shape = np.shape(image_shape) == (3,) and all(
    float(n) == int(n) for n in image_shape
  )
  if not (
    is_shape
    and all(2 <= n <= 64 for n in image_shape[:2])
    and image_shape[2] >= 1
  ):
    raise errors.UserError(
      f'image_shape is {image_shape!r:.80}; give (height, width, channels) '
      'with height and width from 2 to 64.'
    )


def _check_dtype(dtype):
  if dtype not in ('float32', 'float64'):
    raise errors.UserError(
      f"dtype is {dtype!r:.80}; choose one of 'float32', 'float64'."
    )


def _checked(pseudo_inputs, image_shape):
  """Returns pseudo-inputs as an array, `None` for none."""
  if pseudo_inputs is None:
    return None
  values, shape = np.asarray(pseudo_inputs), [int(n) for n in image_shape]
  argument.check_examples(values, 'pseudo_inputs')
  if list(values.shape[1:]) != shape:
    raise errors.UserError(
      f'pseudo_inputs have shape {list(values.shape)} and the model is for '
      f'images of shape {shape}; give [N, {str(shape)[1:]}.'
    )
  low, high = values.min(), values.max()
  if not 0 <= low <= high <= 1:
    raise errors.UserError(
      f'the values of pseudo_inputs go from {low:g} to {high:g}; expected '
      'images in [0, 1], so divide greys of 0..255 by 255.'
    )
  return values


def _check_options(signs, options):
  known = [
    name
    for part, letter in zip(signs._fields, signs, strict=True)
    for name in architecture_lib.find(part, letter).options
  ]
  unknown = sorted(set(options) - set(known))
  if unknown:
    raise errors.UserError(
      f'{signs} has no option {unknown[0]!r}; its options are: '
      f'{", ".join(known) or "none"}.'
    )
