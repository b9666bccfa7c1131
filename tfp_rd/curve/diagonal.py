# SPDX-License-Identifier: Apache-2.0
"""The diagonal D = H - R: the true one, or that of the best ELBO.

No TensorFlow here.
"""

from collections.abc import Sequence
from typing import NamedTuple, Optional, TYPE_CHECKING

from tfp_rd import errors
from tfp_rd.curve.point import CurvePoint

if TYPE_CHECKING:
  from tfp_rd.curve.curve import Curve

__all__ = [
  'Diagonal',
  'NamedPoint',
  'below_diagonal',
  'best_point',
  'diagonal_of',
]


class Diagonal(NamedTuple):
  """The line in the plane on which D + R is constant.

  Attributes:
    nats: Height of the line.  With a known source it is the mean of -log p*(x)
      over the test images, so that a point lies above it by D + R - H.
      Otherwise it is the best -ELBO.
    entropy_nats: The entropy of the source; `None` where it is not known.
    entropy_stderr_nats: Its standard error.
  """

  nats: float
  entropy_nats: Optional[float] = None
  entropy_stderr_nats: float = 0.0

  @property
  def is_true(self) -> bool:
    """True if the line is at the known entropy; no model can lie below."""
    return self.entropy_nats is not None


class NamedPoint(NamedTuple):
  """A point and the name of its curve."""

  name: str
  point: CurvePoint


def diagonal_of(curves: 'Sequence[Curve]') -> Optional[Diagonal]:
  """Returns the true diagonal where the entropy is known, else the best one's.

  Returns:
    The diagonal; `None` where the entropy is not known and no point is a bound
    that was measured on validation.

  Raises:
    UserError: There are no points.
  """
  best = best_point(curves)
  if best is None:  # With a known source each point gives the same line.
    best = NamedPoint('', next(p for curve in curves for p in curve.points))
    if best.point.excess is None:
      return None
  total = -best.point.test.elbo.nats
  if best.point.excess is None:
    return Diagonal(total)
  entropy = best.point.entropy
  line = total - best.point.excess.nats
  return Diagonal(line, entropy.nats, entropy.stderr_nats)


def best_point(curves: 'Sequence[Curve]') -> Optional[NamedPoint]:
  """Selects the point with the highest ELBO on the validation split.

  Estimates that are no bounds are passed over: they may be too high; and so
  are points without a validation split.

  Returns:
    The point; `None` if there is no such bound.

  Raises:
    UserError: There are no points.
  """
  if not any(len(curve) for curve in curves):
    raise errors.UserError('no points to choose from; got no curve with any.')
  points = [NamedPoint(c.name, p) for c in curves for p in c.points]
  return max(
    filter(_is_known_bound, points),
    key=lambda named: named.point.validation.elbo.nats,
    default=None,
  )


def below_diagonal(
  curves: 'Sequence[Curve]', *, num_stderrs: float = 4.0
) -> list[NamedPoint]:
  """Lists the test points that are too good beside the best on validation.

  A point's own standard error of the ELBO is the measure.  All models saw the
  same images, which makes this cautious: differences vary less than that.
  Where the entropy is known, `tfp_rd.curve.excess` tests each point against it.

  Args:
    curves: Of one data set.
    num_stderrs: Standard errors below the diagonal that are let pass.

  Returns:
    Each point whose D + R is below the diagonal; estimates are passed over.
  """
  best = best_point(curves)
  if best is None:
    return []
  best_elbo = best.point.test.elbo.nats
  return [
    named
    for curve in curves
    for named in (NamedPoint(curve.name, point) for point in curve.points)
    if _is_bound(named) and _is_above(named, best_elbo, num_stderrs)
  ]


def _is_above(named, elbo_nats, num_stderrs):
  """Returns whether an ELBO is higher by more than its standard errors."""
  elbo = named.point.test.elbo
  if elbo is None or elbo.stderr_nats is None:
    return False
  return elbo.nats - elbo_nats > num_stderrs * elbo.stderr_nats


def _is_known_bound(named):
  """Whether a point is a bound, and has its ELBO on validation and test."""
  splits = named.point.validation, named.point.test
  return _is_bound(named) and None not in [split.elbo for split in splits]


def _is_bound(named):
  return named.point.is_bound('rate', 'distortion', 'elbo')
