# SPDX-License-Identifier: Apache-2.0
"""The compiled training program: many steps a call, one trace for all betas.

Everything a step draws follows from the run's seed and the step's number, so
that a run can be cut anywhere and goes on bit for bit.
"""

from collections.abc import Mapping

import tensorflow as tf

from tfp_rd import agreement, rate_distortion
from tfp_rd.model import movable_model
from tfp_rd.model import variables as variables_lib
from tfp_rd.network import initial
from tfp_rd.network import precision as precision_lib
from tfp_rd.training import added_losses, epoch, optimizer, step_context
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
    adds_losses: Whether layers of tf_keras in the model add losses of their
      own, whose sum is then recorded.

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
    adds_losses=False,
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
    added = (added_losses.NAME,) if adds_losses else ()
    columns = terms_lib.columns(self.players.records)
    self._columns = (*columns, *objective.metric_names, *added)
    # Of the present row of metrics, and its steps: a row is the same, bit for
    # bit, however many calls it takes.
    self.sums = tf.Variable(tf.zeros([len(self._columns) + 1]), trainable=False)
    self.batch_size = batch_size
    self.steps_per_call = steps_per_call
    # Whether the decoder is a distribution of bits: known once it is traced.
    self.takes_bits = False
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
    self, inputs: inputs_lib.Inputs, num_steps: int, *, goes_on: bool = False
  ) -> Mapping[str, float]:
    """Takes steps, at most `steps_per_call`, and stops before a NaN spreads.

    Args:
      inputs: What the run brings.
      num_steps: Steps to take.
      goes_on: Whether the means are of all steps since `begin_row`.

    Returns:
      Means over the steps: `rate_nats`, `distortion_nats`, `elbo_nats`,
      `loss`, the two log-densities of z, and the objective's own metrics.

    Raises:
      FloatingPointError: A term stopped being finite; names it and the step.
    """
    # TensorFlow counts how often functions of this code are traced, those of
    # other models included, and warns; a concrete function is not counted.
    arguments = (
      inputs,
      tf.constant(num_steps, tf.int32),
      tf.constant(value=goes_on),
    )
    terms, means = self._run.get_concrete_function(*arguments)(*arguments)
    names = terms_lib.names(self.players.records)
    if bad := [k for k in names if not tf.math.is_finite(terms[k])]:
      raise FloatingPointError(
        f'{bad[0]} stopped being finite at step {int(self.step) - 1}: it is '
        f'{float(terms[bad[0]])}.'
      )
    return {name: float(value) for name, value in means.items()}

  def begin_row(self) -> None:
    """Forgets the steps that the means were of."""
    self.sums.assign(tf.zeros_like(self.sums))

  def trace(self, inputs: inputs_lib.Inputs) -> None:
    """Traces the step, as `run` needs it; moves nothing.

    Raises:
      UserError: The loss depends on variables that nobody owns, losses or
        metrics are not those that the objective names, or the encoder moves
        and its draws have no gradient.
    """
    steps, goes_on = tf.constant(1, tf.int32), tf.constant(value=False)
    self._run.get_concrete_function(inputs, steps, goes_on)

  def _run_steps(self, inputs, num_steps, goes_on=None):
    first = self.step.read_value()
    indices = epoch.batch_indices(
      inputs.seed,
      first,
      self.steps_per_call,
      batch_size=self.batch_size,
      num_examples=inputs.images.shape[0],
    )

    def take_step(n, terms, sums):
      del terms
      with precision_lib.multiplying_in(self._precision):
        terms, metrics = self._take_step(inputs, indices[n])
      sums = {k: sums[k] + metrics[k] for k in sums}
      return n + 1, terms, sums

    def is_left(n, terms, _):
      # An objective's own metrics may be infinite.
      finite = tf.reduce_all(tf.math.is_finite(list(terms.values())))
      return (n < num_steps) & finite

    sums = tf.zeros(self.sums.shape)
    if goes_on is not None:  # Else by itself, as in an exported program.
      sums = tf.where(goes_on, self.sums, sums)
    *sums, before = tf.unstack(sums)
    sums = dict(zip(self._columns, sums, strict=True))
    zeros = dict.fromkeys(terms_lib.names(self.players.records), tf.zeros([]))
    taken, terms, sums = tf.while_loop(
      is_left, take_step, (0, zeros, sums), parallel_iterations=1
    )
    steps = before + tf.cast(taken, before.dtype)
    if goes_on is not None:
      self.sums.assign(tf.stack([*(sums[k] for k in self._columns), steps]))
    return terms, {k: v / steps for k, v in sums.items()}

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
    context = step_context.make(
      inputs,
      indices,
      seeds,
      dynamic=self._dynamic,
      players=self.players.held,
    )
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
      losses = added_losses.add(losses, draws, self.players, self.model)
    self.takes_bits = agreement.takes_bits(draws.decoding)
    if self.players.move_any(movable_model.parts_of(self.model)['encoder']):
      agreement.check_reparameterized(draws.encoding)
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


def _named(module, variables):
  """Returns variables of a module by name, in their order."""
  names = {id(v): n for n, v in variables_lib.named({'': module}).items()}
  return {names[id(v)]: v for v in variables}


def _fixed(model, parts):
  """Returns the variables of the parts that do not move."""
  known = movable_model.parts_of(model)
  return variables_lib.outside(known, parts) if parts else ()
