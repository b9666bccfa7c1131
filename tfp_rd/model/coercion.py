# SPDX-License-Identifier: Apache-2.0
"""Parts as users bring them, made to be called as our own are.

Ours stay as they are.  Functions get those of our keywords that they take,
distributions become marginals, and `tf_keras` models are unwrapped.
"""

import inspect
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd import errors
from tfp_rd.model import constant, keras_3, variables
from tfp_rd.network import batch
from tfp_rd.network.own_losses import is_keras_3, is_tf_keras

__all__ = ['as_part']

tfd = tfp.distributions

# Keywords that a part is called with.
_ASKED = {
  'encoder': {'condition', 'seed'},
  'marginal': {'condition'},
  'decoder': {'condition', 'seed'},
}


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

  def __init__(self, model, role):
    super().__init__()
    self.model = model
    self._role = role
    features, self._make_distribution = _unwrap(model)
    # A function: a second model of the same layers would have their losses too.
    self._features = lambda x, training: features(x, training=training)

  def __call__(self, x, *, condition=None, seed=None):
    del condition
    x, leading = batch.flatten(x, len(self._event_shape(x)))
    features = self._features(x, training=seed is not None)
    if self._make_distribution is not None:
      features = self._make_distribution(features)
    return _restore_batch(features, leading)

  def _event_shape(self, x):
    known = getattr(self.model, 'input_shape', None)
    if not isinstance(known, tuple):
      return x.shape[1:]
    found = tf.TensorShape(x.shape[-len(known[1:]) :])
    if not found.is_compatible_with(known[1:]):
      raise errors.UserError(
        f'the {self._role} is a tf_keras model for inputs of shape '
        f'{list(known[1:])}, and its input has shape {list(x.shape)}; give '
        'it what it is for, or another model.'
      )
    return known[1:]


class _Constant(tf.Module):
  """A marginal that is a distribution."""

  def __init__(self, distribution):
    super().__init__()
    self.distribution = distribution

  def __call__(self, *, condition=None):
    del condition
    return self.distribution


def as_part(part: Any, role: str) -> Any:
  """Returns a module that is called as our own parts are.

  Args:
    part: What the user brings.
    role: `'encoder'`, `'marginal'` or `'decoder'`.

  Raises:
    UserError: It cannot be one, or would train wrongly.
  """
  if is_keras_3(part):
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
  elif is_tf_keras(part):
    _refuse_keras_marginal(part, role)
    _refuse_unbuilt(part, role)
    part = _KerasAdapter(part, role)
  elif not callable(part):
    raise errors.UserError(
      f'the {role} is a {type(part).__name__}; give a callable that returns a '
      'tfd.Distribution.'
    )
  elif not (isinstance(part, tf.Module) and _ASKED[role] <= _keywords(part)):
    part = _Adapter(part)
  _refuse_keras_3(part, role)
  variables.refuse_hidden_variables(part, role)
  _refuse_mirrored(part, role)
  _refuse_own_losses(part, role)
  constant.warn(part, role)
  return part


def _refuse_keras_marginal(model, role):
  if role == 'marginal':
    raise errors.UserError(
      f'the marginal is a tf_keras model ({type(model).__name__}), which wants '
      'an input, and a marginal has none; give a distribution whose parameters '
      'are tf.Variable or tfp.util.TransformedVariable, or a tf.Module that is '
      'called without arguments.'
    )


def _refuse_keras_3(part, role):
  reached = (value for _, value in variables.captured(part))
  for value in (part, *part.submodules, *reached):
    keras_3.refuse(value, role)


def _refuse_mirrored(part, role):
  for variable in part.variables:
    if isinstance(variable, tf.distribute.DistributedValues):
      raise errors.UserError(
        f'the {role} has a variable of tf.distribute, {variable.name} '
        f'({type(variable).__name__}), which is not supported; make the model '
        'outside of the scope of a strategy.'
      )


def _refuse_unbuilt(model, role):
  import tf_keras

  if isinstance(model, tf_keras.Model) and not model.built:
    raise errors.UserError(
      f'the {role} is a tf_keras model without weights yet; give its first '
      'layer an input_shape.'
    )


def _keywords(function):
  try:
    return set(inspect.signature(function).parameters)
  except (TypeError, ValueError):
    return set()


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
    features.build(model.input_shape)
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
    if isinstance(regularizer, tfp.layers.KLDivergenceRegularizer):
      raise errors.UserError(
        f'layer {layer.name} of the {role} adds a KL term of its own, which '
        'would count the rate twice; the objective has the rate, so set '
        'layer.activity_regularizer = None, which mends a trained model too.'
      )
    if isinstance(layer, tfp.layers.KLDivergenceAddLoss):
      raise errors.UserError(
        f'layer {layer.name} of the {role} adds a KL term of its own, which '
        'would count the rate twice; remove it, the objective has the rate.'
      )
    if regularizer and isinstance(layer, tfp.layers.DistributionLambda):
      raise errors.UserError(
        f'layer {layer.name} of the {role} has an activity_regularizer, which '
        'never sees its distribution here; set it to None, or give it to the '
        'layer before.'
      )
