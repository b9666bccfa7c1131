# SPDX-License-Identifier: Apache-2.0
"""Adam as one fused operation a variable, and an average of the weights.

A model of this size spends its time in the number of operations; Keras'
optimisers take about ten for each variable.

#### References

[1]: Diederik P. Kingma, Jimmy Ba. Adam: A Method for Stochastic Optimization.
     In _International Conference on Learning Representations_, 2015.
     https://arxiv.org/abs/1412.6980
[2]: Adams Wei Yu et al. Block-Normalized Gradient Method: An Empirical Study
     for Training Deep Neural Network, 2017. https://arxiv.org/abs/1707.04822
"""

import tensorflow as tf

__all__ = ['Adam', 'Ascent', 'Average', 'learning_rate_at', 'make']

_BETA_2, _EPSILON = 0.999, 1e-8


class Adam(tf.Module):
  """Adam with an optional normalisation of each variable's gradient.

  Args:
    variables: What is trained, by name; moments are kept under these names.
    beta_1: Decay of the mean gradient.
    normalize_gradients: Divide each gradient by its L2 norm first [2].
  """

  def __init__(self, variables, *, beta_1=0.9, normalize_gradients=False):
    super().__init__()
    self.moved = dict(variables)
    self._beta_1 = beta_1
    self._normalize = normalize_gradients
    self.first, self.second = (
      {
        name: tf.Variable(tf.zeros_like(v), trainable=False)
        for name, v in variables.items()
      }
      for _ in range(2)
    )

  def update(self, gradients, learning_rate, step):
    """Changes the variables.

    Args:
      gradients: One a variable, in the order of the variables.
      learning_rate: Scalar.
      step: How often they were moved before.
    """
    for (name, variable), gradient in zip(
      self.moved.items(), gradients, strict=True
    ):
      first, second = self.first[name], self.second[name]
      t = tf.cast(step + 1, variable.dtype)
      if self._normalize:
        gradient /= tf.norm(gradient) + 1e-7
      tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=first.handle,
        v=second.handle,
        beta1_power=self._beta_1**t,
        beta2_power=_BETA_2**t,
        lr=tf.cast(learning_rate, variable.dtype),
        beta1=tf.constant(self._beta_1, variable.dtype),
        beta2=tf.constant(_BETA_2, variable.dtype),
        epsilon=tf.constant(_EPSILON, variable.dtype),
        grad=gradient,
      )


class Ascent(tf.Module):
  """Plain gradient ascent, as a Lagrange multiplier wants.

  Args:
    variables: What is trained, by name.
  """

  def __init__(self, variables):
    super().__init__()
    self.moved = dict(variables)

  def update(self, gradients, learning_rate, step):
    """Changes the variables.

    Args:
      gradients: One a variable, in the order of the variables.
      learning_rate: Scalar.
      step: How often they were moved before.
    """
    del step
    for variable, gradient in zip(self.moved.values(), gradients, strict=True):
      variable.assign_add(tf.cast(learning_rate, variable.dtype) * gradient)


def make(name, variables, *, beta_1, normalize_gradients):
  """Returns the optimiser of a player.

  Args:
    name: `'adam'` or `'ascent'`.
    variables: What is trained, by name.
    beta_1: As of `Adam`.
    normalize_gradients: As of `Adam`.
  """
  if name == 'ascent':
    return Ascent(variables)
  return Adam(variables, beta_1=beta_1, normalize_gradients=normalize_gradients)


class Average(tf.Module):
  """An exponential average of variables, quick to forget at the start.

  Args:
    variables: What is averaged, by name.
    decay: Share of the past that a step keeps, in the long run.
  """

  def __init__(self, variables, *, decay):
    super().__init__()
    self._variables = dict(variables)
    self._decay = decay
    self.values = {
      name: tf.Variable(v, trainable=False) for name, v in variables.items()
    }

  def restart(self):
    """Makes the average what the variables are now."""
    for name, value in self.values.items():
      value.assign(self._variables[name])

  def update(self, step):
    """Takes the variables in, at `step` from 0."""
    for name, value in self.values.items():
      variable = self._variables[name]
      t = tf.cast(step, variable.dtype)
      decay = tf.minimum(self._decay, (1.0 + t) / (10.0 + t))
      value.assign_add((1.0 - decay) * (variable - value))


def learning_rate_at(step, *, learning_rate, num_steps) -> tf.Tensor:
  """Returns the paper's schedule: constant, then linear to 0 from half-way.

  Args:
    step: Scalar, from 0.
    learning_rate: Scalar, the constant.
    num_steps: Scalar, where it ends.
  """
  part = tf.cast(step, tf.float32) / tf.cast(num_steps, tf.float32)
  return learning_rate * tf.clip_by_value(2.0 * (1.0 - part), 0.0, 1.0)
