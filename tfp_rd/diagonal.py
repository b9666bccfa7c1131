# SPDX-License-Identifier: Apache-2.0
"""The diagonal D = H - R: the true one, or that of the best ELBO.

No TensorFlow here.
"""

from collections.abc import Sequence
from typing import NamedTuple, TYPE_CHECKING

from tfp_rd import errors

if TYPE_CHECKING:
  from tfp_rd import curve as curve_lib

__all__ = ['Diagonal', 'below_diagonal', 'best_point', 'diagonal_of']


class Diagonal(NamedTuple):
  """Where D + R is the same.

  Attributes:
    nats: D + R.
    stderr_nats: Its standard error.
    is_true: Whether it is the entropy of the source, which no model is below,
      rather than the best -ELBO.
  """

  nats: float
  stderr_nats: float
  is_true: bool


def diagonal_of(curves: 'Sequence[curve_lib.Curve]') -> Diagonal:
  """Returns the true diagonal where the entropy is known, else the best one's.

  Raises:
    UserError: There are no points.
  """
  best, index = best_point(curves)
  is_true = 'entropy_nats' in best.results
  name, sign = ('entropy', 1) if is_true else ('elbo', -1)
  nats, stderr = (
    best.column(f'{name}{suffix}_nats')[index] for suffix in ('', '_stderr')
  )
  return Diagonal(float(sign * nats), float(stderr), is_true)


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
  Where the entropy is known, `tfp_rd.truth` tests each point against it.

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
