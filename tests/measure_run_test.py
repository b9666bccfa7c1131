# SPDX-License-Identifier: Apache-2.0
"""Measures of finished runs: their files, the command, and the report."""

import csv
import dataclasses
import fcntl
import json
import multiprocessing
import pathlib
import shutil
from typing import ClassVar

import pytest

from tfp_rd import config, errors, field, measure
from tfp_rd.cli import command, evaluate
from tfp_rd.cli import report as report_command
from tfp_rd.estimate import Value
from tfp_rd.measure import finished_run
from tfp_rd.run import directory, measures, sealed
from tfp_rd.training import ancestry, experiment

CURVE = config.Config(
  data=config.DataConfig('templates(num_templates=3, side=2)'),
  model=config.ModelConfig(latent_size=2),
  objective='multi_rate(beta_min=0.05, num_groups=2)',
  training=config.TrainingConfig(
    num_steps=2, batch_size=8, validate_every=2, validation_examples=10
  ),
  evaluation=config.EvaluationConfig(
    eval_samples=2, eval_examples=10, eval_betas=(0.1, 0.8, 2.0)
  ),
)
SINGLE = dataclasses.replace(
  CURVE,
  objective='beta_elbo(beta=0.5)',
  evaluation=dataclasses.replace(CURVE.evaluation, eval_betas=()),
)
TARGET = dataclasses.replace(SINGLE, objective='target_rate')
SHARES = '--measures=shares(num_draws=20, num_images=3)'


@pytest.fixture(scope='module', name='root')
def trained(tmp_path_factory):
  folder = tmp_path_factory.mktemp('runs')
  for cell in (CURVE, SINGLE, TARGET):
    run = directory.create_run(folder, cell)
    experiment.execute(run, config.Execution())
  return folder


@pytest.fixture(name='runs')
def copied(root, tmp_path):
  """The three runs, of curve, one beta and none, free to be changed."""
  shutil.copytree(root, tmp_path / 'runs')
  return [
    directory.load_run(tmp_path / 'runs' / cell.name)
    for cell in (CURVE, SINGLE, TARGET)
  ]


@dataclasses.dataclass(frozen=True, repr=False)
class Draw(measure.Measure):
  """Returns a number that depends on the model, its beta and the seed."""

  name: ClassVar[str] = 'draw'
  calls: ClassVar[list] = []
  stops_at: ClassVar[float] = 0.0

  scale: float = 1.0

  def __post_init__(self):
    field.check_positive(self, 'scale')

  def values(self, model, data, *, beta, seed):
    import tfp_rd

    if beta == self.stops_at:
      raise KeyboardInterrupt
    self.calls.append(beta)
    draws = tfp_rd.draw(model, data.test[:4], num_samples=2, seed=seed)
    return measure.Measured(
      (
        Value('drawn', self.scale * float(draws.rate.numpy().mean()), None),
        Value('capped', 0.5, 0.1, 'lower_bound', cap_nats=1.25),
        Value.undefined('missing', 'it is never there'),
        Value('size', value=2.0, stderr=None, unit='dimensions'),
      ),
      {'is_sound': True},
    )


@pytest.fixture(autouse=True)
def known(monkeypatch):
  monkeypatch.setitem(measure._CLASSES, 'draw', (__name__, 'Draw'))
  monkeypatch.setattr(Draw, 'calls', [])


def content(run, name='draw'):
  return sealed.read_json(run.path / 'measures' / f'{name}.json')


def without_time(run, name='draw'):
  return {k: v for k, v in content(run, name).items() if k != 'wall_time_s'}


def test_a_file_says_what_was_measured_on_what(runs):
  curve, single, target = runs
  file = finished_run.measure_run(single, Draw())
  found = content(single)
  assert list(found) == [
    *('schema', 'measure', 'weights_sha256', 'images_sha256', 'versions'),
    *('wall_time_s', 'points'),
  ]
  assert (found['schema'], found['measure']) == (1, 'draw()')
  assert found['weights_sha256'] == single.result['weights_sha256']
  assert found['images_sha256'] == single.result['images_sha256']
  assert found['versions'] == single.result['versions']
  (point,) = found['points']
  assert point['beta'] == 0.5
  assert point['checks'] == {'is_sound': True}
  names = [value['name'] for value in point['values']]
  assert names == ['drawn', 'capped', 'missing', 'size']
  assert set(point['values'][1]) == {
    *('name', 'value_nats', 'stderr_nats', 'status', 'of', 'cap_nats'),
    *('split', 'num_examples', 'num_samples', 'reason'),
  }
  assert set(point['values'][3]) == {
    *('name', 'value', 'stderr', 'unit', 'status', 'of', 'cap_nats'),
    *('split', 'num_examples', 'num_samples', 'reason'),
  }
  assert (
    measures.MeasureFile.read(single.path / 'measures' / 'draw.json') == file
  )
  assert measures.read_all(single) == ([file], [])
  # A run without a beta has a point without one, a curve that nearest to 1.
  assert finished_run.measure_run(target, Draw()).betas == (None,)
  assert finished_run.measure_run(curve, Draw()).betas == (0.8,)


