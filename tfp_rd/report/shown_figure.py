# SPDX-License-Identifier: Apache-2.0
"""A figure that a notebook shows, though no window and no pyplot knows it.

Matplotlib is imported here; so this module is imported when something is drawn.
"""

import io

from matplotlib import figure as figure_lib

__all__ = ['ShownFigure']


class ShownFigure(figure_lib.Figure):
  """A matplotlib figure that is shown as the last line of a notebook's cell."""

  def _repr_png_(self) -> bytes:
    buffer = io.BytesIO()
    self.savefig(buffer, format='png')
    return buffer.getvalue()
