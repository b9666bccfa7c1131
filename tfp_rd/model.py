# SPDX-License-Identifier: Apache-2.0
"""A latent-variable model is three distributions and nothing else.

What users bring is taken at the door: our parts as they are, any callable that
returns a `tfd.Distribution`, a plain distribution as marginal, `tf_keras`
models with or without `tfp.layers`.  What would train nothing, or count the
rate twice, is refused there by a sentence.
"""

import inspect
import types

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd import errors
from tfp_rd.network import batch

__all__ = ['LatentVariableModel', 'trainable_variables']

tfd = tfp.distributions


# Keywords that a part is called with.
_ASKED = {
  'encoder': {'condition', 'seed'},
  'marginal': {'condition'},
  'decoder': {'condition', 'seed'},
}


class LatentVariableModel(tf.Module):
  """An encoder e(z|x), a marginal m(z) and a decoder d(x|z).

  `model.encoder(x)`, `model.marginal()` and `model.decoder(z)` return
  distributions.  No loss and no training lives here, and nothing derives from
  this class: what differs between models are their parts.

  Args:
    encoder: A callable from `x [B, ...]` to a distribution of batch shape
      `[B]`.
    marginal: A distribution of z, or a callable without arguments that returns
      one.
    decoder: A callable from `z [..., k]` to a distribution of x with batch
      shape `[...]`.

  Callables that take the keywords `condition` (a feature vector an example),
  `training`, or `seed` (of dropout) are given them.

  Raises:
    UserError: A part cannot be called, is a Keras 3 model, hides variables in
      a closure, or adds a KL term of its own.

  #### Examples

  ```python
  model = LatentVariableModel(
      encoder=tf_keras.Sequential([
          tf_keras.layers.Flatten(),
          tf_keras.layers.Dense(tfpl.MultivariateNormalTriL.params_size(2)),
          tfpl.MultivariateNormalTriL(2)]),
      marginal=tfd.MultivariateNormalDiag(tf.zeros(2)),
      decoder=my_decoder)
  ```
  """

  def __init__(self, encoder, marginal, decoder):
    super().__init__()
    self.encoder = _as_part(encoder, 'encoder')
    self.marginal = _as_part(marginal, 'marginal')
    self.decoder = _as_part(decoder, 'decoder')

  @property
  def trainable_variables(self):
    """The parts' trainable variables; those of frozen Keras layers are not."""
    return trainable_variables(self)

  @property
  def num_parameters(self) -> int:
    """Number of trainable numbers."""
    return sum(v.shape.num_elements() for v in self.trainable_variables)


def trainable_variables(module) -> tuple[tf.Variable, ...]:
  """Returns a module's trainable variables, less those of frozen layers.

  `tf.Module` returns them all, `layer.trainable = False` or not.
  """
  frozen = {
    id(v)
    for layer in module.submodules
    if _is_tf_keras(layer)
    for v in layer.non_trainable_weights
  }
  found = tf.Module.trainable_variables.fget(module)
  return tuple(v for v in found if id(v) not in frozen)


class _Adapter(tf.Module):
  """Calls a function with those of our keywords that it takes."""

  def __init__(self, function):
    super().__init__()
    self.function = function
    self._keywords = _keywords(function)

  def __call__(self, *args, condition=None, seed=None):
    offered = {
      'condition': condition,
      'seed': seed,
      'training': seed is not None,
    }
    taken = {k: v for k, v in offered.items() if k in self._keywords}
    return self.function(*args, **taken)


class _KerasAdapter(tf.Module):
  """A tf_keras model: one batch axis inside, distributions unwrapped.

  `DistributionLambda` draws a hidden sample at every call; its distribution is
  made from the features before it instead.
  """

  def __init__(self, model):
    super().__init__()
    self.model = model
    self._features, self._make_distribution = _unwrap(model)

  def __call__(self, x, *, condition=None, seed=None):
    del condition
    x, leading = batch.flatten(x, len(self._event_shape(x)))
    features = self._features(x, training=seed is not None)
    if self._make_distribution is not None:
      features = self._make_distribution(features)
    return _restore_batch(features, leading)

  def _event_shape(self, x):
    known = getattr(self.model, 'input_shape', None)
    return known[1:] if known else x.shape[1:]


class _Constant(tf.Module):
  """A marginal that is a distribution."""

  def __init__(self, distribution):
    super().__init__()
    self.distribution = distribution

  def __call__(self, *, condition=None):
    del condition
    return self.distribution


