# SPDX-License-Identifier: Apache-2.0
"""Checks of seeds, and of the values of examples, by one sentence each.

For `fit`, `evaluate`, `draw` and `build` alike.  No TensorFlow here.
"""

from typing import Any

import numpy as np

from tfp_rd import errors

__all__ = ['check_batch', 'check_bits', 'check_examples', 'seed']


def seed(value) -> Any:
  """Returns a seed: an integer, a pair, or a tensor of a graph as it is.

  Args:
    value: What was given.

  Raises:
    UserError: It is something else, or does not fit into 32 bits.
  """
  try:
    array = np.asarray(value)
  except NotImplementedError:  # A tensor that has no value before it runs.
    return value
  except ValueError:  # Sequences of several lengths.
    array = np.empty([0])
  is_seed = array.dtype.kind in 'biu' and array.shape in ((), (2,))
  if not is_seed or (array >= 2**31).any() or (array < -(2**31)).any():
    text = ' '.join(repr(value).split())
    raise errors.UserError(
      f'seed is {text:.80}; expected a whole number from -2**31 to '
      '2**31 - 1, or a pair of them.'
    )
  return tuple(array.tolist()) if array.shape else int(array)


def check_batch(
  batch_size: int, num_images: int, *, usual: int, name: str = 'batch_size'
) -> None:
  """Refuses a batch that is larger than the images, and than is usual.

  The default is as good for fewer images, which a batch then has several times.

  Args:
    batch_size: Images a step.
    num_images: Training images.
    usual: The default.
    name: What to call the batch.

  Raises:
    UserError: It is larger.
  """
  if batch_size > max(num_images, usual):
    raise errors.UserError(
      f'{name} is {batch_size} and there are {num_images} training images; '
      f'give at most {num_images}.'
    )


def check_examples(values: np.ndarray, name: str) -> None:
  """Refuses an array that is no set of examples.

  Args:
    values: Should be `[N, ...]`, N >= 1, finite numbers.
    name: What to call them.

  Raises:
    UserError: It is something else.
  """
  if values.dtype.kind in 'OSU':
    raise errors.UserError(
      f'{name} are of type {values.dtype}; give an array of numbers.'
    )
  if not values.ndim or not len(values):
    raise errors.UserError(
      f'{name} has shape {list(values.shape)}; give at least one image, or '
      'leave out what may be left out.'
    )
  if values.dtype.kind == 'f' and not np.isfinite(values).all():
    is_bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    raise errors.UserError(
      f'{name} hold NaN or infinite values in {is_bad.sum()} of '
      f'{len(values)} examples, the first of them at {np.argmax(is_bad)}; '
      'replace or leave out these.'
    )


def check_bits(values: np.ndarray, name: str, *, may_be_dynamic=False) -> None:
  """Refuses values other than 0 and 1 where the decoder is one of bits.

  Args:
    values: `[N, ...]`, finite.
    name: What to call them.
    may_be_dynamic: Whether `dynamic=True` is a mend.

  Raises:
    UserError: A value is something else; names a range, a value, and a mend.
  """
  is_bit = (values == 0) | (values == 1)
  if is_bit.all():
    return
  low, high = float(np.min(values)), float(np.max(values))
  raise errors.UserError(
    f'the values of {name} go from {low:.4g} to {high:.4g}, such as '
    f'{float(values[~is_bit][0]):.4g}, and the decoder is a distribution of '
    f'bits, 0 and 1; {_mend(low, high, name, may_be_dynamic)}.'
  )


def _mend(low, high, name, may_be_dynamic):
  if not 0 <= low <= high <= 255:
    return f'make bits of them first, as in {name} > {(low + high) / 2:g}'
  is_grey = high <= 1
  threshold = f'threshold them, as in {name} > {0.5 if is_grey else 127}'
  if may_be_dynamic:
    first = '' if is_grey else 'divide them by 255 and '
    return (
      f'{first}give dynamic=True, which draws bits from them at every use, or '
      f'{threshold}'
    )
  greys = name if is_grey else f'{name} / 255'
  return (
    f'draw bits first, by tfp_rd.dataset.binarize({greys}, seed=0), or '
    f'{threshold}'
  )
