# SPDX-License-Identifier: Apache-2.0
"""Where a curve turns up: more rate at its least betas, and no less distortion.

No TensorFlow here.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, Optional

from tfp_rd.curve.point import CurvePoint
from tfp_rd.estimate import Estimate

__all__ = ['Turn', 'turn_of']

_NUM_STDERRS = 2.0


class Turn(NamedTuple):
  """The end of a curve that turns up.

  Attributes:
    place: Of the point from which D rises towards lower betas.
    on_train: Whether D rises on training images, too.  Then the network is
      worse at the end of its range of betas; else it has over-fitted there.
  """

  place: int
  on_train: bool


def turn_of(line: Sequence[CurvePoint]) -> Optional[Turn]:
  """Returns where a curve of one run turns up at its least betas.

  Args:
    line: Its points, by rising beta.

  Returns:
    The turn; `None` if D at the least beta is the least, or more by no more
    than two standard errors of the difference over images.
  """
  nats = [point.test.distortion.nats for point in line]
  place = nats.index(min(nats))
  rise = _rise(line[0], line[place])
  if not rise.nats > _NUM_STDERRS * rise.stderr_nats:
    return None
  train = [point.train.distortion for point in (line[0], line[place])]
  on_train = None not in train and train[0].nats > train[1].nats
  return Turn(place, on_train)


def _rise(first, lowest):
  """Returns D of one point less D of another, with its standard error."""
  values = [point.test.distortion for point in (first, lowest)]
  images = [
    None if point.images is None else point.images.nats()
    for point in (first, lowest)
  ]
  if len({None if nats is None else nats.shape for nats in images}) == 1 and (
    images[0] is not None
  ):
    return Estimate.of_mean(images[0][1] - images[1][1])
  # Unpaired, which is cautious.
  errors = [value.stderr_nats or 0.0 for value in values]
  return Estimate(values[0].nats - values[1].nats, math.hypot(*errors))
