# SPDX-License-Identifier: Apache-2.0
"""The diagonal D = H - R of the best ELBO, and points below it.

No TensorFlow here.
"""

from collections.abc import Sequence

from tfp_rd import curve as curve_lib
from tfp_rd import errors

__all__ = ['below_diagonal', 'best_point']


def best_point(
  curves: Sequence[curve_lib.Curve],
) -> tuple[curve_lib.Curve, int]:
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
  curves: Sequence[curve_lib.Curve], *, num_stderrs: float = 4.0
) -> list[tuple[curve_lib.Curve, int]]:
  """List the test points that are too good beside the best on validation.

  A point's own standard error of the ELBO is the measure.  All models saw the
  same images, which makes this cautious: differences vary less than that.

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
