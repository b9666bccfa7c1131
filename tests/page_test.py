# SPDX-License-Identifier: Apache-2.0
"""What the page of a report holds, and when it is written."""

import base64
import dataclasses
import io
import json
import pathlib
import re
import shutil
import subprocess
import sys
import time

import claims_world as world
import numpy as np
import pytest
from command_line import SMALL
from PIL import Image

from tfp_rd import errors
from tfp_rd.cli import live_page
from tfp_rd.curve import collection
from tfp_rd.page import content as content_lib
from tfp_rd.page import page
from tfp_rd.report import cell
from tfp_rd.run import directory, metrics, pictures


@pytest.fixture(scope='module')
def root(tmp_path_factory):
  return world.write(tmp_path_factory.mktemp('page'), world.everything())


@pytest.fixture(scope='module')
def found(root):
  whole, sentences = content_lib.content(collection.collect(root))
  assert not sentences
  return whole


def points_of(whole):
  return {p['id']: p for each in whole['sets'] for p in each['points']}


def read(path):
  """Returns the content of a page."""
  text = path.read_text(encoding='utf-8')
  block = re.search(
    r'<script type="application/json" id="content">(.*?)</script>', text, re.S
  )
  return json.loads(block[1])


def test_every_point_is_there_with_its_numbers(root, found):
  points = points_of(found)
  count = 0
  for run in directory.runs_below(root):
    for beta, point in run.points('test').items():
      label = f'{beta:g}' if beta is not None else None
      here = [
        p
        for p in points.values()
        if p['run'] == run.path.name and label in (None, p['label'])
      ]
      assert len(here) == 1
      count += 1
      nats = here[0]['nats']['test']
      assert nats['r'][0] == pytest.approx(point.rate_nats, abs=1e-4)
      assert nats['d'][0] == pytest.approx(point.distortion_nats, abs=1e-4)
      assert nats['e'][0] == pytest.approx(-point.elbo_nats, abs=1e-4)
      assert nats['r'][1] == pytest.approx(point.rate_stderr_nats, abs=1e-4)
  assert count == len(points) > 80


def test_a_point_has_the_pictures_of_its_own_beta(root, found):
  kept = {
    run.path.name: pictures.read(run) for run in directory.runs_below(root)
  }
  num_shown = 0
  for point in points_of(found).values():
    at_beta = kept[point['run']].get(point['beta'])
    assert (at_beta is None) == (point['pictures'] is None)
    if at_beta is None:
      continue
    num_shown += 1
    for shown, bits in zip(point['pictures'], at_beta[1:], strict=True):
      np.testing.assert_array_equal(decoded(shown), bits.reshape([-1, 28, 28]))
  assert num_shown == len(world.BETAS)


def decoded(url):
  """Returns the images of 28x28 in a picture of rows of twelve."""
  content = base64.b64decode(url.removeprefix('data:image/png;base64,'))
  sheet = np.array(Image.open(io.BytesIO(content)).convert('L'))
  step = 28 + round(0.15 * 28)
  rows, columns = (sheet.shape[0] + 4) // step, 12
  images = [
    sheet[i * step : i * step + 28, j * step : j * step + 28]
    for i in range(rows)
    for j in range(columns)
  ]
  return np.stack(images) < 100


def test_a_set_with_few_images_has_its_pictures(root, tmp_path):
  run = next(
    r for r in directory.runs_below(root) if (r.path / pictures.NAME).exists()
  )
  path = tmp_path / run.path.name
  shutil.copytree(run.path, path)
  copy = directory.Run(path, run.config)
  few = {
    beta: p._replace(images=p.images[:5], reconstructions=p[1][:, :5])
    for beta, p in pictures.read(run).items()
  }
  pictures.write(copy, few, seed=0, weights_sha256=run.result['weights_sha256'])
  whole, _ = content_lib.content(collection.collect(tmp_path))
  assert all(p['pictures'] for p in points_of(whole).values())


def test_the_first_table_is_that_of_table_md(root, found, call):
  status, _, _ = call('report', f'--run_root={root}', '--report_dir=out')
  assert status == 0
  for each in found['sets']:
    header, *rows = each['answers']
    folder = each['title'].split('(')[0]
    with open(f'out/{folder}/table.md', encoding='utf-8') as f:
      text = f.read()
    assert cell.table_md(header, rows, num_left=3) in text
  assert points_of(read_page('out')) == points_of(found)


def read_page(folder):
  return read(pathlib.Path(folder) / page.NAME)


def test_guides_go_through_the_points_of_their_split(found):
  (mnist,) = (s for s in found['sets'] if s['title'] == 'binarized_mnist')
  for split in ('test', 'validation', 'train'):
    places = {
      (round(p['nats'][split]['r'][0], 2), round(p['nats'][split]['d'][0], 2))
      for p in mnist['points']
    }
    hull = [
      (round(g['r'], 2), round(g['y'], 2))
      for g in mnist['guides'][split]
      if g['guide'] == 'hull d'
    ]
    assert len(hull) > 3
    assert {*hull} <= places
  names = {g['guide'].split()[0] for g in mnist['guides']['test']}
  assert names == {'frontier', 'hull', 'diagonal'}


def test_nothing_ends_the_block_of_numbers():
  text = page.page_html({'sets': [], 'evil': '</script><img src=x>'})
  assert '</script><img' not in text
  assert text.count('</script') == 3


def test_the_page_asks_for_nothing():
  text = page.page_html({'sets': []})
  policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
  rules = dict(rule.strip().split(' ', 1) for rule in policy.split(';'))
  assert rules == {
    'default-src': "'none'",
    'script-src': "'unsafe-inline'",
    'style-src': "'unsafe-inline'",
    'img-src': 'data:',
  }


