# SPDX-License-Identifier: Apache-2.0
"""The command that shows what a trained model reconstructs and generates."""

import io
import math
import pathlib
import sys
from collections.abc import Sequence
from typing import Optional, TYPE_CHECKING

import numpy as np
from absl import flags

from tfp_rd import config as config_lib
from tfp_rd import dataset as dataset_lib
from tfp_rd import errors
from tfp_rd.cli import command, config_flags
from tfp_rd.run import atomic_file
from tfp_rd.run import directory as run_lib

if TYPE_CHECKING:
  from matplotlib import figure as figure_lib

__all__ = ['main', 'picture']

_MANUAL = """\
tfp-rd sample RUN --output=FILE.png: reconstructions and generations of a run.

  tfp-rd sample runs/run_-+v_beta0.3_1a2b3c4d --output=samples.png
  tfp-rd sample runs/run_-+v_multi_rate_1a2b3c4d --beta=0.3

Each column shows a test image and, below it, draws from the decoder at draws of
its z: what they share with it is what z carries.  Generations are draws from
the decoder at draws from the marginal.
"""

_RECONSTRUCTIONS = 3  # Rows.
_GENERATIONS = 4
_GAP = 0.15  # Of an image's side, between two images.
_INCHES = 0.62  # Width of an image.
_LISTED = 12  # Runs that a message names.


def main(argv: Optional[Sequence[str]] = None) -> int:
  """Runs the command; returns its exit status."""
  return command.run(_main, argv, name='sample', define=_define, manual=_MANUAL)


def _define(flag_values):
  here = {'flag_values': flag_values, 'module_name': 'The picture'}
  flags.DEFINE_string(
    'output', 'samples.png', 'File to write: .png, .svg or .pdf.', **here
  )
  flags.DEFINE_integer(
    'num_images', 12, 'Images in a row.', lower_bound=1, **here
  )
  flags.DEFINE_float(
    'beta', None, 'Where on a one-run curve; by default near 1.', **here
  )
  flags.DEFINE_integer('seed', 0, 'Of the choice and the draws.', **here)
  config_flags.define_execution(flag_values, 'data_dir')


def _main(flag_values: flags.FlagValues, arguments: list[str]) -> None:
  run = _run(command.single_argument(arguments, 'RUN, the directory of a run'))
  output = pathlib.Path(flag_values.output)
  if output.suffix not in ('.png', '.svg', '.pdf'):
    raise errors.UserError(
      f'--output is {str(output)!r}; it must end in .png, .svg or .pdf.'
    )
  if not output.parent.is_dir():
    raise errors.UserError(f'{output.parent} is not a directory; make it.')
  command.tensorflow()
  from tfp_rd.training import experiment

  test = dataset_lib.load(run.config.data, data_dir=flag_values.data_dir).test
  # Shuffled: some test files are sorted by class.
  order = np.random.RandomState(flag_values.seed).permutation(len(test))
  images = test[order[: flag_values.num_images]]
  beta = flag_values.beta
  if beta is None and run.config.objective.is_curve:
    beta = min(run.points('test'), key=lambda b: abs(math.log(b)))
  draws = _draw(experiment.restore(run, beta), images, seed=flag_values.seed)
  figure = picture(images, *draws, title=_title(run.config, beta))
  _save(figure, output)
  print(output)


def _run(path):
  """Returns the run in a directory, or the only one below it."""
  root = pathlib.Path(path)
  if (root / 'config.json').exists() or not root.is_dir():
    return run_lib.load_run(root)
  runs = run_lib.runs_below(root, on_refused=command.print_error)
  runs = [run for run in runs if run.is_done]
  if not runs:
    raise errors.UserError(f'there is no finished run in or below {root}.')
  if len(runs) > 1:
    shown = ', '.join(str(run.path) for run in runs[:_LISTED])
    rest = f' and {len(runs) - _LISTED} more' if len(runs) > _LISTED else ''
    raise errors.UserError(
      f'there are {len(runs)} finished runs below {root}; name one of them: '
      f'{shown}{rest}.'
    )
  return runs[0]


def picture(
  images: np.ndarray,
  reconstructions: np.ndarray,
  generations: np.ndarray,
  *,
  title: str,
) -> 'figure_lib.Figure':
  """Draws the three kinds of images under each other.

  Args:
    images: `[N, H, W, 1]`, test images.
    reconstructions: `[R, N, H, W, 1]`, one column below each image.
    generations: `[G, N, H, W, 1]`.
    title: A line above all.

  Returns:
    A matplotlib figure, made without any global state.
  """
  from matplotlib import figure as figure_lib

  panels = {
    'test images': images[np.newaxis],
    'reconstructions': reconstructions,
    'generations': generations,
  }
  pages = {name: _page(panel) for name, panel in panels.items()}
  heights = [page.shape[0] for page in pages.values()]
  width = next(iter(pages.values())).shape[1]
  scale = _INCHES * (1 + _GAP) * images.shape[0] / width  # Inches a pixel.
  figure = figure_lib.Figure(
    figsize=(width * scale + 0.4, sum(heights) * scale + 1.7),
    dpi=150,
    facecolor='white',
    layout='constrained',
  )
  figure.suptitle(title, x=0.005, ha='left', weight='bold', size=11)
  axes = figure.subplots(len(pages), 1, height_ratios=heights)
  for ax, (name, page) in zip(axes, pages.items(), strict=True):
    # Gaps are NaN, which is drawn as the page's own white.
    ax.imshow(page, cmap='gray_r', vmin=-0.08, vmax=1, interpolation='none')
    ax.set_title(name, loc='left', size=9, pad=3)
    ax.set_axis_off()
  return figure


def _page(images):
  """Lays `[R, N, H, W, 1]` out as one page with gaps of NaN."""
  num_rows, num_columns, height, width, _ = images.shape
  gap = max(1, round(_GAP * max(height, width)))
  page = np.full(
    (num_rows * (height + gap) - gap, num_columns * (width + gap) - gap),
    np.nan,
  )
  for i in range(num_rows):
    for j in range(num_columns):
      top, left = i * (height + gap), j * (width + gap)
      page[top : top + height, left : left + width] = images[i, j, ..., 0]
  return page


def _draw(model, images, *, seed):
  """Returns reconstructions `[R, N, ...]` and generations `[G, N, ...]`."""
  import tensorflow as tf
  import tensorflow_probability as tfp

  # In a graph: an autoregressive decoder draws pixel by pixel.
  @tf.function
  def decode(z, seed):
    return model.decoder(z).sample(seed=seed)

  seeds = tfp.random.split_seed([0, seed], n=4)
  num = len(images)
  encoding = model.encoder(tf.convert_to_tensor(images))
  z = encoding.sample(_RECONSTRUCTIONS, seed=seeds[0])
  new_z = model.marginal().sample([_GENERATIONS, num], seed=seeds[1])
  reconstructions = decode(z, seeds[2])
  return reconstructions.numpy(), decode(new_z, seeds[3]).numpy()


def _title(config: config_lib.Config, beta: Optional[float]) -> str:
  data = pathlib.PurePath(config.data.dataset).stem
  at = '' if beta is None else f', beta {beta:g}'
  return f'{config.model.architecture} on {data}, {config.objective}{at}'


def _save(figure, path):
  buffer = io.BytesIO()
  figure.savefig(buffer, format=path.suffix.lstrip('.'))
  atomic_file.write_atomically(path, buffer.getvalue())


if __name__ == '__main__':
  sys.exit(main())
