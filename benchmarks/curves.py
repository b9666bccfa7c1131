# SPDX-License-Identifier: Apache-2.0
"""Compares the cost of twelve curves, each one run, with ten runs for each.

    python -m benchmarks.curves

Times steps, validations and evaluations of both on digits, in turn, one thread
each as the processes of a grid have it, and extrapolates to the plane.  Takes
some ten minutes.  The last line is one JSON record.
"""

import dataclasses
import json
import statistics
from collections.abc import Mapping

import benchmarks.quiet  # noqa: F401, before TensorFlow itself

# isort: split
import numpy as np

import tfp_rd
from benchmarks import fresh, timing
from tfp_rd import architecture
from tfp_rd import config as config_lib
from tfp_rd import dataset as dataset_lib
from tfp_rd.run import preset
from tfp_rd.training import inputs as inputs_lib
from tfp_rd.training import loop, program

__all__ = ['cost', 'main', 'run_seconds']

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
    for signs in architecture.PAPER
  }
  names = ('curve_s', 'separate_s', 'traced_curve_s', 'traced_separate_s')
  sums = {n: sum(family[n] for family in families.values()) for n in names}
  record = {
    **fresh.machine(),
    'cost_ratio': round(sums['curve_s'] / sums['separate_s'], 3),
    'traced_cost_ratio': round(
      sums['traced_curve_s'] / sums['traced_separate_s'], 3
    ),
    **{name: round(value) for name, value in sums.items()},
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
    and evaluations; the same with tracing, of which ten runs share one; and
    the step times behind them.
  """
  curve, one_beta = (
    dataclasses.replace(preset.PRESETS[name], architectures=(signs,)).cells()[0]
    for name in ('plane', 'separate')
  )
  one_beta = dataclasses.replace(one_beta, evaluation=curve.evaluation)
  objective = curve.objective
  num_betas = len(objective.betas())
  sides = (_Side(curve, objective), _Side(one_beta, tfp_rd.BetaElbo()))
  times, traces_s = ({}, {}), [0.0, 0.0]
  for part in ('step', 'validate', 'evaluate'):
    calls = [getattr(side, part) for side in sides]
    first_s = list(map(timing.seconds, calls))
    for n, seconds in enumerate(timing.in_turn(*calls, num_pairs=num_pairs)):
      times[n][part] = statistics.median(seconds)
      traces_s[n] += first_s[n] - times[n][part]
  # A curve is evaluated at every beta; a beta of its own is trained each time.
  curve_s = run_seconds(curve, times[0], num_evaluations=num_betas)
  separate_s = num_betas * run_seconds(one_beta, times[1], num_evaluations=1)
  return {
    'cost_ratio': round(curve_s / separate_s, 3),
    'curve_s': round(curve_s, 1),
    'separate_s': round(separate_s, 1),
    'traced_curve_s': round(curve_s + traces_s[0], 1),
    'traced_separate_s': round(separate_s + traces_s[1], 1),
    'curve_step_ms': round(1e3 * times[0]['step'] / _STEPS_PER_CALL, 1),
    'separate_step_ms': round(1e3 * times[1]['step'] / _STEPS_PER_CALL, 1),
    'curve_num_steps': curve.training.num_steps,
    'separate_num_steps': one_beta.training.num_steps,
    'num_betas': num_betas,
  }


def run_seconds(
  config: config_lib.Config, times: Mapping[str, float], *, num_evaluations: int
) -> float:
  """Extrapolates to a whole run.

  Args:
    config: The run's.
    times: Seconds of a call of `'step'`, which takes ten, of `'validate'`,
      which scores one set of weights, and of `'evaluate'`, all splits once.
    num_evaluations: How many betas are evaluated at its end.

  Returns:
    Seconds of all steps, validations and evaluations.
  """
  training = config.training
  num_scores = training.num_steps / training.validate_every
  if training.weight_averaging:  # The average is scored as well.
    num_scores *= 2
  return (
    training.num_steps / _STEPS_PER_CALL * times['step']
    + num_scores * times['validate']
    + num_evaluations * times['evaluate']
  )


class _Side:
  """Steps, validations and evaluations of one kind of run."""

  def __init__(self, config, objective):
    self._config = config
    self._objective = objective
    self._data = dataset_lib.load(config.data)
    beta_range = objective.beta_range
    self._model = tfp_rd.build(
      config.model.architecture,
      image_shape=self._data.image_shape,
      pseudo_inputs=self._data.train,
      dropout=(
        self._data.dropout
        if config.model.dropout is None
        else config.model.dropout
      ),
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
    self._inputs = inputs_lib.make_inputs(
      self._data.train,
      seed=0,
      objective=objective,
      learning_rate=config.training.learning_rate,
      num_steps=config.training.num_steps,
    )
    self._score = loop.score_fn(
      self._program.movable,
      objective,
      self._data.evaluation_images('validation'),
      seed=0,
    )
    self._at_one_beta = self._program.movable.to(1.0)

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
        self._data.evaluation_images(
          split, count=self._config.evaluation.eval_examples
        )
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
