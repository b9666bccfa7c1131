# SPDX-License-Identifier: Apache-2.0
"""Which variables a module owns, their names, and which a function hides."""

import dis
import functools
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfp_rd import errors
from tfp_rd.network.own_losses import is_keras_3, is_tf_keras

__all__ = [
  'captured',
  'named',
  'needs_weights',
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


def refuse_hidden_variables(part: Any, role: str) -> None:
  """Finds networks that only a function's closure or globals know.

  Args:
    part: A `tf.Module`.
    role: What to call it.

  Raises:
    UserError: There is one; names it.
  """
  owned = {id(v) for v in (part, *part.submodules, *part.variables)}
  for name, value in captured(part):
    if id(value) in owned:
      continue
    if needs_weights(value):
      raise errors.UserError(
        f'the {role} calls {name!r} inside of a function, a tf_keras model '
        'without weights yet, which no tf.Module would find; give its first '
        'layer an input_shape, and make it an attribute of a tf.Module, or the '
        'part itself.'
      )
    if any(id(v) not in owned for v in _variables(value)):
      raise errors.UserError(
        f'the {role} hides the variables of {name!r} in a function, where no '
        'tf.Module finds them; make it a tf.Module, or a tf_keras model, that '
        'holds them as attributes.'
      )


def captured(part: Any) -> Iterator[tuple[str, Any]]:
  """Yields what functions of a part reach outside themselves, with its name.

  Args:
    part: A `tf.Module`.
  """
  for module in (part, *part.submodules):
    for leaf in _attributes(module):
      yield from _captured(leaf)


def needs_weights(value: Any) -> bool:
  """Whether a layer or model of tf_keras has weights to make still."""
  if not is_tf_keras(value) or value.built:
    return False
  import tf_keras

  # Layers without weights do not say how they are built.
  plain = tf_keras.layers.Layer.build
  return isinstance(value, tf_keras.Model) or type(value).build is not plain


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
  loaded = {n: known[n] for n in loaded if n in known}
  return {**loaded, **_defaults(value), **held}


def _defaults(function):
  """Returns the default values of a function's arguments, by name."""
  values = function.__defaults__ or ()
  names = function.__code__.co_varnames[: function.__code__.co_argcount]
  by_place = zip(names[len(names) - len(values) :], values, strict=True)
  return {**dict(by_place), **(function.__kwdefaults__ or {})}


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
