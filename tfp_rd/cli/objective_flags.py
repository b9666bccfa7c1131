# SPDX-License-Identifier: Apache-2.0
"""Flags that say what is optimised: betas, annealing, a curve, anything else.

`--betas` of separate runs are objectives; those of one-run curves are where the
curves are drawn.
"""

import dataclasses
from collections.abc import Sequence

from absl import flags

from tfp_rd import config as config_lib
from tfp_rd import errors
from tfp_rd import objective as objective_lib
from tfp_rd.cli import config_flags
from tfp_rd.objective import multi_rate, Objective
from tfp_rd.run import grid as grid_lib

__all__ = [
  'check_warm_start',
  'define',
  'define_several',
  'eval_betas',
  'read',
]

_SEPARATE_BETAS = (0.1, 0.3, 1.0, 3.0)


def define(flag_values: flags.FlagValues) -> None:
  """Defines the flags that name the objective of one run."""
  where = _define_annealing(flag_values)
  flags.DEFINE_float(
    'beta',
    None,
    "Weight of the rate; short for --objective='beta_elbo(beta=...)'.",
    **where,
  )
  flags.DEFINE_string(
    'objective',
    repr(config_lib.Config.objective),
    "Any objective, as 'target_rate(...)', as its repr prints it; "
    "'multi_rate()' trains the curve of all betas.",
    **where,
  )


def define_several(flag_values: flags.FlagValues) -> None:
  """Defines the flags that name those of a grid."""
  where = _define_annealing(flag_values)
  flags.DEFINE_list(
    'betas', None, 'Weights of the rate, or where a curve is drawn.', **where
  )
  flags.DEFINE_multi_string(
    'objective',
    None,
    "Any objectives, as 'target_rate(...)', as their repr prints them.",
    **where,
  )
  flags.DEFINE_boolean(
    'one_run_curves',
    None,
    'Train each curve in one run, by a network that takes beta; by default '
    'what the preset does.',
    **where,
  )
  flags.DEFINE_float('beta_min', None, 'Least beta of such a curve.', **where)
  flags.DEFINE_float('beta_max', None, 'Largest beta of such a curve.', **where)
  flags.DEFINE_list(
    'validate_betas',
    [],
    'Betas that are also trained separately, to judge one-run curves by.',
    **where,
  )


def read(
  flag_values: flags.FlagValues,
  default: Sequence[Objective],
  *,
  batch_size: int,
) -> tuple[Objective, ...]:
  """Returns the objectives that the flags name.

  Args:
    flag_values: Holds the flags of `define` or `define_several`.
    default: What is meant where no flag was given: beta-ELBOs, or a curve.
    batch_size: Images a step, which the groups of a curve divide.

  Raises:
    UserError: Two flags say the same, a beta is not positive, or an objective
      does not exist.
  """
  given = _given(flag_values, 'objective')
  betas = _given(flag_values, 'beta', 'betas')
  annealing = _given(flag_values, 'kl_annealing_steps')
  if given and (betas or annealing or _given(flag_values, 'one_run_curves')):
    raise errors.UserError(
      '--beta, --betas, --kl_annealing_steps and --one_run_curves are short '
      'for an objective; leave them out beside --objective, or write them '
      'inside it.'
    )
  if not given and _is_one_run(flag_values, default):
    curve = _curve(flag_values, default, batch_size)
    return (curve, *_beside_curves(default))
  if _given(flag_values, 'beta_min', 'beta_max'):
    raise errors.UserError(
      '--beta_min and --beta_max are the range of a curve of one run; add '
      '--one_run_curves, or write them inside --objective.'
    )
  if given:
    return tuple(map(objective_lib.parse, given))
  is_curve = any(o.is_curve for o in default)
  if not (betas or annealing or is_curve):
    return tuple(default)
  return _beta_elbos(flag_values, betas or _betas_of(default))


def eval_betas(
  flag_values: flags.FlagValues,
  objectives: Sequence[Objective],
  *,
  default: Sequence[float],
) -> tuple[float, ...]:
  """Returns where curves are drawn, or nothing for their own betas.

  Betas that are validated are among them.

  Args:
    flag_values: Holds the flags of `define_several`.
    objectives: As read.
    default: The preset's.

  Raises:
    UserError: A beta is not one of the curve's.
  """
  curves = [o for o in objectives if o.is_curve]
  if not curves:
    return ()
  is_short = not _given(flag_values, 'objective')
  betas = _given(flag_values, 'betas') if is_short else []
  named = set(map(config_flags.beta, betas))
  judged = set(map(config_flags.beta, _given(flag_values, 'validate_betas')))
  for objective in curves:
    objective.check_betas(sorted(named | judged))
  lows, highs = zip(*(o.beta_range for o in curves), strict=True)
  usual = {b for b in default if max(lows) <= b <= min(highs)}
  if named or usual:
    return tuple(sorted((named or usual) | judged))
  own = set(curves[0].betas())
  return tuple(sorted(own | judged)) if judged - own else ()


def check_warm_start(objectives: Sequence[Objective]) -> None:
  """Checks that objectives differ in beta, and in nothing else.

  Raises:
    UserError: They do not.
  """
  # One that was given twice is one run.
  objectives = list(dict.fromkeys(objectives))
  betas = [o.beta for o in objectives]
  if (
    None in betas
    or len({o.label for o in objectives}) > 1
    or len(set(betas)) < len(betas)
  ):
    raise errors.UserError(
      '--warm_start is for separate runs of a beta_elbo that differ in beta '
      'alone; add --one_run_curves=false, or leave out --objective.'
    )


def _define_annealing(flag_values):
  where = {'flag_values': flag_values, 'module_name': 'What is optimised'}
  flags.DEFINE_integer(
    'kl_annealing_steps',
    0,
    'Steps over which the weight of the rate grows from 0 to beta.',
    **where,
  )
  return where


def _given(flag_values, *names):
  """Returns the values of the first of these flags that was given, or []."""
  for name in names:
    if name in flag_values and flag_values[name].present:
      value = flag_values[name].value
      return value if isinstance(value, list) else [value]
  return []


def _is_one_run(flag_values, default):
  """Whether curves are trained in one run: as was said, or as is usual."""
  said = _given(flag_values, 'one_run_curves')
  return said[0] if said else any(o.is_curve for o in default)


def _beside_curves(default):
  """Returns the separate runs of a preset that has curves, too."""
  separate = [o for o in default if not o.is_curve]
  return separate if len(separate) < len(default) else []


def _curve(flag_values, default, batch_size):
  usual = next((o for o in default if o.is_curve), multi_rate.MultiRate())
  if _given(flag_values, 'kl_annealing_steps'):
    raise errors.UserError(
      'a curve of one run has no --kl_annealing_steps; leave that out, or say '
      '--one_run_curves=false.'
    )
  given = {
    name: _given(flag_values, name)[0]
    for name in ('beta_min', 'beta_max')
    if _given(flag_values, name)
  }
  # The most groups that divide the batch.
  sizes = range(1, usual.num_groups + 1)
  given['num_groups'] = max(n for n in sizes if batch_size % n == 0)
  return dataclasses.replace(usual, **given)


def _betas_of(default):
  if any(o.is_curve for o in default):
    return _SEPARATE_BETAS
  return [o.beta for o in default]


def _beta_elbos(flag_values, betas):
  steps = flag_values.kl_annealing_steps
  if steps < 0:
    raise errors.UserError(
      f'kl_annealing_steps is {steps}; it must be 0 (none) or positive.'
    )
  return grid_lib.beta_elbos(
    map(config_flags.beta, betas), kl_annealing_steps=steps
  )
