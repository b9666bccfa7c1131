# SPDX-License-Identifier: Apache-2.0
"""A curve is what one family of models reaches in the plane, beta by beta.

No TensorFlow here.
"""

import collections
import dataclasses
import numbers
import types
from collections.abc import Mapping, Sequence
from typing import Optional

import numpy as np

from tfp_rd import errors
from tfp_rd.curve import columns as columns_lib
from tfp_rd.curve.point import CurvePoint, SplitValues
from tfp_rd.point import Point

__all__ = ['Curve', 'from_points']


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
    num_left_out: Points of one run that were left out, since other seeds of the
      run have no point at their beta.
  """

  name: str
  description: str
  settings: tuple[str, ...]
  points: tuple[CurvePoint, ...]
  num_left_out: int = 0

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
        `elbo`, `bpp`, `total_bpp` and `num_examples`; these are of the test
        split, and of others as in `validation_elbo_nats`.  `None` stands for no
        number.  `is_one_run` says whether one training gave all points, so that
        a line joins them.  Columns of other names are settings.

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
    """Returns the points of each run that trained a whole curve, run by run.

    Where several seeds were averaged, betas that fewer seeds have than others
    are left out.
    """
    lines = [
      [point for point in points if point.is_one_run]
      for points in self._by_setting().values()
    ]
    most = [max((p.num_seeds for p in line), default=0) for line in lines]
    return [
      tuple(point for point in line if point.num_seeds == num)
      for line, num in zip(lines, most, strict=True)
      if line
    ]

  def of_all_seeds(self) -> 'Curve':
    """Returns the curve without points of one run that some seeds lack."""
    shared = {id(point) for line in self.one_run_lines() for point in line}
    points = tuple(
      point
      for point in self.points
      if not point.is_one_run or id(point) in shared
    )
    left_out = len(self.points) - len(points)
    return dataclasses.replace(self, points=points, num_left_out=left_out)

  def of_one_setting(self) -> list['Curve']:
    """Returns a curve for each way in which points were trained.

    Curves of one run come first, then the others by their number of points.
    """
    groups = sorted(
      self._by_setting().values(),
      key=lambda points: (not points[0].is_one_run, -len(points)),
    )
    return [
      dataclasses.replace(self, points=tuple(points)) for points in groups
    ]

  def lines_alone(self) -> 'Curve':
    """Returns the curve without points of separate runs, if it has a line."""
    points = tuple(point for point in self.points if point.is_one_run)
    return dataclasses.replace(self, points=points) if points else self

  def without_lines(self) -> 'Curve':
    """Returns the curve with the points of separate runs alone."""
    points = tuple(point for point in self.points if not point.is_one_run)
    return dataclasses.replace(self, points=points)

  def _by_setting(self):
    groups = collections.defaultdict(list)
    for point in self.points:
      key = (
        point.is_one_run,
        point.objective,
        *map(str, point.settings.values()),
      )
      groups[key].append(point)
    return groups


def from_points(
  name: str,
  points: Mapping[Optional[float], Point],
  *,
  validation: Mapping[Optional[float], Point] = types.MappingProxyType({}),
  is_one_run: bool = False,
  description: str = '',
) -> Curve:
  """Makes a curve of points that one has measured, as of any model.

  Args:
    name: What it is called in legends and tables; three signs, such as
      `'-+v'`, are drawn as that architecture.
    points: Beta to the `tfp_rd.Point` of the test images, as
      `tfp_rd.evaluate` returns it.
    validation: Beta to that of the validation images.  Without it the curve is
      drawn, and nothing is chosen from it: neither the best -ELBO nor the least
      D at a rate.
    is_one_run: Whether one training gave all points, so that a line joins them.
    description: What it is, in words.

  Returns:
    The curve, by rising beta.

  Raises:
    UserError: There is no point, a key is no beta, or a value is no `Point`.

  #### Examples

  ```python
  point = tfp_rd.Point.from_examples([4.1, 3.9], [9.0, 8.0], num_samples=1)
  curve = tfp_rd.curve.from_points('mine', {1.0: point})
  ```
  """
  for mapping in (points, validation):
    _check_points(name, mapping)
  if not points:
    raise errors.UserError(
      f'curve {name} has no point; give a mapping from beta to tfp_rd.Point.'
    )
  return Curve(
    name,
    description,
    (),
    tuple(
      CurvePoint(
        beta=None if beta is None else float(beta),
        is_one_run=is_one_run,
        test=SplitValues.of_point(points[beta]),
        validation=SplitValues.of_point(validation.get(beta)),
      )
      for beta in sorted(points, key=lambda beta: (beta is None, beta or 0.0))
    ),
  )


def _check_points(name, points):
  for beta, point in points.items():
    is_beta = beta is None or isinstance(beta, numbers.Real)
    if not (is_beta and isinstance(point, Point)):
      raise errors.UserError(
        f'curve {name} got {point!r:.60} at {beta!r}; give a mapping from beta '
        'to tfp_rd.Point, as tfp_rd.evaluate returns it.'
      )