def _as_part(part, role):
  """Returns a module that is called as our own parts are."""
  if _is_keras_3(part):
    raise errors.UserError(
      f'the {role} is a Keras 3 model ({type(part).__name__}), whose variables '
      'no tf.Module sees; build it with tf_keras instead.'
    )
  if isinstance(part, tfd.Distribution):
    if role != 'marginal':
      raise errors.UserError(
        f'the {role} is a distribution; give a callable that returns one.'
      )
    part = _Constant(part)
  elif _is_tf_keras(part):
    part = _KerasAdapter(part)
  elif not callable(part):
    raise errors.UserError(
      f'the {role} is a {type(part).__name__}; give a callable that returns a '
      'tfd.Distribution.'
    )
  elif not _ASKED[role] <= _keywords(part):
    part = _Adapter(part)
  _refuse_hidden_variables(part, role)
  _refuse_own_losses(part, role)
  return part


def _keywords(function):
  try:
    return set(inspect.signature(function).parameters)
  except (TypeError, ValueError):
    return set()


def _is_keras_3(value):
  return any(c.__module__.split('.')[0] == 'keras' for c in type(value).__mro__)


def _is_tf_keras(value):
  modules = {c.__module__.split('.')[0] for c in type(value).__mro__}
  return 'tf_keras' in modules and hasattr(value, 'non_trainable_weights')


def _unwrap(model):
  """Splits a Keras model into features and a last DistributionLambda."""
  import tf_keras

  lambda_layer = tfp.layers.DistributionLambda
  if isinstance(model, lambda_layer):
    return (lambda x, training: x), model._make_distribution_fn
  layers = getattr(model, 'layers', [])
  if not layers or not isinstance(layers[-1], lambda_layer):
    return model, None
  if isinstance(model, tf_keras.Sequential):
    features = tf_keras.Sequential(layers[:-1])
  else:
    features = tf_keras.Model(model.inputs, layers[-1].input)
  return features, layers[-1]._make_distribution_fn


def _restore_batch(distribution, leading):
  if not isinstance(distribution, tfd.Distribution):
    raise errors.UserError(
      f'a tf_keras part returned a {type(distribution).__name__}; end it with '
      'a layer of tfp.layers, so that it returns a distribution.'
    )
  rank = leading.shape[0] if tf.is_tensor(leading) else len(leading)
  if rank == 1:
    return distribution
  return tfd.BatchReshape(distribution, tf.convert_to_tensor(leading, tf.int32))


def _refuse_own_losses(part, role):
  for layer in part.submodules:
    regularizer = getattr(layer, 'activity_regularizer', None)
    if isinstance(layer, tfp.layers.KLDivergenceAddLoss) or isinstance(
      regularizer, tfp.layers.KLDivergenceRegularizer
    ):
      raise errors.UserError(
        f'layer {layer.name} of the {role} adds a KL term of its own, which '
        'would count the rate twice; remove it, the objective has the rate.'
      )


def _refuse_hidden_variables(part, role):
  """Finds networks that only a function's closure or globals know."""
  owned = {id(v) for v in part.variables}
  for module in (part, *part.submodules):
    for leaf in tf.nest.flatten(list(_attributes(module))):
      for name, value in _captured(leaf):
        hidden = _is_keras_3(value) or any(
          id(v) not in owned for v in _variables(value)
        )
        if hidden:
          raise errors.UserError(
            f'the {role} hides the variables of {name!r} in a function, where '
            'no tf.Module finds them; make it a tf.Module, or a tf_keras '
            'model, that holds them as attributes.'
          )


def _attributes(module):
  for value in vars(module).values():
    if isinstance(value, (types.FunctionType, types.MethodType)) or (
      isinstance(value, (list, tuple)) or _is_keras_3(value)
    ):
      yield value


def _captured(value, depth=3):
  """Yields (name, object) for all that a function reaches outside itself."""
  if _is_keras_3(value):
    yield type(value).__name__, value
  if not isinstance(value, types.FunctionType) or not depth:
    return
  code = value.__code__
  cells = zip(code.co_freevars, value.__closure__ or (), strict=True)
  names = {n: c.cell_contents for n, c in cells if _is_filled(c)}
  names.update(
    (n, value.__globals__[n]) for n in code.co_names if n in value.__globals__
  )
  for name, captured in names.items():
    yield name, captured
    yield from _captured(captured, depth - 1)


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
