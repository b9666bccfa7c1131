# SPDX-License-Identifier: Apache-2.0
"""A run as two programs: its training, and R and D of a batch at a beta."""

from importlib import metadata

import benchmarks.quiet  # noqa: F401, before TensorFlow itself

# isort: split
import numpy as np
import tensorflow as tf

from benchmarks import artifact, export_program
from tfp_rd import config as config_lib
from tfp_rd import errors, rate_distortion, version
from tfp_rd.model import passes
from tfp_rd.network import initial
from tfp_rd.run import directory as run_lib
from tfp_rd.training import checkpoint, experiment, loop, scoring

__all__ = ['Measure', 'export_run', 'prepare']


def prepare(
  config: config_lib.Config, *, data_dir: str, steps_per_call: int
) -> tuple[experiment.Prepared, loop.State]:
  """Returns the training of a run with XLA, and all that it will be.

  Args:
    config: What the run is.
    data_dir: Where tensorflow-datasets keeps its prepared sets.
    steps_per_call: Steps of a row of `metrics.csv`.

  Raises:
    UserError: Its images cannot be had, or it starts from another run.
  """
  if config.parent:
    raise errors.UserError(
      f'{config.name} starts from the weights of another run; only a run that '
      'starts by itself can be exported.'
    )
  execution = config_lib.Execution(
    data_dir=data_dir, steps_per_call=steps_per_call, jit_compile='true'
  )
  ready = experiment.prepare(config, execution)
  return ready, loop.State(ready.program, owner=config.digest)


def export_run(
  run: run_lib.Run,
  path,
  *,
  data_dir: str = '',
  steps_per_call: int = 50,
  tf32: bool = True,
  max_mib=None,
) -> dict:
  """Writes the two programs of a run, with its images and initial weights.

  R and D are always measured without TF32.

  Args:
    run: A run that has not begun.
    path: As of `artifact.write`.
    data_dir: Where tensorflow-datasets keeps its prepared sets.
    steps_per_call: Steps of one call, and of a row of `metrics.csv`.
    tf32: Whether the training may use TF32.
    max_mib: As of `artifact.write`.

  Returns:
    What the file says of itself.

  Raises:
    UserError: The run has begun, starts from another one, or its images cannot
      be had.
    OSError: A file cannot be written.
  """
  config = run.config
  if run.is_done or checkpoint.last_step(run.path / 'checkpoint'):
    raise errors.UserError(
      f'{run.path} has begun; `tfp-rd train` goes on from where it is. Export '
      'a run that has not.'
    )
  ready, state = prepare(
    config, data_dir=data_dir, steps_per_call=steps_per_call
  )
  variables = state.named_variables()
  program, inputs = ready.program, ready.inputs
  arguments = (inputs, tf.constant(steps_per_call), None)
  train, arrays = export_program.export_training(
    program, arguments, variables, tf32=tf32
  )
  measure = Measure(ready, config.objective)
  evaluate, more = measure.export({**variables, **measure.variables})
  about = {
    'config': config.to_dict(),
    'steps_per_call': steps_per_call,
    'tf32_allowed': tf32,
    'versions': _versions(),
    'max_mib': max_mib,
    'validation': measure.about,
    **_names_of_weights(state),
    'flops_a_step': export_program.flops_a_step(program, arguments),
  }
  artifact.write(
    artifact.Artifact(
      {'train': train, 'evaluate': evaluate},
      {**arrays, **more, **measure.arrays},
      about,
    ),
    path,
    max_mib=max_mib,
  )
  return about


class Measure:
  """R and D of a batch of validation images at a beta, compiled by XLA.

  Args:
    ready: A training before its first step.
    objective: Says at which betas, and with how many draws.

  Attributes:
    about: Betas, draws, and how the images are cut into passes.
    arrays: `validation`, the images, and `seeds` `[batches, passes, 2]`.
    variables: The beta, which no model owns.
  """

  def __init__(self, ready: experiment.Prepared, objective):
    self._images = np.asarray(ready.validation)
    betas, num_samples = scoring.measured(objective)
    self._plan = passes.plan(
      len(self._images),
      num_samples=num_samples,
      seed=loop.validation_seed(ready.inputs.seed),
    )
    model = ready.program.model
    self.variables = {}
    if objective.is_curve:
      self.variables['beta'], model = model.at_variable()
    at_once = self._plan.draws_at_once

    def sums(images, seed):
      draws = rate_distortion.draw(
        model, images, num_samples=at_once, seed=seed
      )
      return passes.sum_of_draws(draws)

    self._sums = tf.function(sums, autograph=False, jit_compile=True)
    self.about = {
      'betas': list(betas),
      'num_samples': num_samples,
      'batch_size': self._plan.batch_size,
      'num_images': len(self._images),
    }
    seeds = [
      [seed.numpy() for seed in self._plan.seeds(n)]
      for n in range(self._plan.num_batches)
    ]
    self.arrays = {'validation': self._images, 'seeds': np.array(seeds)}

  def export(self, variables):
    """Lowers it, without TF32, as `export_program.export` does."""
    return export_program.export(
      self._sums,
      self._first_pass(),
      variables,
      outputs=('sums',),
      tf32=False,
      prefix='evaluate/',
    )

  def first_pass(self, beta) -> np.ndarray:
    """Returns R and D, `[2]` nats, of the first pass at a beta."""
    for variable in self.variables.values():
      variable.assign(beta)
    sums = self._sums(*self._first_pass().values()).numpy()
    return sums.mean(axis=1) / self._plan.draws_at_once

  def _first_pass(self):
    return {
      'images': tf.constant(self._plan.batch(self._images, 0), tf.float32),
      'seed': initial.as_seed(self.arrays['seeds'][0, 0]),
    }


def _names_of_weights(state):
  """Returns by which names a checkpoint knows the weights and their average."""
  names = {id(v): name for name, v in state.named_variables().items()}
  chosen = state.selection.variables_chosen
  average = state.program.average
  averages = {} if average is None else average.values
  return {
    'weights': {name: names[id(v)] for name, v in chosen.items()},
    'averages': {name: names[id(v)] for name, v in averages.items()},
  }


def _versions():
  return {
    'tfp_rd': version.__version__,
    'tensorflow': metadata.version('tensorflow'),
  }
