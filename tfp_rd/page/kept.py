# SPDX-License-Identifier: Apache-2.0
"""What is kept beside a run for the page: its pictures, and its training.

No TensorFlow here.
"""

import base64
import contextlib
import io
import math

import numpy as np

from tfp_rd import errors
from tfp_rd.report import image_sheet
from tfp_rd.run import pictures

__all__ = ['Kept']

# Rows of a training that are shown at most.
_NUM_ROWS = 60
_METRICS = ('rate_nats', 'distortion_nats')


class Kept:
  """What is kept beside a run; files that cannot be read are said."""

  def __init__(self, run, sentences):
    self._pictures, problem = {}, ''
    try:
      self._pictures = pictures.read(run)
    except errors.UserError as e:
      problem = str(e)
      sentences.append(problem)
    rows = []
    with contextlib.suppress(errors.UserError):  # The report says which.
      rows = run.metrics
    self.content = {'problem': problem, 'steps': _steps(rows)}
    if self._pictures:
      images = next(iter(self._pictures.values())).images
      self._num_columns = len(images)
      self.content['images'] = _png(images, len(images))

  def at(self, beta):
    """Returns the pictures at a beta, `None` for none."""
    found = self._pictures.get(beta)
    if found is None:
      return None
    drawn = found.reconstructions, found.generations
    return [_png(images, self._num_columns) for images in drawn]


def _steps(rows):
  """Returns step, R and D of some rows of a training."""
  every = max(1, math.ceil(len(rows) / _NUM_ROWS))
  chosen = rows[::-1][::every][::-1]
  return [
    [int(row['step']), *(_plain(row.get(n)) for n in _METRICS)]
    for row in chosen
  ]


def _plain(number):
  is_number = number is not None and math.isfinite(number)
  return round(float(number), 2) if is_number else None


def _png(images, num_columns) -> str:
  """Returns images of bits in rows, as the data URL of a picture."""
  from PIL import Image

  height, width = images.shape[-2:]
  images = images.reshape([-1, height, width]).astype(np.float32)
  left = -len(images) % num_columns
  images = np.concatenate([images, np.full([left, height, width], np.nan)])
  sheet = image_sheet.sheet(images.reshape([-1, num_columns, height, width, 1]))
  # Shades of a palette: paper, ink, and the gaps between images.
  shades = np.where(np.isnan(sheet), 2, sheet).astype(np.uint8)
  picture = Image.fromarray(shades, 'P')
  picture.putpalette([246] * 3 + [17] * 3 + [255] * 3)
  buffer = io.BytesIO()
  picture.save(buffer, 'png', bits=2, optimize=True)
  text = base64.b64encode(buffer.getvalue()).decode()
  return f'data:image/png;base64,{text}'
