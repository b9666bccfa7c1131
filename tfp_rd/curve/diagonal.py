# SPDX-License-Identifier: Apache-2.0
"""The diagonal D = H - R: the true one, or that of the best ELBO.

No TensorFlow here.
"""

from collections.abc import Sequence
from typing import NamedTuple, Optional, TYPE_CHECKING

from tfp_rd import errors

if TYPE_CHECKING:
  from tfp_rd.curve import curve as curve_lib

__all__ = ['Diagonal', 'below_diagonal', 'best_point', 'diagonal_of']


class Diagonal(NamedTuple):
  """Where D + R is the same.

  Attributes:
    nats: D + R of the line, on the test images: where the entropy is known, the
      mean of -log p*(x), above which a point is by its D + R - H.
    entropy_nats: The entropy of the source; `None` where it is not known, and
      the line is that of the best -ELBO.
    entropy_stderr_nats: Its standard error.
  """

  nats: float
  entropy_nats: Optional[float] = None
  entropy_stderr_nats: float = 0.0

  @property
  def is_true(self) -> bool:
    """Whether it is the entropy's, which no model is below."""
    return self.entropy_nats is not None


def diagonal_of(curves: 'Sequence[curve_lib.Curve]') -> Diagonal:
  """Returns the true diagonal where the entropy is known, else the best one's.

  Raises:
    UserError: There are no points.
  """
  best, index = best_point(curves)
  total = -float(best.column('elbo_nats')[index])
  if 'entropy_nats' not in best.results:
    return Diagonal(total)
  names = ('excess_nats', 'entropy_nats', 'entropy_stderr_nats')
  excess, *entropy = (float(best.column(name)[index]) for name in names)
  return Diagonal(total - excess, *entropy)


def best_point(
  curves: 'Sequence[curve_lib.Curve]',
) -> 'tuple[curve_lib.Curve, int]':
  """Select the point with the highest ELBO on the validation split.

  Returns:
    curve: The curve it is on.
    index: Its place there.

  Raises:
    UserError: There are no points.
  """
  if not any(len(curve) for curve in curves):
    raise errors.UserError('no points to choose from; got no curve with any.')
  points = [(curve, i) for curve in curves for i in range(len(curve))]
  return max(points, key=lambda p: p[0].column('validation_elbo_nats')[p[1]])


def below_diagonal(
  curves: 'Sequence[curve_lib.Curve]', *, num_stderrs: float = 4.0
) -> 'list[tuple[curve_lib.Curve, int]]':
  """List the test points that are too good beside the best on validation.

  A point's own standard error of the ELBO is the measure.  All models saw the
  same images, which makes this cautious: differences vary less than that.
  Where the entropy is known, `tfp_rd.curve.excess` tests each point against it.

  Args:
    curves: Of one data set.
    num_stderrs: Standard errors below the diagonal that are let pass.

  Returns:
    Curve and place of each point whose D + R is below the diagonal.
  """
  best, index = best_point(curves)
  bar = best.column('elbo_nats')[index]
  return [
    (curve, i)
    for curve in curves
    for i, gap in enumerate(curve.column('elbo_nats') - bar)
    if gap > num_stderrs * curve.column('elbo_stderr_nats')[i]
  ]
