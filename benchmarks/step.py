# SPDX-License-Identifier: Apache-2.0
"""Times the training step against the machine, against PyTorch, and in `fit`.

    python -m benchmarks.step

Needs `pip install '.[bench]'` and some three minutes on two idle cores.  The
last line is one JSON record; README.md defines its ratios.
"""

import functools
import json
import statistics
import tempfile
import time

import benchmarks.quiet  # noqa: F401, before TensorFlow itself

# isort: split
import numpy as np
import tensorflow as tf

import tfp_rd
from benchmarks import compiled, flops, fresh, timing
from tfp_rd import config as config_lib
from tfp_rd import dataset as dataset_lib
from tfp_rd.network import convolutional

__all__ = ['eager_speedup', 'fit_overhead', 'flop_share', 'main', 'vamp_ratio']

_STEPS_PER_CALL = 50
_DEFAULTS = config_lib.TrainingConfig()
_ONE_THREAD = dict.fromkeys(  # As each process of a grid has it.
  ('OMP_NUM_THREADS', 'TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS'), '1'
)


def main() -> None:
  """Takes all measurements, each in a process of its own, and prints them."""
  measure = functools.partial(fresh.measure, 'benchmarks.step')
  record = {
    **fresh.machine(),
    'paper': measure('flop_share'),
    'digits': measure('eager_speedup'),
    'digits_one_thread': measure('eager_speedup', environment=_ONE_THREAD),
    'fit': measure('fit_overhead'),
    'vamp': measure('vamp_ratio'),
  }
  print(json.dumps(record))


def flop_share(
  *, size='paper', batch_size=100, matrix_size=4096, num_pairs=9
) -> dict[str, float]:
  """Compares the step's rate of arithmetic with that of a matrix product.

  Args:
    size: Size of the model, on 28x28 images.
    batch_size: Images a step.
    matrix_size: Side of the square float32 matrices.
    num_pairs: How often both are timed.

  Returns:
    `flop_share`, the median of rate of the step / rate of the product, and
    the numbers behind it.
  """
  images = np.random.default_rng(0).integers(0, 2, [1000, 28, 28, 1])
  images = images.astype(np.float32)
  step, graph = compiled.steps(
    images, size=size, batch_size=batch_size, steps_per_call=1
  )
  a, b = (tf.random.stateless_normal([matrix_size] * 2, [0, n]) for n in (0, 1))
  product = tf.function(lambda: tf.linalg.matmul(a, b), autograph=False)
  step_flops = flops.count(graph)
  product_flops = flops.count(product.get_concrete_function().graph)
  step_s, product_s = timing.in_turn(step, product, num_pairs=num_pairs)
  share = timing.median_ratio(product_s, step_s) * step_flops / product_flops
  return {
    'flop_share': round(share, 3),
    'step_gflop': round(step_flops / 1e9, 3),
    'step_s': round(statistics.median(step_s), 4),
    'product_gflop_per_s': round(
      product_flops / statistics.median(product_s) / 1e9, 1
    ),
  }


def eager_speedup(*, num_steps=_STEPS_PER_CALL, num_pairs=15):
  """Compares steps a second on digits with an eager PyTorch loop.

  Args:
    num_steps: Steps of one timed call.
    num_pairs: How often both are timed.

  Returns:
    `eager_speedup`, the median of our steps a second / PyTorch's, and what it
    is made of; `None` without PyTorch.
  """
  try:
    import torch

    from benchmarks import eager
  except ModuleNotFoundError:
    return {'eager_speedup': None}
  digits = dataset_lib.load(config_lib.DataConfig('digits'))
  ours, _ = compiled.steps(
    digits.train,
    dropout=digits.dropout,
    batch_size=_DEFAULTS.batch_size,
    steps_per_call=num_steps,
  )
  theirs = eager.Training(
    eager.Model(
      digits.image_shape,
      latent_size=8,
      widths=convolutional.WIDTHS['small'],
      dropout=digits.dropout,
    ),
    digits.train,
    batch_size=_DEFAULTS.batch_size,
  )
  ours_s, theirs_s = timing.in_turn(
    ours, lambda: theirs.run(num_steps), num_pairs=num_pairs
  )
  return {
    'eager_speedup': round(timing.median_ratio(theirs_s, ours_s), 3),
    'ours_step_ms': round(1e3 * statistics.median(ours_s) / num_steps, 3),
    'eager_step_ms': round(1e3 * statistics.median(theirs_s) / num_steps, 3),
    'torch': torch.__version__,
  }


def fit_overhead(
  *, steps_per_call=_STEPS_PER_CALL, calls_a_block=10, num_blocks=6
) -> dict[str, float]:
  """Compares a step inside `fit` on digits with the bare compiled step.

  `fit` writes metrics, and a checkpoint a minute, averages weights, and
  validates at every second call.  After each call the bare step takes as many
  steps, in turn.

  Args:
    steps_per_call: Steps of one call.
    calls_a_block: Calls that are summed.
    num_blocks: How many sums are compared, after one that is not.

  Returns:
    `fit_overhead`, the median of time in `fit` / time of the bare step.
  """
  digits = dataset_lib.load(config_lib.DataConfig('digits'))
  bare, _ = compiled.steps(
    digits.train,
    dropout=digits.dropout,
    batch_size=_DEFAULTS.batch_size,
    steps_per_call=steps_per_call,
    weight_averaging=_DEFAULTS.weight_averaging,
  )
  block = steps_per_call * calls_a_block
  execution = config_lib.Execution(steps_per_call=steps_per_call)
  inside, outside, left = [], [], [time.perf_counter()]

  def on_progress(step, num_steps, metrics):
    inside.append(time.perf_counter() - left[0])
    outside.append(timing.seconds(bare))
    left[0] = time.perf_counter()

  with tempfile.TemporaryDirectory() as folder:
    tfp_rd.fit(
      compiled.build(digits.train, dropout=digits.dropout),
      digits.train,
      training=config_lib.TrainingConfig(
        num_steps=(1 + num_blocks) * block, validate_every=2 * steps_per_call
      ),
      execution=execution,
      validation=digits.validation,
      run_dir=folder,
      on_progress=on_progress,
    )
  inside, outside = (
    np.reshape(s, [1 + num_blocks, calls_a_block]).sum(1)[1:]
    for s in (inside, outside)
  )
  return {
    'fit_overhead': round(timing.median_ratio(inside, outside), 3),
    'fit_step_ms': round(1e3 * float(np.median(inside)) / block, 3),
    'bare_step_ms': round(1e3 * float(np.median(outside)) / block, 3),
  }


def vamp_ratio(
  *, num_steps=_STEPS_PER_CALL, num_pairs=7, **sizes
) -> dict[str, float]:
  """Compares steps on digits, `+-v` / `+-+`; `sizes` are those of `build`."""
  digits = dataset_lib.load(config_lib.DataConfig('digits'))
  vamp, flow = (
    compiled.steps(
      digits.train,
      architecture=signs,
      batch_size=_DEFAULTS.batch_size,
      steps_per_call=num_steps,
      **sizes,
    )[0]
    for signs in ('+-v', '+-+')
  )
  times = timing.in_turn(vamp, flow, num_pairs=num_pairs)
  return {
    'vamp_ratio': round(timing.median_ratio(*times), 2),
    'step_ms': [
      round(1e3 * statistics.median(s) / num_steps, 2) for s in times
    ],
  }


if __name__ == '__main__':
  main()
