# SPDX-License-Identifier: Apache-2.0
"""Images side by side: rows of a figure.  No TensorFlow here."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
  from matplotlib import figure as figure_lib

__all__ = ['picture', 'sheet']

_GAP = 0.15  # Of an image's side, between two images.
_INCHES = 0.62  # Width of an image.


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
  pages = {name: sheet(panel) for name, panel in panels.items()}
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


def sheet(images: np.ndarray) -> np.ndarray:
  """Lays images out in rows, with gaps of NaN between them.

  Args:
    images: `[R, N, H, W, 1]`.

  Returns:
    `[height, width]`.
  """
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
