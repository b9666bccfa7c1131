# SPDX-License-Identifier: Apache-2.0
"""Measures the speedup by --precision=bfloat16, and its effect in nats.

    python -m benchmarks.bfloat16

Needs a CPU with AVX512-BF16 or AMX, or a GPU, and some ten minutes on two idle
cores.  The last line is one JSON record.
"""

import dataclasses
import json
import statistics

import benchmarks.quiet  # noqa: F401, before TensorFlow itself

# isort: split
import numpy as np

import tfp_rd
from benchmarks import fresh, timing
from tfp_rd import config as config_lib
from tfp_rd import dataset as dataset_lib
from tfp_rd.training import inputs as inputs_lib
from tfp_rd.training import loop, program

__all__ = ['elbos', 'main', 'speedup']

_PRECISIONS = ('float32', 'bfloat16')
_DEFAULTS = config_lib.TrainingConfig()


def main() -> None:
  """Takes both measurements in processes of their own, and prints them."""
  record = {
    **fresh.machine(),
    'paper': fresh.measure('benchmarks.bfloat16', 'speedup'),
    'digits': fresh.measure('benchmarks.bfloat16', 'elbos'),
  }
  print(json.dumps(record))


def speedup(*, size='paper', batch_size=100, num_pairs=7) -> dict[str, float]:
  """Compares steps of `---` on 28x28 images.

  Args:
    size: Of the model.
    batch_size: Images a step.
    num_pairs: How often both are timed.

  Returns:
    `bfloat16_speedup`, the median of steps a second / those in float32.
  """
  loop.check_precision('bfloat16')
  images = np.random.default_rng(0).integers(0, 2, [1000, 28, 28, 1])
  objective = tfp_rd.BetaElbo()
  calls = []
  for precision in _PRECISIONS:
    model = tfp_rd.build('---', image_shape=(28, 28, 1), size=size)
    steps = program.Program(
      model,
      objective,
      batch_size=batch_size,
      steps_per_call=1,
      precision=precision,
    )
    inputs = inputs_lib.make_inputs(
      images,
      seed=0,
      objective=objective,
      learning_rate=_DEFAULTS.learning_rate,
      num_steps=1000,
    )
    calls.append(lambda steps=steps, inputs=inputs: steps.run(inputs, 1))
  plain_s, low_s = timing.in_turn(*calls, num_pairs=num_pairs)
  return {
    'bfloat16_speedup': round(timing.median_ratio(plain_s, low_s), 3),
    'float32_step_s': round(statistics.median(plain_s), 3),
    'bfloat16_step_s': round(statistics.median(low_s), 3),
  }


def elbos(*, num_steps=_DEFAULTS.num_steps, num_seeds=3) -> dict[str, object]:
  """Compares -ELBO of `---` on the test digits, evaluated in float32.

  Args:
    num_steps: Steps of each training.
    num_seeds: Trainings in each precision.

  Returns:
    -ELBO of each seed in each precision, the difference of the means, and the
    range over the float32 seeds.
  """
  digits = dataset_lib.load(config_lib.DataConfig('digits'))
  elbos = {}
  for precision in _PRECISIONS:
    elbos[precision] = []
    for seed in range(num_seeds):
      model = tfp_rd.build(
        '---',
        image_shape=digits.image_shape,
        dropout=digits.dropout,
        seed=(0, seed),
      )
      tfp_rd.fit(
        model,
        digits.train,
        training=dataclasses.replace(
          _DEFAULTS, num_steps=num_steps, precision=precision
        ),
        seed=(1, seed),
        validation=digits.validation,
      )
      point = tfp_rd.evaluate(model, digits.test)
      elbos[precision].append(round(-point.elbo_nats, 3))
  means = {name: float(np.mean(values)) for name, values in elbos.items()}
  return {
    **elbos,
    'difference_nats': round(means['bfloat16'] - means['float32'], 3),
    'float32_range_nats': round(float(np.ptp(elbos['float32'])), 3),
  }


if __name__ == '__main__':
  main()