def test_the_script_of_the_page_is_short():
  lines = page._read('page.js').splitlines()
  assert len(lines) <= 200
  assert max(map(len, lines)) <= 132


def test_damaged_pictures_cost_themselves_alone(call, root, tmp_path):
  copy = tmp_path / 'runs'
  shutil.copytree(root, copy)
  (file,) = copy.glob(f'*/{pictures.NAME}')
  file.write_bytes(file.read_bytes()[:-40])
  status, out, err = call('report', f'--run_root={copy}')
  assert status == 1
  assert len(err) == 1
  assert str(file) in err[0]
  assert any(line.endswith(page.NAME) for line in out)
  whole = read_page('report')
  (problem,) = (
    run['problem']
    for each in whole['sets']
    for run in each['runs'].values()
    if run['problem']
  )
  assert 'is corrupt' in problem
  assert len(points_of(whole)) > 80
  assert not any(p['pictures'] for p in points_of(whole).values())


def test_the_page_is_written_without_tensorflow(root, tmp_path):
  code = (
    'import sys; from tfp_rd.curve import collection; '
    'from tfp_rd.page import page; '
    f'page.write_page(collection.collect({str(root)!r}), {str(tmp_path)!r}); '
    'assert "tensorflow" not in sys.modules'
  )
  subprocess.run([sys.executable, '-c', code], check=True)
  assert 1e6 < (tmp_path / page.NAME).stat().st_size < 5e6


def test_measures_stand_beside_their_point(found):
  facts = [
    name
    for p in points_of(found).values()
    for name, _ in p['facts']
    if 'recognised' in name
  ]
  assert len(facts) == len(world.BETAS)


# While a grid runs.


def test_a_grid_leaves_a_page(call, trainer):
  status, out, err = call(*SMALL)
  assert status == 0, err
  assert any(line == f'report/{page.NAME}' for line in out)
  whole = read_page('report')
  assert len(points_of(whole)) == 4
  assert whole['at_work'] == ''


def test_the_page_is_written_whenever_a_run_ends(call, trainer, monkeypatch):
  seen = []

  def write(collected, run_root, report_dir):
    seen.append(collected.num_runs)
    return written(collected, run_root, report_dir)

  written = live_page.write
  monkeypatch.setattr(live_page, 'write', write)
  monkeypatch.setattr(live_page, '_PART', 0.0)
  status, _, err = call(*SMALL)
  assert status == 0, err
  assert seen == [1, 2, 3, 4, 4]  # And with the report.


def test_the_page_says_what_is_at_work(tmp_path):
  cell = world.config.Config()
  run = directory.create_run(tmp_path / 'runs', cell)
  with directory.lock(run):
    folder = tmp_path / 'out'
    folder.mkdir()
    collected = collection.collect(tmp_path / 'runs')
    live_page.write(collected, str(tmp_path / 'runs'), str(folder))
  whole = read(folder / page.NAME)
  assert whole['sets'] == []
  assert whole['at_work'].startswith(f'{run.path.name} since ')
  assert 'step 0 of 1500' in whole['at_work']
  assert whole['at_work_until_s'] > time.time() + 60


@pytest.mark.parametrize(
  'error',
  [OSError(28, 'No space'), errors.UserError('no Vega'), ImportError('no PIL')],
  ids=lambda error: type(error).__name__,
)
def test_a_page_that_cannot_be_written_stops_no_grid(
  monkeypatch, capsys, error
):
  def fail(*args, **kwargs):
    raise error

  monkeypatch.setattr(live_page, 'write', fail)
  looking = live_page.LivePage('.', 'out')
  looking.look(1)  # It is said, and the training goes on.
  assert 'the page is not written' in capsys.readouterr().err


def test_without_vega_a_report_says_what_to_install(call, root, monkeypatch):
  monkeypatch.setitem(sys.modules, 'vl_convert', None)
  page._vega.cache_clear()
  status, out, err = call('report', f'--run_root={root}')
  assert (status, out, len(err)) == (1, [], 1)
  assert 'pip install vl-convert-python' in err[0]
  page._vega.cache_clear()


def test_a_run_without_a_lock_is_at_work_too(tmp_path):
  run = directory.create_run(tmp_path, world.config.Config())
  metrics.write_metrics(run.path, [{'step': 5, 'rate_nats': 1.0}])
  (found,) = live_page._at_work(tmp_path)
  assert found['step'] == 5


def test_a_point_below_the_entropy_says_so_in_words(root, monkeypatch):
  collected = collection.collect(root)
  ((data, curves), *_) = collected.curves.items()
  point = dataclasses.replace(curves[0].points[0], is_infeasible=True)
  curve = dataclasses.replace(curves[0], points=(point,))
  collected = collected._replace(curves={data: (curve,)})
  ((found,),) = (
    each['points'] for each in content_lib.content(collected)[0]['sets']
  )
  assert 'below the entropy' in found['how']
  assert found['mark']['shape'] == 'cross'


def test_seeds_of_a_point_are_named(tmp_path):
  fakes = [f for f in world.everything() if f.name == '---']
  fakes.append(dataclasses.replace(fakes[0], seed=1, places={1.0: (26.0, 60)}))
  world.write(tmp_path, fakes)
  whole, _ = content_lib.content(collection.collect(tmp_path))
  ((point,),) = (each['points'] for each in whole['sets'])
  facts = dict(point['facts'])
  assert {'run of seed 0', 'run of seed 1'} <= {*facts}
  assert facts['pictures, training, measures'] == 'of seed 0 alone'
  assert facts['rate over seeds (std, nats)'] == '0.71'
