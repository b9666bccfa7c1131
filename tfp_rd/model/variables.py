# SPDX-License-Identifier: Apache-2.0
"""Which variables a module owns, their names, and which a function hides."""

import dis
import functools
import types
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfp_rd import errors

__all__ = [
  'is_keras_3',
  'is_tf_keras',
  'named',
  'outside',
  'refuse_hidden_variables',
  'trainable_variables',
]


def trainable_variables(module: tf.Module) -> tuple[tf.Variable, ...]:
  """Returns a module's trainable variables, less those of frozen layers.

  `tf.Module` returns them all, `layer.trainable = False` or not.
  """
  frozen = {
    id(v)
    for layer in module.submodules
    if is_tf_keras(layer)
    for v in layer.non_trainable_weights
  }
  found = tf.Module.trainable_variables.fget(module)
  return tuple(v for v in found if id(v) not in frozen)


def named(modules: Mapping[str, tf.Module]) -> dict[str, tf.Variable]:
  """Returns the variables of modules by name.

  A name is the path of attributes, keys and positions that leads to the
  variable, as in `encoder/_head/_loc/kernel`.  It does not depend on how many
  models were made before, as names of layers of tf_keras do.  Of the paths of
  a shared variable that with the fewest private attributes counts, then the
  shortest, then the first in alphabetical order.

  Args:
    modules: From the first component of the names, `''` for none, to a module.
      A variable of several has the name of the first.

  Returns:
    All variables of the modules.
  """
  found = {}
  for root, module in modules.items():
    paths = {}
    for path, variable in module._flatten(
      predicate=lambda leaf: isinstance(leaf, tf.Variable),
      with_path=True,
      expand_composites=True,
    ):
      path = ([root] if root else []) + [str(p) for p in path]
      paths.setdefault(id(variable), []).append((path, variable))
    for key, ways in paths.items():
      path, variable = min(ways, key=lambda way: _rank(way[0]))
      found.setdefault(key, ('/'.join(path), variable))
  return dict(found.values())


def outside(
  parts: Mapping[str, tf.Module], chosen: Sequence[str]
) -> list[tf.Variable]:
  """Returns the variables of the parts that are not chosen.

  A variable of two parts is outside if one of them is, so that a part which
  was not chosen stays as it is.

  Args:
    parts: All parts by name.
    chosen: Names of some.

  Raises:
    UserError: There is no such part, or the chosen ones have no variables of
      their own.
  """
  for name in chosen:
    if name not in parts:
      raise errors.UserError(
        f'{name!r} is no part; choose one or several of {", ".join(parts)}.'
      )
  found = [v for n, p in parts.items() if n not in chosen for v in p.variables]
  fixed = {id(v) for v in found}
  own = [v for n in chosen for v in trainable_variables(parts[n])]
  if all(id(v) in fixed for v in own):
    raise errors.UserError(
      f'there is nothing to move in {" and ".join(chosen)} alone: its '
      'variables, if it has any, are those of another part too; name this part '
      'as well.'
    )
  return found


def _rank(path):
  return sum(p.startswith('_') for p in path), len(path), path


def is_keras_3(value: Any) -> bool:
  """Whether a value is of Keras 3, whose variables no tf.Module sees."""
  return any(c.__module__.split('.')[0] == 'keras' for c in type(value).__mro__)


def is_tf_keras(value: Any) -> bool:
  """Whether a value is a layer or model of tf_keras."""
  modules = {c.__module__.split('.')[0] for c in type(value).__mro__}
  return 'tf_keras' in modules and hasattr(type(value), 'non_trainable_weights')


def refuse_hidden_variables(part: Any, role: str) -> None:
  """Finds networks that only a function's closure or globals know.

  Args:
    part: A `tf.Module`.
    role: What to call it.

  Raises:
    UserError: There is one; names it.
  """
  owned = {id(v) for v in part.variables}
  for module in (part, *part.submodules):
    for leaf in _attributes(module):
      for name, value in _captured(leaf):
        hidden = is_keras_3(value) or any(
          id(v) not in owned for v in _variables(value)
        )
        if hidden:
          raise errors.UserError(
            f'the {role} hides the variables of {name!r} in a function, where '
            'no tf.Module finds them; make it a tf.Module, or a tf_keras '
            'model, that holds them as attributes.'
          )


def _attributes(module):
  """Yields what a module holds that `tf.Module` would not look into."""
  for value in vars(module).values():
    if isinstance(value, (list, tuple)):
      yield from value
    elif isinstance(value, dict) and not is_tf_keras(module):
      yield from value.values()
    elif not is_tf_keras(module) or isinstance(value, types.FunctionType):
      yield value


def _captured(value, depth=3):
  """Yields (name, object) for all that a callable reaches outside itself."""
  if is_keras_3(value):
    yield type(value).__name__, value
  elif callable(value) and depth and not isinstance(value, (type, tf.Module)):
    for name, captured in _reach(value).items():
      yield name, captured
      yield from _captured(captured, depth - 1)


def _reach(value):
  """Returns what a function, method, partial or callable object refers to."""
  if isinstance(value, functools.partial):
    held = {str(n): a for n, a in enumerate(value.args)}
    return {'func': value.func, **held, **value.keywords}
  if isinstance(value, types.MethodType):
    return {type(value.__self__).__name__: value.__self__}
  if not isinstance(value, types.FunctionType):
    return dict(getattr(value, '__dict__', {}))
  code = value.__code__
  cells = zip(code.co_freevars, value.__closure__ or (), strict=True)
  held = {n: c.cell_contents for n, c in cells if _is_filled(c)}
  known = value.__globals__
  # Among `co_names` are attributes too, which may be called as a global is.
  loaded = [
    i.argval for i in dis.get_instructions(code) if i.opname == 'LOAD_GLOBAL'
  ]
  return {**{n: known[n] for n in loaded if n in known}, **held}


def _is_filled(cell):
  try:
    cell.cell_contents  # noqa: B018  (the access itself is the question)
  except ValueError:
    return False
  return True


def _variables(value):
  if isinstance(value, tf.Variable):
    return [value]
  if isinstance(value, tf.Module):
    return value.variables
  return []
