# SPDX-License-Identifier: Apache-2.0
"""Compares the least D at a rate, mixed of two betas, with the model between.

    python -m benchmarks.at_rate --run_root=runs

`tfp_rd.best_at_rate` mixes two neighbours of a curve, and `at_rate` of the
model finds the one beta that has the rate.  Both are chosen on validation and
measured on test, with the same draws.  For each curve of one run with weights
and each rate it prints both D, their paired difference and its standard error;
they are alike up to 0.1 nats or two standard errors.  The last line is one JSON
record.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from typing import Any

import benchmarks.quiet  # noqa: F401, before TensorFlow itself

# isort: split
import tfp_rd
from tfp_rd import dataset as dataset_lib
from tfp_rd.curve import collection
from tfp_rd.estimate import Estimate
from tfp_rd.model import evaluation
from tfp_rd.network import initial
from tfp_rd.run import directory, result_file

__all__ = ['compare', 'main']

_RATES_NATS = (2.0, 4.0, 6.0, 8.0, 10.0)
_MOST_NATS, _MOST_STDERRS = 0.1, 2.0
_TOLERANCE_NATS = 0.01


def main() -> None:
  """Compares every curve below a folder, and prints a line for each rate."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--run_root', default='runs')
  rows = []
  for run in directory.runs_below(parser.parse_args().run_root):
    if run.is_done and run.has_weights and run.config.objective.is_curve:
      for row in compare(run, _RATES_NATS):
        print(json.dumps(row), flush=True)
        rows.append(row)
  alike = sum(row['is_alike'] for row in rows)
  record = {'cases': len(rows), 'alike': alike}
  print(json.dumps({**record, 'share': round(alike / max(len(rows), 1), 3)}))


def compare(
  run: directory.Run, rates_nats: Sequence[float]
) -> Iterator[dict[str, Any]]:
  """Yields both D of a curve at each rate that it reaches, in nats.

  Args:
    run: A finished curve of one run with its weights.
    rates_nats: The rates, on validation.
  """
  (curve,) = collection.load_curves(run.path)
  data = dataset_lib.load(run.config.data)
  conditional = tfp_rd.restore(run)
  for rate in rates_nats:
    try:
      mixed = tfp_rd.best_at_rate([curve], rate).best
      beta = conditional.at_rate(
        rate,
        tolerance_nats=_TOLERANCE_NATS,
        **_images(run, data, 'validation'),
      )[1]
    except tfp_rd.UserError:  # The curve does not reach this rate.
      continue
    whole = evaluation.evaluate_whole(
      conditional.at(beta), **_images(run, data, 'test')
    )
    gap = Estimate.of_mean(mixed.images()[1] - whole.distortion_nats)
    limit = max(_MOST_NATS, _MOST_STDERRS * gap.stderr_nats)
    yield {
      'family': run.config.model.architecture,
      'rate_nats': rate,
      'betas': mixed.label,
      'beta': round(beta, 5),
      'mixed_rate_nats': round(mixed.rate.nats, 4),
      'mixed_distortion_nats': round(mixed.distortion.nats, 4),
      'at_rate_rate_nats': round(whole.point.rate_nats, 4),
      'at_rate_distortion_nats': round(whole.point.distortion_nats, 4),
      'gap_nats': round(gap.nats, 4),
      'gap_stderr_nats': round(gap.stderr_nats, 4),
      'is_alike': bool(abs(gap.nats) <= limit),
    }


def _images(run, data, split):
  """Returns images, draws and seed of the points of a run."""
  settings = run.evaluation
  return {
    'images': data.evaluation_images(split, count=settings.count(split)),
    'num_samples': settings.eval_samples,
    'seed': initial.fold_in(
      run.config.seed, 3 + result_file.SPLITS.index(split)
    ),
  }


if __name__ == '__main__':
  main()
