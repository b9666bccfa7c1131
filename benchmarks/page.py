# SPDX-License-Identifier: Apache-2.0
"""Times the report and the page of many runs, and the page in Chromium.

    python -m benchmarks.page

The last line is one JSON record.  Bounds on two cores: `page_mib` 5,
`total_s` 6, `drawn_s` 2 and `pictures_ms` 100.
"""

import hashlib
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

import numpy as np

from benchmarks import report as report_benchmark
from tfp_rd.run import directory as run_lib
from tfp_rd.run import metrics, pictures

__all__ = ['main']

_NUM_CHOICES = 25
_TIMED = """
import json, sys, time
start = time.perf_counter()
from tfp_rd.page import page
from tfp_rd.report import report
record = report.write_report(sys.argv[1], sys.argv[2])
reported = time.perf_counter()
path, sentences = page.write_page(record.collected, sys.argv[2])
done = time.perf_counter()
assert not sentences and 'tensorflow' not in sys.modules
print(json.dumps({
  'runs': record.num_runs,
  'page_mib': round(path.stat().st_size / 2**20, 2),
  'report_s': round(reported - start, 2),
  'page_s': round(done - reported, 2),
  'total_s': round(done - start, 2),
}))
"""
# Chooses points one after the other; each takes until its pictures are decoded
# and the browser has drawn a frame.
_CHOOSE = """
async (num) => {
  const times = [];
  for (const point of data().points.slice(0, num)) {
    const start = performance.now();
    choose(point);
    const images = [...document.querySelectorAll('#pictures img')];
    await Promise.all(images.map((image) => image.decode()));
    await new Promise(requestAnimationFrame);
    times.push(performance.now() - start);
  }
  return times;
}
"""


def main() -> None:
  """Fabricates runs, writes their report, and opens the page."""
  with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    report_benchmark.fabricate_all(folder / 'runs')
    for run in run_lib.runs_below(folder / 'runs'):
      _add_pictures(run)
    command = [sys.executable, '-c', _TIMED, folder / 'runs', folder / 'report']
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    record = json.loads(done.stdout)
    record |= _in_browser(folder / 'report' / 'index.html')
  print(json.dumps(record))


def _add_pictures(run):
  """Writes pictures of 28x28 pixels and a training of 60 rows."""
  rng = np.random.default_rng(
    [*hashlib.sha256(run.path.name.encode()).digest()]
  )
  kept = pictures.Pictures(
    *(rng.random(shape) < 0.2 for shape in ([12, 28, 28], [2, 12, 28, 28])),
    rng.random([24, 28, 28]) < 0.2,
  )
  pictures.write(
    run,
    {run.config.beta: kept},
    seed=0,
    weights_sha256=run.result['weights_sha256'],
  )
  rows = [
    {
      'step': 50 * (n + 1),
      'rate_nats': rng.gamma(4.0),
      'distortion_nats': 100 / (n + 1),
    }
    for n in range(60)
  ]
  metrics.write_metrics(run.path, rows)


def _in_browser(path):
  """Returns how long the page takes to be drawn, and a choice to be shown."""
  from playwright import sync_api

  chromium = shutil.which('chromium')
  if chromium is None:
    return {'drawn_s': None, 'pictures_ms': None}
  with sync_api.sync_playwright() as playwright:
    browser = playwright.chromium.launch(
      executable_path=chromium,
      args=['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
    )
    page = browser.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector('body[data-drawn]')
    drawn = float(page.get_attribute('body', 'data-drawn'))
    times = page.evaluate(_CHOOSE, _NUM_CHOICES)
    browser.close()
  return {
    'drawn_s': round(drawn / 1000, 2),
    'pictures_ms': round(statistics.median(times), 1),
    'slowest_pictures_ms': round(max(times), 1),
  }


if __name__ == '__main__':
  main()