def test_other_fields_are_another_file(runs):
  _, run, _ = runs
  for record in (Draw(), Draw(scale=2.0), Draw(scale=3.0)):
    finished_run.measure_run(run, record)
  names = [p.stem for p in (run.path / 'measures').glob('*.json')]
  assert len(names) == 3
  assert 'draw' in names
  assert measures.file_name('draw(scale=2.0)') in names
  assert all(len(n) == len('draw_12345678') for n in names if n != 'draw')


def test_what_is_there_is_not_measured_again(runs, monkeypatch):
  curve, *_ = runs
  for betas in ((0.8,), (0.1, 0.8), (0.1,), ()):
    finished_run.measure_run(curve, Draw(), betas=betas)
  assert Draw.calls == [0.8, 0.1]
  # Nor are the weights restored where the result says which they are.
  monkeypatch.setattr(ancestry, 'restore', None)
  monkeypatch.setattr(ancestry, 'restore_models', None)
  file = finished_run.measure_run(curve, Draw(), betas=(0.1, 0.8))
  assert file.betas == (0.1, 0.8)


def test_neither_order_nor_interruption_matters(runs):
  curve, *_ = runs
  finished_run.measure_run(curve, Draw(), betas=(0.2, 1.0, 5.0))
  at_once = without_time(curve)
  shutil.rmtree(curve.path / 'measures')
  for betas in ((5.0, 0.2), (1.0,)):
    finished_run.measure_run(curve, Draw(), betas=betas)
  assert without_time(curve) == at_once
  drawn = [p['values'][0]['value_nats'] for p in at_once['points']]
  assert len(set(drawn)) == 3


def test_a_measure_that_is_stopped_goes_on_where_it_was(runs, monkeypatch):
  curve, *_ = runs
  finished_run.measure_run(curve, Draw(), betas=(0.2, 1.0, 5.0))
  expected = without_time(curve)
  shutil.rmtree(curve.path / 'measures')

  with monkeypatch.context() as patch:
    patch.setattr(Draw, 'stops_at', 1.0)
    with pytest.raises(KeyboardInterrupt):
      finished_run.measure_run(curve, Draw(), betas=(0.2, 1.0, 5.0))
  assert [p['beta'] for p in content(curve)['points']] == [0.2]
  Draw.calls.clear()
  finished_run.measure_run(curve, Draw(), betas=(0.2, 1.0, 5.0))
  assert Draw.calls == [1.0, 5.0]
  assert without_time(curve) == expected


def damage(path, how):
  fields = json.loads(path.read_text())
  if how == 'weights':
    sealed.write_json(path, {**fields, 'weights_sha256': 'a' * 64})
  elif how == 'images':
    sealed.write_json(path, {**fields, 'images_sha256': 'a' * 64})
  elif how == 'schema':
    sealed.write_json(path, {**fields, 'schema': 2})
  elif how == 'text':
    sealed.write_json(path, {**fields, 'measure': 'draw(scale=3.0)'})
  elif how == 'beta':
    fields['points'][0]['beta'] = -1.0
    sealed.write_json(path, fields)
  elif how == 'value':
    fields['points'][0]['values'][0]['status'] = 'sure'
    sealed.write_json(path, fields)
  elif how == 'bit':
    text = path.read_text()
    place = text.index('value_nats') + 14
    path.write_text(text[:place] + '9' + text[place + 1 :])
  elif how == 'cut':
    path.write_text(path.read_text()[:-20])
  else:
    path.write_bytes(b'')


@pytest.mark.parametrize(
  'how',
  [
    *('weights', 'images', 'schema', 'text', 'beta', 'value', 'bit', 'cut'),
    'empty',
  ],
)
def test_a_file_that_is_not_this_is_set_aside(runs, how):
  _, run, _ = runs
  finished_run.measure_run(run, Draw())
  path = run.path / 'measures' / 'draw.json'
  expected = without_time(run)
  damage(path, how)
  files, sentences = measures.read_all(run)
  assert files == []
  assert len(sentences) == 1
  assert str(path) in sentences[0]
  said = []
  finished_run.measure_run(run, Draw(), on_warning=said.append)
  assert len(said) == 1
  assert 'draw.json.corrupt' in said[0]
  assert path.with_name('draw.json.corrupt').exists()
  assert without_time(run) == expected
  assert measures.read_all(run)[1] == []


