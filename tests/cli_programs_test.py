# SPDX-License-Identifier: Apache-2.0
"""Commands that read finished runs, and one real run."""

import numpy as np
import pytest
from command_line import DEFAULT, only_run, POINT

from tfp_rd.cli import (
  point_table,
)
from tfp_rd.report import image_sheet
from tfp_rd.run import directory


@pytest.mark.parametrize(
  ('argv', 'words'),
  [
    (['report', '--run_root=nowhere'], 'nowhere'),
    (['report', '--run_root=.'], 'no finished run'),
    (['report', '--report_dir='], '--report_dir is empty'),
    (['evaluate'], 'RUN_OR_ROOT'),
    (['evaluate', 'nowhere'], 'nowhere'),
    (['evaluate', '.'], 'no run'),
    (['evaluate', '.', '--num_samples=0'], 'num_samples is 0'),
    (['evaluate', '.', '--eval_examples=0'], 'eval_examples'),
    (
      ['evaluate', '.', '--measures=shares', '--eval_examples=9'],
      '--eval_examples has no effect with --measures',
    ),
    (['evaluate', '.', '--split=tset'], 'test'),
    (['sample'], 'RUN'),
    (['sample', 'nowhere'], 'nowhere'),
    (['sample', '.', 'stray'], 'RUN'),
    (['sample', '.', '--num_images=0'], 'num_images'),
  ],
)
def test_a_mistake_in_another_program_is_one_sentence(
  call, trainer, argv, words
):
  status, out, err = call(*argv)
  assert status in (1, 2)
  assert (out, len(err)) == ([], 1)
  assert words in err[0]


@pytest.mark.parametrize('output', ['x', 'x.txt', 'nowhere/x.png'])
def test_sample_refuses_a_file_that_it_cannot_write(call, trainer, output):
  path = directory.create_run('runs', DEFAULT).path
  status, _, err = call('sample', path, f'--output={output}')
  assert (status, len(err)) == (1, 1)


def test_a_page_holds_every_image_once():
  images = np.random.RandomState(0).rand(2, 3, 4, 5, 1)
  page = image_sheet.sheet(images)
  kept = page[~np.isnan(page)]
  np.testing.assert_array_equal(np.sort(kept), np.sort(images.ravel()))
  np.testing.assert_array_equal(page[:4, :5], images[0, 0, ..., 0])
  np.testing.assert_array_equal(page[-4:, -5:], images[1, 2, ..., 0])


def test_a_table_is_aligned():
  rows = [(('a',), POINT), (('longer',), POINT)]
  header, *lines = point_table.text(('run',), rows).splitlines()
  assert len({len(line) for line in (header, *lines)}) == 1
  assert '2.20 ± 0.20' in lines[0]
  # One sign everywhere: less is better in every column.
  assert '-ELBO (nats)' in header
  assert '  3.30 ± ' in lines[0]


def test_a_real_run_is_trained_measured_and_shown(call, tmp_path):
  dry = ('--fake_data', '--max_steps=2', '--eval_samples=1')
  caps = ('--eval_examples=20', '--eval_train_examples=20')
  status, out, err = call('train', *dry, *caps)
  assert status == 0, err
  path = out[-1]
  assert only_run().result['test']['num_examples'] == 20
  status, out, err = call('evaluate', path, '--num_samples=2')
  assert (status, err) == (0, [])
  assert [line.split()[2] for line in out[1:]] == list(point_table.SPLITS)
  assert all(line.split()[-2:] == ['20', '2'] for line in out[1:])
  status, out, err = call(
    'evaluate', path, '--split=test', '--eval_examples=90'
  )
  assert (status, err, len(out)) == (0, [], 2)
  assert out[1].split()[-2:] == ['90', '1']
  status, out, err = call('sample', path, '--output=s.png', '--num_images=3')
  assert (status, out, err) == (0, ['s.png'], [])
  assert (tmp_path / 's.png').read_bytes()[:4] == b'\x89PNG'
