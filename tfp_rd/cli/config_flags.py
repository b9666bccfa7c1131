# SPDX-License-Identifier: Apache-2.0
"""Flags that are the fields of the records: name, type, default and help.

A field of `tfp_rd.config` is written once, there; here it becomes a flag, and
the flags that were given become a record again.
"""

import dataclasses
import math
import pathlib
import re
import typing
from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from absl import flags

from tfp_rd import architecture as architecture_lib
from tfp_rd import config as config_lib
from tfp_rd import dataset as dataset_lib
from tfp_rd import errors
from tfp_rd import grid as grid_lib
from tfp_rd import objective as objective_lib
from tfp_rd.cli import program

__all__ = [
  'checked',
  'define',
  'define_execution',
  'define_objective',
  'objectives',
  'read',
]

Record = TypeVar('Record')

_DEFINE = {
  bool: flags.DEFINE_boolean,
  int: flags.DEFINE_integer,
  float: flags.DEFINE_float,
  str: flags.DEFINE_string,
}


def define(
  flag_values: flags.FlagValues, *, omit: Collection[str] = ()
) -> None:
  """Defines a flag for each field of `Config` and `Execution`.

  Args:
    flag_values: Receives the flags.
    omit: Fields that the program asks for in another way.
  """
  # The programs compute the digest; the objective has a rule of its own.
  omit = {'sha256', 'objective', *omit}
  for record in (config_lib.Config, config_lib.Execution):
    _define_record(record, flag_values, omit=omit)
  flags.DEFINE_integer(
    'max_steps',
    None,
    'Cap of num_steps, for dry runs; a part of what the run is.',
    flag_values=flag_values,
    module_name='Dry runs',
  )


def define_execution(flag_values: flags.FlagValues, name: str) -> None:
  """Defines a single flag of `Execution`, for programs that train nothing."""
  fields = {f.name for f in dataclasses.fields(config_lib.Execution)}
  _define_record(config_lib.Execution, flag_values, omit=fields - {name})


def define_objective(flag_values: flags.FlagValues, *, several: bool) -> None:
  """Defines the flags that name one objective, or those of a grid."""
  where = {'flag_values': flag_values, 'module_name': 'What is optimised'}
  if several:
    flags.DEFINE_list('betas', None, 'Weights of the rate.', **where)
  else:
    flags.DEFINE_float(
      'beta',
      None,
      "Weight of the rate; short for --objective='beta_elbo(beta=...)'.",
      **where,
    )
  flags.DEFINE_integer(
    'kl_annealing_steps',
    0,
    'Steps over which the weight of the rate grows from 0 to beta.',
    **where,
  )
  (flags.DEFINE_multi_string if several else flags.DEFINE_string)(
    'objective',
    None if several else config_lib.Config.objective,
    "Any objective, as 'target_rate(...)', in the words of its own repr.",
    **where,
  )


def read(flag_values: flags.FlagValues, record: Record) -> Record:
  """Returns `record` with the fields that were given on the command line.

  The objective, which several flags may name, is left to `objectives`.
  """
  changes = {}
  for field in dataclasses.fields(record):
    value = getattr(record, field.name)
    if dataclasses.is_dataclass(value):
      changes[field.name] = read(flag_values, value)
    elif field.name != 'objective' and _given(flag_values, field.name):
      changes[field.name] = flag_values[field.name].value
  return dataclasses.replace(record, **changes)