def test_weights_that_are_not_the_results_are_refused(runs):
  curve, single, target = runs
  kept = single.path / 'checkpoint'
  shutil.rmtree(kept)
  with pytest.raises(errors.UserError, match='without weights'):
    finished_run.measure_run(single, Draw())
  shutil.copytree(target.path / 'checkpoint', kept)
  with pytest.raises(errors.UserError, match='other weights'):
    finished_run.measure_run(single, Draw())


def hold(path, ready, done):
  with pathlib.Path(path).open('w') as f:
    fcntl.flock(f, fcntl.LOCK_EX)
    ready.set()
    done.wait(60)


def test_what_another_process_measures_is_passed_over(runs, capsys):
  _, single, _ = runs
  context = multiprocessing.get_context('fork')
  ready, done = context.Event(), context.Event()
  folder = single.path / 'measures'
  folder.mkdir()
  process = context.Process(
    target=hold, args=(folder / 'draw.lock', ready, done)
  )
  process.start()
  try:
    assert ready.wait(60)
    root = str(single.path.parent)
    assert evaluate.main([root, '--measures=draw']) == 0
    out, err = capsys.readouterr()
    assert 'being measured by another process' in err
    assert single.path.name not in out
    assert out.count('drawn') == 2
    # Another measure of the run is not held.
    assert evaluate.main([root, '--measures=draw(scale=2.0)']) == 0
    assert capsys.readouterr().out.count('drawn') == 3
  finally:
    done.set()
    process.join()
  assert evaluate.main([root, '--measures=draw']) == 0
  assert capsys.readouterr().out.count('drawn') == 3


@pytest.mark.slow
def test_the_command_prints_what_it_keeps(runs, capsys):
  root = str(runs[0].path.parent)
  assert evaluate.main([root, '--measures=draw,shares(num_draws=20)']) == 0
  lines = capsys.readouterr().out.splitlines()
  assert lines[0].split() == [
    *('run', 'beta', 'measure', 'name', 'value', 'unit', 'status', 'cap'),
    'reason',
  ]
  assert len(lines) == 1 + 3 * (4 + 7)
  for run in runs:
    for point in content(run)['points']:
      for value in point['values'][:1]:
        assert any(
          f'{value["value_nats"]:.3f}' in line and run.path.name in line
          for line in lines
        )
  capped = next(line for line in lines if 'capped' in line)
  assert '0.500 ± 0.100  nats' in capped
  assert 'lower_bound  1.250' in capped
  missing = next(line for line in lines if 'missing' in line)
  assert missing.endswith('it is never there')
  size = next(line for line in lines if '  size  ' in line)
  assert '2.000' in size
  assert 'dimensions' in size


def test_several_roots_are_measured_each_run_once(runs, capsys):
  curve, single, _ = runs
  argv = [str(single.path), str(curve.path), str(single.path)]
  assert evaluate.main([*argv, '--measures=draw']) == 0
  assert capsys.readouterr().out.count('drawn') == 2
  assert Draw.calls == [0.5, 0.8]
  assert evaluate.main([*argv, '--split=test']) == 0
  assert len(capsys.readouterr().out.splitlines()) == 1 + 1 + 3


def test_a_run_that_lacks_a_beta_is_named_and_the_others_done(runs, capsys):
  curve, single, target = runs
  root = str(curve.path.parent)
  assert evaluate.main([root, '--measures=draw', '--betas=0.5,20']) == 1
  out, err = capsys.readouterr()
  assert out.count('drawn') == 2
  assert f'{curve.path.name} has no beta 20: its curve goes from 0.05' in err
  assert f'{target.path.name} has no beta 0.5, 20: it has none.' in err
  assert single.path.name not in err
  assert sorted(Draw.calls) == [0.5, 0.5]
  assert len(err.splitlines()) == 1


def test_betas_are_looked_at_before_tensorflow_starts(runs, monkeypatch):
  monkeypatch.setattr(command, 'tensorflow', lambda: pytest.fail('it started'))
  argv = [str(runs[0].path), '--measures=shares', '--betas=77']
  assert evaluate.main(argv) == 1


