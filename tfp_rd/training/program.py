# SPDX-License-Identifier: Apache-2.0
"""The compiled training program: many steps a call, one trace for all betas.

Everything a step draws follows from the run's seed and the step's number, so
that a run can be cut anywhere and goes on bit for bit.
"""

from collections.abc import Mapping
from typing import NamedTuple

import tensorflow as tf

from tfp_rd import errors, rate_distortion
from tfp_rd.model import conditional_model
from tfp_rd.model import variables as variables_lib
from tfp_rd.network import initial
from tfp_rd.network import precision as precision_lib
from tfp_rd.objective import context as context_lib
from tfp_rd.training import epoch, optimizer

__all__ = ['Inputs', 'Program', 'TERMS']

# What must stay finite, causes first: a z that is not spoils all that follows.
TERMS = (
  'encoding_log_prob',
  'marginal_log_prob',
  'distortion_nats',
  'loss',
  'gradient_norm',
)


class Inputs(NamedTuple):
  """What may differ between runs that share a trace.

  Attributes:
    images: `[N, ...]` training images, or on-probabilities of pixels.
    seed: `[2]`, seed of all steps.
    beta: Scalar; unused where the objective draws its own.
    learning_rate: Scalar.
    num_steps: Scalar, the run's last step, where the learning rate ends.
  """

  images: tf.Tensor
  seed: tf.Tensor
  beta: tf.Tensor
  learning_rate: tf.Tensor
  num_steps: tf.Tensor


