# SPDX-License-Identifier: Apache-2.0
"""What twelve curves of one run each cost beside ten separate runs for each.

    python -m benchmarks.curves

Times steps, validations and evaluations of both on digits, in turn, one thread
each as the processes of a grid have it, and extrapolates to the plane.  Takes
some ten minutes.  The last line is one JSON record.
"""

import dataclasses
import json
import statistics

import benchmarks.quiet  # noqa: F401, before TensorFlow itself

# isort: split
import numpy as np

import tfp_rd
from benchmarks import fresh, timing
from tfp_rd import architecture, conditional, loop, preset, program
from tfp_rd import dataset as dataset_lib
from tfp_rd import objective as objective_lib

__all__ = ['cost', 'main']

_ONE_THREAD = dict.fromkeys(
  ('OMP_NUM_THREADS', 'TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS'), '1'
)
_STEPS_PER_CALL = 10


def main() -> None:
  """Times every family in a process of its own, and prints the sums."""
  families = {
    str(signs): fresh.measure(
      'benchmarks.curves', 'cost', environment=_ONE_THREAD, signs=str(signs)
    )
    for signs in architecture.ALL
  }
  curves_s, separate_s = (
    sum(found[name] for found in families.values())
    for name in ('curve_s', 'separate_s')
  )
  record = {
    **fresh.machine(),
    'cost_ratio': round(curves_s / separate_s, 3),
    'curves_s': round(curves_s),
    'separate_s': round(separate_s),
    'families': families,
  }
  print(json.dumps(record))


def cost(*, signs: str, num_pairs: int = 5) -> dict[str, float]:
  """Compares the plane's curve of one family with ten runs of single betas.

  Args:
    signs: The architecture.
    num_pairs: How often both are timed.

  Returns:
    `cost_ratio`; `curve_s` and `separate_s`, seconds of all steps, validations
    and evaluations, tracing apart; and the step times behind them.
  """
  (config,) = dataclasses.replace(
    preset.PRESETS['plane'], architectures=(signs,)
  ).cells()
  objective = objective_lib.parse(config.objective)
  betas = objective.betas()
  one_run = _Side(config, objective)
  separate = _Side(config, tfp_rd.BetaElbo())
  found = {}
  for part in ('step', 'validate', 'evaluate'):
    times = timing.in_turn(
      getattr(one_run, part), getattr(separate, part), num_pairs=num_pairs
    )
    found[part] = [statistics.median(t) for t in times]
  training = config.training
  counts = {
    'step': training.num_steps / _STEPS_PER_CALL,
    # The weights and their average.
    'validate': 2 * training.num_steps / training.validate_every,
    'evaluate': 1,
  }
  curve_s, one_beta_s = (
    sum(counts[part] * found[part][side] for part in counts) for side in (0, 1)
  )
  # A curve is evaluated at every beta, a separate run at its own.
  curve_s += (len(betas) - 1) * found['evaluate'][0]
  separate_s = len(betas) * one_beta_s
  step_ms = [round(1e3 * t / _STEPS_PER_CALL, 1) for t in found['step']]
  return {
    'cost_ratio': round(curve_s / separate_s, 3),
    'curve_s': round(curve_s, 1),
    'separate_s': round(separate_s, 1),
    'curve_step_ms': step_ms[0],
    'separate_step_ms': step_ms[1],
    'num_steps': training.num_steps,
    'num_betas': len(betas),
  }


class _Side:
  """Steps, validations and evaluations of one kind of run."""

  def __init__(self, config, objective):
    self._config = config
    self._objective = objective
    self._data = dataset_lib.load(config.data)
    beta_range = getattr(objective, 'beta_range', None)
    self._model = tfp_rd.build(
      config.model.architecture,
      image_shape=self._data.image_shape,
      pseudo_inputs=self._data.train,
      dropout=self._data.dropout,
      conditional=beta_range is not None,
      beta_range=beta_range,
    )
    self._program = program.Program(
      self._model,
      objective,
      batch_size=config.training.batch_size,
      steps_per_call=_STEPS_PER_CALL,
      weight_averaging=config.training.weight_averaging,
    )
    self._inputs = loop.make_inputs(
      self._data.train,
      seed=0,
      objective=objective,
      learning_rate=config.training.learning_rate,
      num_steps=config.training.num_steps,
    )
    self._score = loop.score_fn(
      self._model,
      objective,
      self._data.evaluation_images('validation'),
      seed=0,
    )
    self._at_one_beta = (
      self._model
      if beta_range is None
      else conditional.Slide(self._model).to(1.0)
    )

  def step(self):
    """Takes some steps."""
    self._program.run(self._inputs, _STEPS_PER_CALL)

  def validate(self):
    """Scores the weights once."""
    self._score()

  def evaluate(self):
    """Evaluates one beta on every split."""
    images = np.concatenate(
      [
        self._data.evaluation_images(split)
        for split in ('train', 'validation', 'test')
      ]
    )
    tfp_rd.evaluate(
      self._at_one_beta,
      images,
      num_samples=self._config.evaluation.eval_samples,
    )


if __name__ == '__main__':
  main()