def test_a_run_without_weights_is_named_and_the_others_done(runs, capsys):
  curve, single, _ = runs
  shutil.rmtree(single.path / 'checkpoint')
  root = str(curve.path.parent)
  assert evaluate.main([root, '--measures=draw']) == 1
  out, err = capsys.readouterr()
  assert out.count('drawn') == 2
  assert 'is kept without weights' in err
  assert single.path.name in err


@pytest.mark.parametrize(
  ('argv', 'words'),
  [
    (['--measures=sares'], "did you mean 'shares'"),
    (['--measures='], 'cannot be read'),
    (['--measures=shares(num_draws=1)'], 'num_draws of shares is 1'),
    (['--measures=shares', '--num_samples=3'], 'has no effect'),
    (['--measures=shares', '--seed=3'], 'shares(seed=1)'),
    (['--measures=shares', '--betas=0'], 'beta is 0'),
  ],
)
def test_a_mistake_is_one_sentence(root, argv, words, capsys):
  assert evaluate.main([str(root), *argv]) == 1
  out, err = capsys.readouterr()
  assert out == ''
  assert words in err
  assert len(err.splitlines()) == 1


def test_without_measures_nothing_is_written(runs, capsys):
  assert evaluate.main([str(runs[1].path), '--split=test']) == 0
  assert not (runs[1].path / 'measures').exists()


def test_help_names_the_measures(capsys):
  assert evaluate.main(['--help']) == 0
  out = capsys.readouterr().out
  assert 'shares  Splits D + R - H into the losses of' in out


def report(root, folder):
  flags = [f'--run_root={root}', f'--report_dir={folder}']
  return report_command.main(flags)


def test_the_report_has_whatever_was_measured(runs, tmp_path, capsys):
  root = runs[0].path.parent
  folder = tmp_path / 'report'
  assert report(root, folder) == 0
  assert not (folder / 'measures.md').exists()
  assert evaluate.main([str(root), '--measures=draw']) == 0
  assert evaluate.main([str(root), SHARES]) == 0
  capsys.readouterr()
  assert report(root, folder) == 0
  assert str(folder / 'measures.md') in capsys.readouterr().out
  page = (folder / 'measures.md').read_text()
  assert '## `draw()`' in page
  assert '## `shares(num_draws=20, num_images=3)`' in page
  assert '| family | beta | drawn (nats) | capped (nats) |' in page
  assert '0.500 ± 0.100 (lower bound, at most 1.250)' in page
  assert '2.000 (estimate) |' in page
  assert '- missing (undefined): it is never there; everywhere.' in page
  assert 'without a beta; `---`.' in page
  with (folder / 'measures.csv').open() as f:
    rows = [*csv.DictReader(f)]
  assert len(rows) == 3 * (4 + 7)
  for run in runs:
    (point,) = content(run)['points']
    here = [
      row
      for row in rows
      if row['run'] == run.path.name and row['measure'] == 'draw()'
    ]
    assert len(here) == 4
    for row, value in zip(here, point['values'], strict=True):
      assert row['name'] == value['name']
      assert row['status'] == value['status']
      assert row['reason'] == value['reason']
      if value['name'] == 'drawn':
        assert float(row['value']) == value['value_nats']
    assert {row['beta'] for row in here} == {
      '' if point['beta'] is None else str(point['beta'])
    }


def test_a_damaged_file_costs_its_row(runs, tmp_path, capsys):
  root = runs[0].path.parent
  assert evaluate.main([str(root), '--measures=draw']) == 0
  damage(runs[1].path / 'measures' / 'draw.json', 'bit')
  capsys.readouterr()
  assert report(root, tmp_path / 'report') == 1
  err = capsys.readouterr().err
  assert str(runs[1].path / 'measures' / 'draw.json') in err
  assert len(err.splitlines()) == 1
  page = (tmp_path / 'report' / 'measures.md').read_text()
  assert page.count('| `---` |') == 2
  assert '| 0.5 |' not in page
  assert '| 0.8 |' in page


def test_runs_of_one_family_go_by_their_names(runs, tmp_path):
  root = runs[0].path.parent
  seed = dataclasses.replace(SINGLE, seed=1)
  run = directory.create_run(root, seed)
  experiment.execute(run, config.Execution())
  assert evaluate.main([str(root), '--measures=draw']) == 0
  assert report(root, tmp_path / 'report') == 0
  page = (tmp_path / 'report' / 'measures.md').read_text()
  assert f'`{run.path.name}`' in page
  assert f'`{runs[1].path.name}`' in page
