# SPDX-License-Identifier: Apache-2.0
"""Times a report of many runs, the imports included, in a fresh process.

    python -m benchmarks.report

The last line is one JSON record; the bound on `total_s` is 3 seconds on two
cores.
"""

import hashlib
import io
import itertools
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

from tfp_rd import config as config_lib
from tfp_rd import point as point_lib
from tfp_rd.run import directory as run_lib
from tfp_rd.run import sealed

__all__ = ['fabricate_all', 'main']

_NUM_RUNS = 200
_BETAS = (0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 3.0)
_TIMED = """
import json, sys, time
start = time.perf_counter()
from tfp_rd.report import report
imported = time.perf_counter()
record = report.write_report(sys.argv[1], sys.argv[2])
done = time.perf_counter()
assert 'tensorflow' not in sys.modules
print(json.dumps({
  'runs': record.num_runs,
  'import_s': round(imported - start, 3),
  'report_s': round(done - imported, 3),
  'total_s': round(done - start, 3),
}))
"""


def main() -> None:
  """Fabricates runs, draws their report in a new process, prints the time."""
  with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    fabricate_all(folder / 'runs')
    command = [sys.executable, '-c', _TIMED, folder / 'runs', folder / 'report']
    subprocess.run(command, check=True)


def fabricate_all(root: pathlib.Path) -> None:
  """Writes finished runs without weights below a root."""
  cells = itertools.product((0, 1), _BETAS, '-+', '-+', '-+v')
  for seed, beta, *signs in itertools.islice(cells, _NUM_RUNS):
    _fabricate(root, ''.join(signs), beta=beta, seed=seed)


def _fabricate(root, architecture, *, beta, seed):
  """Writes a run with numbers such as trained models have."""
  config = config_lib.Config(
    model=config_lib.ModelConfig(architecture=architecture),
    objective=f'beta_elbo(beta={beta!r})',
    seed=seed,
  )
  rng = np.random.default_rng([seed, int(100 * beta), *architecture.encode()])
  rate = rng.gamma(4.0, 2.0 / beta / 4, size=297)
  distortion = 17.5 * np.exp(-rate / 15) + rng.normal(2.0, 4.0, size=297)
  point = point_lib.Point.from_examples(rate, distortion, num_samples=16)
  splits = dict.fromkeys(('train', 'validation', 'test'), point.to_dict())
  run = run_lib.create_run(root, config)
  examples = io.BytesIO()
  arrays = {'rate_nats': rate[None], 'distortion_nats': distortion[None]}
  np.savez_compressed(examples, beta=[beta], **arrays)
  (run.path / 'examples.npz').write_bytes(examples.getvalue())
  result = {
    'schema': 1,
    'config': config.to_dict(),
    'image_shape': [8, 8, 1],
    'seed': seed,
    'weights_sha256': hashlib.sha256(config.name.encode()).hexdigest(),
    'examples_sha256': hashlib.sha256(examples.getvalue()).hexdigest(),
    'points': [{'beta': beta, **splits}],
    **splits,
  }
  sealed.write_json(run.path / 'result.json', result)


if __name__ == '__main__':
  main()
