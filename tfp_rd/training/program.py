# SPDX-License-Identifier: Apache-2.0
"""The compiled training program: many steps a call, one trace for all betas.

Everything a step draws follows from the run's seed and the step's number, so
that a run can be cut anywhere and goes on bit for bit.
"""

from collections.abc import Mapping

import tensorflow as tf

from tfp_rd import rate_distortion
from tfp_rd.model import movable_model
from tfp_rd.model import variables as variables_lib
from tfp_rd.network import initial
from tfp_rd.network import precision as precision_lib
from tfp_rd.objective import context as context_lib
from tfp_rd.training import epoch, optimizer
from tfp_rd.training import inputs as inputs_lib
from tfp_rd.training import players as players_lib
from tfp_rd.training import terms as terms_lib

__all__ = ['Program']


class Program(tf.Module):
  """A model, its players, their optimisers, and the step that moves them.

  Args:
    model: A `LatentVariableModel`, or a `ConditionalModel`.
    objective: An objective; its numbers come with the inputs.  A conditional
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
    parts: Which parts of the model move: names out of `'encoder'`,
      `'marginal'` and `'decoder'`; all of them by default.

  Raises:
    UserError: Model and objective do not fit, two players have one variable, or
      the parts have none.
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
    parts=(),
  ):
    super().__init__()
    movable_model.check_objective(model, objective, batch_size=batch_size)
    self.model = model
    self.objective = objective
    self.players = players_lib.Players(
      model,
      objective.players(model, seed),
      fixed=_fixed(model, parts),
      normalize_gradients=normalize_gradients,
    )
    self.average = (
      optimizer.Average(
        _named(model, model.trainable_variables), decay=weight_averaging
      )
      if weight_averaging
      else None
    )
    # One compiled evaluation serves all validations, betas and runs.
    self.movable = movable_model.MovableModel(model)
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

  def run(
    self, inputs: inputs_lib.Inputs, num_steps: int
  ) -> Mapping[str, float]:
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
    terms, means = self._run(inputs, tf.constant(num_steps, tf.int32))
    names = terms_lib.names(self.players.records)
    bad = [k for k in names if not tf.math.is_finite(terms[k])]
    if bad:
      raise FloatingPointError(
        f'{bad[0]} stopped being finite at step {int(self.step) - 1}: it is '
        f'{float(terms[bad[0]])}.'
      )
    return {name: float(value) for name, value in means.items()}

  def trace(self, inputs: inputs_lib.Inputs) -> None:
    """Traces the step, which refuses what it cannot train; moves nothing.

    Args:
      inputs: What the run brings.

    Raises:
      UserError: The loss depends on variables that nobody owns, or losses or
        metrics are not those that the objective names.
    """
    self._run.get_concrete_function(inputs, tf.constant(1, tf.int32))

  def _run_steps(self, inputs, num_steps):
    first = self.step.read_value()
    indices = epoch.batch_indices(
      inputs.seed,
      first,
      self.steps_per_call,
      batch_size=self.batch_size,
      num_examples=inputs.images.shape[0],
    )
    players = self.players.records
    columns = (*terms_lib.columns(players), *self.objective.metric_names)

    def take_step(n, terms, sums):
      del terms
      with precision_lib.multiplying_in(self._precision):
        terms, metrics = self._take_step(inputs, indices[n])
      sums = {k: sums[k] + metrics[k] for k in sums}
      return n + 1, terms, sums

    def goes_on(n, terms, _):
      # An objective's own metrics may be infinite.
      finite = tf.reduce_all(tf.math.is_finite(list(terms.values())))
      return (n < num_steps) & finite

    zeros = (
      dict.fromkeys(names, tf.zeros([]))
      for names in (terms_lib.names(players), columns)
    )
    taken, terms, sums = tf.while_loop(
      goes_on, take_step, (0, *zeros), parallel_iterations=1
    )
    return terms, {k: v / tf.cast(taken, v.dtype) for k, v in sums.items()}

  def _take_step(self, inputs, indices):
    """Moves every player once; returns what must be finite, and the metrics."""
    step = self.step.read_value()
    seeds = initial.split(initial.fold_in(inputs.seed, step), 4)
    model, beta = movable_model.model_of_step(
      self.model,
      self.objective,
      beta=inputs.numbers.get('beta'),
      batch_size=self.batch_size,
      seed=seeds[3],
    )
    context = self._context(inputs, indices, seeds)
    context = context._replace(step=step, model=model, beta=beta)
    with tf.GradientTape(persistent=True) as tape:
      draws = rate_distortion.draw(
        model,
        context.images,
        num_samples=self.objective.num_samples,
        seed=seeds[2],
        training=True,
        rate=self.objective.rate,
      )
      losses = self.objective.as_traced().losses(draws, context)
    terms_lib.check_losses(self.objective, losses)
    rate = optimizer.learning_rate_at(
      step, learning_rate=inputs.learning_rate, num_steps=inputs.num_steps
    )
    norms = self.players.move(tape, losses.players, rate, step)
    if self.average is not None:
      self.average.update(step)
    self.step.assign_add(1)
    of_step = (draws, losses.players, norms)
    return (
      terms_lib.terms_of(*of_step),
      terms_lib.metrics_of(*of_step, losses.metrics),
    )

  def _context(self, inputs, indices, seeds):
    """Returns what an objective is given, but for the model at its betas."""
    x, probabilities = tf.gather(inputs.images, indices), None
    if self._dynamic:
      probabilities = x
      uniforms = initial.uniform(tf.shape(x), seed=seeds[0], dtype=x.dtype)
      x = tf.cast(uniforms < x, x.dtype)
    return context_lib.Context(
      step=None,
      seed=seeds[1],
      num_training_examples=inputs.images.shape[0],
      model=None,
      players=self.players.held,
      beta=None,
      numbers=inputs.numbers,
      images=x,
      probabilities=probabilities,
      labels=None
      if inputs.labels is None
      else tf.gather(inputs.labels, indices),
    )


def _named(module, variables):
  """Returns variables of a module by name, in their order."""
  names = {id(v): n for n, v in variables_lib.named({'': module}).items()}
  return {names[id(v)]: v for v in variables}


def _fixed(model, parts):
  """Returns the variables of the parts that do not move."""
  if not parts:
    return ()
  return variables_lib.outside(movable_model.parts_of(model), parts)
