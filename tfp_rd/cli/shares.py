# SPDX-License-Identifier: Apache-2.0
"""The program that says who loses what, on images that can be summed over."""

import hashlib
import pathlib
import sys
from collections.abc import Sequence
from typing import Optional

from absl import flags

from tfp_rd import architecture, errors
from tfp_rd import dataset as dataset_lib
from tfp_rd import source as source_lib
from tfp_rd.cli import program
from tfp_rd.cli import report as report_program
from tfp_rd.report import shares
from tfp_rd.run import atomic_file
from tfp_rd.run import directory as run_lib

__all__ = ['main']

_MANUAL = """\
tfp-rd shares RUN_OR_ROOT [flags]: who loses what of D + R - H.

  tfp-rd grid --dataset='templates(side=4)' --latent_size=2 --run_root=small
  tfp-rd shares small --report_dir=report

For finished runs on a source of at most 4x4 pixels: the marginal's share R - I
and the decoder's D - (H - I), which add up to D + R - H, where I is the
information of image and code; and, for one or two dimensions of z, how far
below D + beta R the best encoder for that decoder and marginal would be.

Leaves shares.json in each run's directory, and report/shares.md.  What is there
is not measured again: seconds to a minute or two a run.
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
  """Runs the program; returns its exit status."""
  return program.run(_main, argv, name='shares', define=_define, manual=_MANUAL)


def _define(flag_values):
  here = {'flag_values': flag_values, 'module_name': 'The shares'}
  flags.DEFINE_integer(
    'num_draws', 500, "Draws for the marginal's share.", lower_bound=2, **here
  )
  flags.DEFINE_integer(
    'num_images',
    50,
    "Test images for the encoder's share; 0 leaves it out.",
    lower_bound=0,
    **here,
  )
  flags.DEFINE_integer('seed', 0, 'Of all draws.', **here)
  report_program.define_report_dir(flag_values)


def _main(flag_values: flags.FlagValues, arguments: list[str]) -> None:
  root = program.one(
    arguments, 'RUN_OR_ROOT, the directory of a run or of runs'
  )
  folder = pathlib.Path(report_program.report_dir(flag_values))
  runs = [run for run in run_lib.runs_below(root) if run.is_done]
  if not runs:
    raise errors.UserError(f'no finished run below {root}; train some first.')
  if flag_values.num_images == 1:
    raise errors.UserError('num_images is 1; take 0, or several.')
  settings = {
    name: flag_values[name].value
    for name in ('num_draws', 'num_images', 'seed')
  }
  for run in runs:
    _source(run)  # Refuses before anything is measured.
  print('  '.join(shares.header()), flush=True)
  rows = []
  for run in sorted(runs, key=_order):
    # What was measured on other weights is no answer.
    digest = hashlib.sha256((run.path / 'result.json').read_bytes())
    here = {**settings, 'result_sha256': digest.hexdigest()[:16]}
    found = shares.read(run, here)
    if not found:
      found = _measure(run, settings)
      shares.write(run, found, settings=here)
    for row in found:
      print('  '.join(shares.cells(row)), flush=True)
    rows += found
  folder.mkdir(parents=True, exist_ok=True)
  atomic_file.write_atomically(folder / 'shares.md', shares.table_md(rows))
  print(folder / 'shares.md')


def _order(run):
  """Families in the order of the architectures, then their betas."""
  key = architecture.order(run.config.model.architecture)
  return key, run.config.beta, run.path.name


def _source(run):
  """Returns the source of a run's images.

  Raises:
    UserError: It has none, or one of too many images.
  """
  data = run.config.data
  if data.fake_data or not source_lib.is_source(data.dataset):
    raise errors.UserError(
      f'{run.path} is on {data.dataset}, whose distribution is not known; '
      "train on a source, as by --dataset='templates(side=4)'."
    )
  source = source_lib.parse(data.dataset)
  source_lib.check_enumerable(source)
  return source


def _measure(run, settings):
  """Returns a row for each beta of a run."""
  program.tensorflow()
  from tfp_rd import measure  # Both bring TensorFlow.
  from tfp_rd.training import experiment

  images, log_prob = source_lib.every_image(_source(run))
  test = dataset_lib.load(run.config.data).test[: settings['num_images']]
  rows = []
  for beta, model in experiment.restore_models(run):
    lost = measure.loss_shares(
      model,
      images,
      log_prob=log_prob,
      num_draws=settings['num_draws'],
      seed=settings['seed'],
    )
    measures = {
      'rate': lost.rate,
      'distortion': lost.distortion,
      'information': lost.information,
      'excess': lost.excess,
      'marginal_share': lost.marginal,
      'decoder_share': lost.decoder,
    }
    checks = {}
    latent_size = model.marginal().event_shape[-1]
    if latent_size <= measure.MOST_DIMENSIONS and len(test):
      best = measure.encoder_share(
        model, test, beta=beta, seed=settings['seed']
      )
      checks['is_sound'] = float(best.is_sound)
      measures['encoder_share'] = best.share
      checks['quadrature_error_nats'] = best.quadrature_error_nats
      checks['marginal_mass'] = best.marginal_mass
    family = run.config.model.architecture
    rows.append(shares.Row(family, beta, measures, checks, run.path.name))
  return rows


if __name__ == '__main__':
  sys.exit(main())
