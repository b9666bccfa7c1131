# SPDX-License-Identifier: Apache-2.0
"""What a preset changes for runs of a decoder, beside the flags given."""

import dataclasses
from collections.abc import Mapping

from absl import flags

from tfp_rd import config as config_lib
from tfp_rd.run import grid as grid_lib

__all__ = ['changes']


def changes(
  flag_values: flags.FlagValues,
  grid: grid_lib.Grid,
  base: config_lib.Config,
  of_each: Mapping[str, grid_lib.Changes],
) -> dict[str, grid_lib.Changes]:
  """Returns what the preset changes, less what flags say instead.

  Args:
    flag_values: Holds the flags of `tfp-rd grid`.
    grid: The preset.
    base: Its base with the flags read.
    of_each: The preset's `curve_changes` or `separate_changes`.

  Returns:
    By the sign of a decoder, as `of_each`.
  """
  if flag_values['objective'].present:
    return {}
  if (base.data, base.model.size) != (grid.base.data, grid.base.model.size):
    # The weight of the loss goes with the decoder, whatever the images are.
    return {
      decoder: grid_lib.Changes(weight_power=each.weight_power)
      for decoder, each in of_each.items()
    }
  names = ('num_steps', 'dropout', 'eval_train_examples', 'eval_samples')
  given = [name for name in names if flag_values[name].present]
  return {
    decoder: _capped(each.without(given), flag_values.max_steps)
    for decoder, each in of_each.items()
  }


def _capped(each, most_steps):
  if not (most_steps and each.num_steps):
    return each
  num_steps = min(most_steps, each.num_steps)
  return dataclasses.replace(each, num_steps=num_steps)
