# SPDX-License-Identifier: Apache-2.0
"""Records written as calls, `name(field=value, ...)`, and read without `eval`.

Objectives and sources are frozen dataclasses of plain numbers with a `name`;
their text is what configurations and flags hold.  No TensorFlow here.
"""

import ast
import dataclasses
import difflib
import importlib
import math
import numbers
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from tfp_rd import errors

__all__ = ['Options', 'construct', 'parse', 'read', 'write']


# What Python's parser makes of text that is no literal.
_NO_LITERAL = (
  *(SyntaxError, ValueError, TypeError, RecursionError, MemoryError),
)


def read(text: str) -> tuple[str, dict[str, Any]]:
  """Reads `name(field=number, ...)` without evaluating anything.

  Args:
    text: A name, or a call with keyword arguments that are literals.

  Returns:
    name: The name.
    fields: Mapping from each keyword to its value.

  Raises:
    UserError: The text is anything else.
  """
  try:
    node = ast.parse(text.strip(), mode='eval').body
    if isinstance(node, ast.Name):
      return node.id, {}
    if isinstance(node, ast.Call) and not node.args:
      fields = {k.arg: ast.literal_eval(k.value) for k in node.keywords}
      if isinstance(node.func, ast.Name) and None not in fields:
        return node.func.id, fields
  except _NO_LITERAL:
    pass
  raise errors.UserError(
    f'{text!r} cannot be read as an objective, a source or a measure; write a '
    "name, with fields if need be, as in 'beta_elbo(beta=0.5)' or "
    "'templates(noise=0.1)'."
  )


def parse(
  text: str, classes: Mapping[str, tuple[str, str]], *, kind: str
) -> Any:
  """Reads a record of one of several classes from its text.

  Args:
    text: As `read` takes it.
    classes: The module and the class of each name.
    kind: What the records are, as in `'objective'`.

  Raises:
    UserError: Unknown name or field, or a value out of range.
  """
  _refuse_unnamed(text, classes)
  name, fields = read(text)
  if name not in classes:
    close = difflib.get_close_matches(name, classes, n=1)
    hint = f'did you mean {close[0]!r}? Choose' if close else 'choose'
    raise errors.UserError(
      f'{name!r} is no {kind}; {hint} one of {", ".join(classes)}.'
    )
  return construct(_class(classes[name]), fields)


def _refuse_unnamed(text, classes):
  """Refuses `name(0.5)`, and says which field that would be."""
  try:
    node = ast.parse(text.strip(), mode='eval').body
    name, args = node.func.id, node.args
    value = ast.literal_eval(args[0])
  except (AttributeError, IndexError, *_NO_LITERAL):
    return  # `read` says what it is.
  if name in classes and isinstance(value, numbers.Number):
    first = dataclasses.fields(_class(classes[name]))[0].name
    raise errors.UserError(
      f'{text!r} has a value without its name; write {name}({first}={value}).'
    )


def _class(place):
  module, name = place
  return getattr(importlib.import_module(module), name)


def construct(cls: type, fields: dict[str, Any]) -> Any:
  """Makes a record of the fields that were read.

  Raises:
    UserError: It has no such field, or refuses a value.
  """
  known = [field.name for field in dataclasses.fields(cls)]
  unknown = sorted(set(fields) - set(known))
  if unknown:
    raise errors.UserError(
      f'{cls.name} has no field {unknown[0]!r}; its fields are '
      f'{", ".join(known)}.'
    )
  return cls(**fields)


def write(
  record: Any,
  *,
  whole: bool = False,
  only_changed: bool = False,
  omit: Collection[str] = (),
) -> str:
  """Returns `name(field=value, ...)`.

  Args:
    record: A dataclass with a `name`.
    whole: Whether to name every field, rather than the first and what differs
      from its default.
    only_changed: Whether to name what differs from its default alone.
    omit: Fields that are left out.
  """
  shown = [
    f'{field.name}={getattr(record, field.name)!r}'
    for n, field in enumerate(dataclasses.fields(record))
    if field.name not in omit
    and (
      whole
      or (n == 0 and not only_changed)
      or getattr(record, field.name) != field.default
    )
  ]
  return f'{record.name}({", ".join(shown)})'


class Options(Mapping):
  """A mapping from names to plain values that never changes.

  It can be hashed, so that records which hold it are keys.

  Args:
    values: A mapping to text or numbers.

  Raises:
    UserError: A key is not an identifier, or a value has another type.
  """

  def __init__(self, values: Mapping[str, Any] = (), /):
    try:
      pairs = dict(values)
    except (TypeError, ValueError) as e:
      raise errors.UserError(
        f'options are {values!r}; expected a mapping from names to values.'
      ) from e
    self._pairs = tuple(
      (name, _canonical(name, pairs[name])) for name in sorted(pairs, key=str)
    )

  def __getitem__(self, name: str) -> Any:
    return dict(self._pairs)[name]

  def __iter__(self) -> Iterator[str]:
    return (name for name, _ in self._pairs)

  def __len__(self):
    return len(self._pairs)

  def __hash__(self):
    return hash(self._pairs)

  def __repr__(self):
    return f'Options({dict(self._pairs)!r})'


def _canonical(name, value):
  """Returns an option's value in its one form: 1.0 and 1 are the same."""
  if not (isinstance(name, str) and name.isidentifier()):
    raise errors.UserError(f'{name!r} is no name of an option.')
  if isinstance(value, str):
    return value
  is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
  if is_number and math.isfinite(value):
    return int(value) if value == int(value) else float(value)
  raise errors.UserError(
    f'option {name} is {value!r}; expected text or a finite number.'
  )
