# SPDX-License-Identifier: Apache-2.0
"""A curve is what one family of models reaches in the plane, beta by beta.

No TensorFlow here.
"""

import collections
import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from tfp_rd import errors
from tfp_rd.curve import columns as columns_lib
from tfp_rd.curve.point import CurvePoint

__all__ = ['Curve']


@dataclasses.dataclass(frozen=True)
class Curve:
  """One family's points, by rising beta; those without a beta come last.

  Points of one beta under several settings (steps, sizes) are points of their
  own; seeds of one setting are averaged, and so are their standard errors: all
  saw the same images, so that more seeds do not shrink them.

  Attributes:
    name: The architecture, such as `'-+v'`.
    description: What it is, in words.
    settings: Names of the settings that each point has.
    points: The points.
  """

  name: str
  description: str
  settings: tuple[str, ...]
  points: tuple[CurvePoint, ...]

  @classmethod
  def from_columns(
    cls, name: str, description: str, columns: Mapping[str, Sequence]
  ) -> 'Curve':
    """Makes a curve of one's own numbers.

    Args:
      name: The architecture, or any other name.
      description: What it is, in words.
      columns: Name to one entry a point: `beta`, and any of `rate_nats`,
        `rate_stderr_nats`, `seed_std_rate_nats`, the same of `distortion` and
        `elbo`, `bpp` and `num_examples`; these are of the test split, and of
        others as in `validation_elbo_nats`.  `None` stands for no number.
        Columns of other names are settings.

    Returns:
      The curve.

    Raises:
      UserError: The columns are of different lengths, or there is no `beta`.
    """
    return cls(name, description, *columns_lib.to_points(columns))

  def __len__(self):
    return len(self.points)

  def column(self, name: str) -> np.ndarray:
    """Returns a column of numbers as float64 `[P]`, NaN where there is none.

    Args:
      name: As in `from_columns`.

    Raises:
      UserError: The curve has no such column.
    """
    known = columns_lib.names(self.points, self.settings)
    if name not in known:
      raise errors.UserError(
        f'curve {self.name} has no column {name!r}; it has {[*known]}.'
      )
    values = [columns_lib.value(point, name) for point in self.points]
    return np.array(values, np.float64)

  def one_run_lines(self) -> list[tuple[CurvePoint, ...]]:
    """Returns the points of each run that trained a whole curve, run by run."""
    lines = collections.defaultdict(list)
    for point in self.points:
      if point.is_one_run:
        key = (point.objective, *map(str, point.settings.values()))
        lines[key].append(point)
    return [tuple(points) for points in lines.values()]