class Program(tf.Module):
  """A model, its players, their optimisers, and the step that moves them.

  Args:
    model: A `LatentVariableModel`, or a `ConditionalModel`.
    objective: An objective; its beta comes with the inputs.  A conditional
      model wants one that draws betas, and the reverse.
    batch_size: Images a step.
    steps_per_call: Steps of one call at the most.
    dynamic: Whether images are on-probabilities, drawn anew at every use.
    normalize_gradients: As the paper's optimiser does.
    weight_averaging: Decay of the average of the weights, 0 for none.
    precision: `'bfloat16'` for convolutions and dense layers that multiply in
      it, in training alone.
    jit_compile: Whether XLA compiles the loop.
    seed: Seed of players that the objective brings along.

  Raises:
    UserError: Model and objective do not fit, or the batch is not a multiple of
      the objective's groups.
  """

  def __init__(
    self,
    model,
    objective,
    *,
    batch_size,
    steps_per_call=50,
    dynamic=False,
    normalize_gradients=False,
    weight_averaging=0.0,
    precision='float32',
    jit_compile=False,
    seed=0,
  ):
    super().__init__()
    conditional_model.check_objective(model, objective, batch_size=batch_size)
    self.model = model
    self.objective = objective
    self.players = dict(objective.players(model, seed))
    self.variables_of = {
      name: variables_lib.trainable_variables(player)
      for name, player in self.players.items()
    }
    self.optimizers = {
      name: optimizer.Adam(
        _named(self.players[name], variables),
        normalize_gradients=normalize_gradients,
      )
      for name, variables in self.variables_of.items()
    }
    self.average = (
      optimizer.Average(
        _named(model, model.trainable_variables), decay=weight_averaging
      )
      if weight_averaging
      else None
    )
    self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name='step')
    self.batch_size = batch_size
    self.steps_per_call = steps_per_call
    self._dynamic = dynamic
    self._precision = precision
    # XLA draws other normals: a run does not change over in its midst.
    self.is_compiled = tf.Variable(
      initial_value=jit_compile, trainable=False, name='is_compiled'
    )
    self._run = tf.function(
      self._run_steps, autograph=False, jit_compile=jit_compile
    )

  def run(self, inputs: Inputs, num_steps: int) -> Mapping[str, float]:
    """Takes steps, at most `steps_per_call`, and stops before a NaN spreads.

    Args:
      inputs: What the run brings.
      num_steps: Steps to take.

    Returns:
      Means over the steps taken: `rate_nats`, `distortion_nats`, `elbo_nats`,
      `loss`, the two log-densities of z, and the objective's own metrics.

    Raises:
      FloatingPointError: A term stopped being finite; names it and the step.
    """
    last, means = self._run(inputs, tf.constant(num_steps, tf.int32))
    bad = [k for k in TERMS if not tf.math.is_finite(last[k])]
    if bad:
      raise FloatingPointError(
        f'{bad[0]} stopped being finite at step {int(self.step) - 1}: its mean '
        f'over the batch is {float(last[bad[0]])}.'
      )
    return {name: float(value) for name, value in means.items()}

  def _run_steps(self, inputs, num_steps):
    first = self.step.read_value()
    indices = epoch.batch_indices(
      inputs.seed,
      first,
      self.steps_per_call,
      batch_size=self.batch_size,
      num_examples=inputs.images.shape[0],
    )
    names = [*TERMS, 'rate_nats', 'elbo_nats']
    names += self.objective.metric_names
    empty = dict.fromkeys(names, tf.zeros([]))

    def take_step(n, last, sums):
      del last
      with precision_lib.multiplying_in(self._precision):
        metrics = self._take_step(inputs, indices[n])
      sums = {k: sums[k] + metrics[k] for k in sums}
      return n + 1, metrics, sums

    def goes_on(n, last, _):
      finite = tf.reduce_all(tf.math.is_finite(list(last.values())))
      return (n < num_steps) & finite

    taken, last, sums = tf.while_loop(
      goes_on, take_step, (0, empty, empty), parallel_iterations=1
    )
    return last, {k: v / tf.cast(taken, v.dtype) for k, v in sums.items()}

  def _take_step(self, inputs, indices):
    """Moves every player once; returns the step's metrics."""
    step = self.step.read_value()
    seeds = initial.split(initial.fold_in(inputs.seed, step), 4)
    x = tf.gather(inputs.images, indices)
    if self._dynamic:
      uniforms = initial.uniform(tf.shape(x), seed=seeds[0], dtype=x.dtype)
      x = tf.cast(uniforms < x, x.dtype)
    model, beta = self.model, inputs.beta
    if isinstance(model, conditional_model.ConditionalModel):
      betas = self.objective.draw_betas(seed=seeds[3], dtype=beta.dtype)
      num_repeats = self.batch_size // betas.shape[0]
      model = model.at(betas, num_repeats=num_repeats)
      beta = tf.repeat(betas, num_repeats)
    context = context_lib.Context(
      step=step,
      seed=seeds[1],
      num_training_examples=inputs.images.shape[0],
      model=self.model,
      players=self.players,
      beta=beta,
    )
    with tf.GradientTape(persistent=True) as tape:
      draws = rate_distortion.draw(model, x, seed=seeds[2], training=True)
      losses = self.objective.losses(draws, context)
    rate = optimizer.learning_rate_at(
      step, learning_rate=inputs.learning_rate, num_steps=inputs.num_steps
    )
    norm = self._update(tape, losses.players, rate, step)
    self.step.assign_add(1)
    return _metrics(draws, losses, norm)

  def _update(self, tape, losses, learning_rate, step):
    # All gradients first: no player sees another's move of the same step.
    gradients = {
      name: tape.gradient(
        loss, self.variables_of[name], unconnected_gradients='zero'
      )
      for name, loss in losses.items()
    }
    self._refuse_unowned(tape, losses)
    for name, gradient in gradients.items():
      self.optimizers[name].update(gradient, learning_rate, step)
    if self.average is not None:
      self.average.update(step)
    return tf.linalg.global_norm(gradients['model'])

  def _refuse_unowned(self, tape, losses):
    """Refuses, as the step is traced, gradients that would be lost."""
    owned = {
      id(v) for player in self.players.values() for v in player.variables
    }
    for variable in tape.watched_variables():
      if id(variable) not in owned and any(
        tape.gradient(loss, variable) is not None for loss in losses.values()
      ):
        raise errors.UserError(
          f'the loss depends on {variable.name} {tuple(variable.shape)}, which '
          'no part of the model owns and so nobody would train; make it an '
          'attribute of the part that uses it.'
        )


def _named(module, variables):
  """Returns variables of a module by name, in their order."""
  names = {id(v): n for n, v in variables_lib.named({'': module}).items()}
  return {names[id(v)]: v for v in variables}


def _metrics(draws, losses, gradient_norm):
  rate = tf.reduce_mean(draws.rate)
  distortion = tf.reduce_mean(draws.distortion)
  metrics = {
    'distortion_nats': distortion,
    'encoding_log_prob': tf.reduce_mean(draws.encoding_log_prob),
    'marginal_log_prob': tf.reduce_mean(draws.marginal_log_prob),
    'rate_nats': rate,
    'elbo_nats': -(rate + distortion),
    'loss': losses.players['model'],
    'gradient_norm': gradient_norm,
    **losses.metrics,
  }
  return {k: tf.cast(v, tf.float32) for k, v in metrics.items()}
