# SPDX-License-Identifier: Apache-2.0
"""Flags that are the fields of the records: name, type, default and help.

A field of `tfp_rd.config` is written once, there; here it becomes a flag, and
the flags that were given become a record again.
"""

import ast
import dataclasses
import math
import pathlib
import re
import typing
from collections.abc import Collection, Mapping
from typing import TypeVar

from absl import flags

from tfp_rd import architecture as architecture_lib
from tfp_rd import config as config_lib
from tfp_rd import dataset as dataset_lib
from tfp_rd import errors
from tfp_rd.record_text import Options

__all__ = [
  'beta',
  'checked',
  'define',
  'define_execution',
  'read',
  'read_execution',
  'run_root',
  'seed',
]

Record = TypeVar('Record')

_DEFINE = {
  bool: flags.DEFINE_boolean,
  int: flags.DEFINE_integer,
  float: flags.DEFINE_float,
  str: flags.DEFINE_string,
  tuple: flags.DEFINE_list,
  Options: flags.DEFINE_list,
}

# Fields that are more than one flag each, or follow from the others.
_BY_OTHER_RULES = ('objective', 'parent', 'warm_start')


def define(
  flag_values: flags.FlagValues, *, omit: Collection[str] = ()
) -> None:
  """Defines a flag for each field of `Config` and `Execution`.

  Args:
    flag_values: Receives the flags.
    omit: Fields that the command asks for in another way.
  """
  omit = {'sha256', *_BY_OTHER_RULES, *omit}  # The programs compute the digest.
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
  """Defines a single flag of `Execution`, for commands that train nothing."""
  fields = {f.name for f in dataclasses.fields(config_lib.Execution)}
  _define_record(config_lib.Execution, flag_values, omit=fields - {name})


def read(flag_values: flags.FlagValues, record: Record) -> Record:
  """Returns `record` with the fields that were given on the command line.

  The objective, which several flags may name, and warm starts are left to the
  commands.
  """
  changes = {}
  for field in dataclasses.fields(record):
    value = getattr(record, field.name)
    if field.name in _BY_OTHER_RULES:
      continue
    if dataclasses.is_dataclass(value):
      changes[field.name] = read(flag_values, value)
    elif field.name in flag_values and flag_values[field.name].present:
      changes[field.name] = _value(flag_values, field.name, type(value))
  return dataclasses.replace(record, **changes)


def read_execution(flag_values: flags.FlagValues) -> config_lib.Execution:
  """Returns folders, checkpoints and compilation as the flags say.

  Raises:
    UserError: `--run_root` is empty, or a value is out of its range.
  """
  run_root(flag_values)
  return read(flag_values, config_lib.Execution())


def run_root(flag_values: flags.FlagValues) -> str:
  """Returns the folder of the runs.

  Raises:
    UserError: It is empty.
  """
  if not flag_values.run_root:
    raise errors.UserError('--run_root is empty; name a folder.')
  return flag_values.run_root


def checked(
  flag_values: flags.FlagValues, config: config_lib.Config
) -> config_lib.Config:
  """Completes a configuration and checks what its record cannot know.

  Args:
    flag_values: Holds `max_steps`.
    config: As read.

  Returns:
    The configuration: steps capped, architecture in canonical signs, a user's
    file by its absolute path and with its digest, and nothing named that the
    data set has by default.

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
  steps = config.training.num_steps
  config = dataclasses.replace(
    config,
    data=data,
    model=dataclasses.replace(config.model, architecture=text),
    training=dataclasses.replace(
      config.training, num_steps=min(steps, cap or steps)
    ),
  )
  return config.omit_defaults(dataset_lib.traits(data))


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
        [*field.default] if kind in (tuple, Options) else field.default,
        manual.get(field.name, ''),
        flag_values=flag_values,
        module_name=_title(record),
      )


def beta(text: str) -> float:
  """Reads a beta.

  Raises:
    UserError: It is not positive and finite.
  """
  try:
    number = float(text)
  except ValueError:
    number = math.nan
  if not 0 < number < math.inf:
    raise errors.UserError(
      f'beta is {text}; it must be a positive, finite number.'
    )
  return number


def seed(text: str) -> int:
  """Reads a seed.

  Raises:
    UserError: It is not an integer.
  """
  try:
    return int(text)
  except ValueError as e:
    raise errors.UserError(f'seed {text!r} is not an integer.') from e


def _value(flag_values, name, kind):
  value = flag_values[name].value
  if kind is Options:
    return Options(dict(map(_option, value)))
  return tuple(map(beta, value)) if isinstance(value, list) else value


def _option(text):
  """Reads `name=value`; a value that is no literal of Python is text."""
  name, equals, value = text.partition('=')
  if not equals:
    raise errors.UserError(
      f'--options has {text!r}; write name=value, as in --options=width=32.'
    )
  try:
    return name.strip(), ast.literal_eval(value)
  except (ValueError, SyntaxError):
    return name.strip(), value


def _kind(hint):
  """Returns the type of a field, `int` for `Optional[int]`."""
  if typing.get_origin(hint) is tuple:
    return tuple
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