def checked(
  flag_values: flags.FlagValues, config: config_lib.Config
) -> config_lib.Config:
  """Completes a configuration and checks what its record cannot know.

  Args:
    flag_values: Holds `max_steps`.
    config: As read.

  Returns:
    The configuration: steps capped, architecture in canonical letters, every
    default of the model named, a user's file by its absolute path and with its
    digest.

  Raises:
    UserError: There is no such architecture or data set.
  """
  data, cap = config.data, flag_values.max_steps
  if cap is not None and cap < 1:
    raise errors.UserError(f'max_steps is {cap}; it must be positive.')
  digest = dataset_lib.fingerprint(data.dataset)
  if digest:
    path = pathlib.Path(data.dataset).expanduser().resolve()
    data = dataclasses.replace(data, dataset=str(path), sha256=digest)
  text = str(architecture_lib.parse(config.model.architecture))
  traits = dataset_lib.traits(data)
  model = architecture_lib.resolve(
    dataclasses.replace(config.model, architecture=text),
    traits.image_shape,
    dropout=traits.dropout,
  )
  steps = config.training.num_steps
  return dataclasses.replace(
    config,
    data=data,
    model=model,
    training=dataclasses.replace(
      config.training, num_steps=min(steps, cap or steps)
    ),
  )


def objectives(
  flag_values: flags.FlagValues, default: Sequence[str]
) -> tuple[str, ...]:
  """Returns the canonical objectives that the flags name.

  Args:
    flag_values: Holds the flags of `define_objective`.
    default: What is meant where no flag was given, beta-ELBOs.

  Raises:
    UserError: Two flags say the same, a beta is not positive, or an objective
      does not exist.
  """
  given = _given(flag_values, 'objective')
  betas = _given(flag_values, 'beta', 'betas')
  annealing = _given(flag_values, 'kl_annealing_steps')
  if given and (betas or annealing):
    raise errors.UserError(
      '--beta, --betas and --kl_annealing_steps are short for a beta_elbo; '
      'leave them out beside --objective, or write them inside it.'
    )
  if given:
    return tuple(map(_canonical, given))
  if not (betas or annealing):
    return tuple(default)
  steps = flag_values.kl_annealing_steps
  if steps < 0:
    raise errors.UserError(
      f'kl_annealing_steps is {steps}; it must be 0 (none) or positive.'
    )
  if not betas:
    betas = [config_lib.parse_call(text)[1]['beta'] for text in default]
  return grid_lib.beta_elbos(map(_beta, betas), kl_annealing_steps=steps)


def _define_record(record, flag_values, omit):
  """Defines a flag for each field of a record, and of the records in it."""
  hints, manual = typing.get_type_hints(record), _attributes(record)
  for field in dataclasses.fields(record):
    kind = _kind(hints[field.name])
    if dataclasses.is_dataclass(kind):
      _define_record(kind, flag_values, omit=omit)
    elif field.name not in omit:
      _DEFINE[kind](
        field.name,
        field.default,
        manual.get(field.name, ''),
        flag_values=flag_values,
        module_name=_title(record),
      )


def _given(flag_values, *names):
  """Returns the values of the first of these flags that was given, or []."""
  for name in names:
    if name in flag_values and flag_values[name].present:
      value = flag_values[name].value
      return value if isinstance(value, list) else [value]
  return []


def _canonical(text):
  if config_lib.parse_call(text)[0] in objective_lib.names():
    program.tensorflow()  # `parse` brings it; a misspelt name does not.
  return repr(objective_lib.parse(text))


def _beta(text):
  try:
    beta = float(text)
  except ValueError:
    beta = math.nan
  if not 0 < beta < math.inf:
    raise errors.UserError(
      f'beta is {text}; it must be a positive, finite number.'
    )
  return beta


def _kind(hint):
  """Returns the type of a field, `int` for `Optional[int]`."""
  kinds = typing.get_args(hint) or (hint,)
  return next(kind for kind in kinds if kind is not type(None))


def _title(record):
  first = (record.__doc__ or record.__name__).splitlines()[0]
  return first.rstrip('.')


def _attributes(record) -> Mapping[str, str]:
  """Reads the section `Attributes` of a record's docstring."""
  _, _, section = record.__doc__.partition('Attributes:\n')
  found = re.findall(r'^    (\w+): (.*(?:\n      .*)*)', section, re.MULTILINE)
  return {name: ' '.join(text.split()).replace('`', '') for name, text in found}
