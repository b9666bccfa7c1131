# SPDX-License-Identifier: Apache-2.0
"""What a validation measures, and the score that it gives the weights.

No TensorFlow here: a program on another device scores by the same rule.
"""

import math
import statistics
from collections.abc import Callable
from typing import NamedTuple, Optional

from tfp_rd import objective as objective_lib
from tfp_rd import point as point_lib

__all__ = ['Score', 'measured', 'score']

# Draws for each image when weights are compared on validation; the same draws
# at every validation, so that only the weights differ.
_VALIDATION_SAMPLES = 4


class Score(NamedTuple):
  """What a validation says of weights.

  Attributes:
    value: The objective's score, less being better; infinite where it is not
      finite.
    rate_nats: R on validation, the mean over the betas that were measured.
    distortion_nats: D, likewise.
  """

  value: float
  rate_nats: float
  distortion_nats: float

  @property
  def columns(self) -> dict[str, float]:
    """The cells of a row of `metrics.csv`."""
    return {
      'validation_rate_nats': self.rate_nats,
      'validation_distortion_nats': self.distortion_nats,
      'validation_score': self.value,
    }


def measured(
  objective: objective_lib.Objective,
) -> tuple[tuple[Optional[float], ...], int]:
  """Returns the betas of a validation, and the draws for each image at each."""
  if not objective.is_curve:
    return (objective.beta,), _VALIDATION_SAMPLES
  betas = objective.compared_betas()  # As many draws in all.
  return betas, -(-_VALIDATION_SAMPLES // len(betas))


def score(
  objective: objective_lib.Objective,
  measure: Callable[[Optional[float], int], point_lib.Point],
) -> Score:
  """Returns the score of weights.

  Args:
    objective: The objective.
    measure: Returns the point at a beta, given the draws for each image.
  """
  betas, num_samples = measured(objective)
  points = {beta: measure(beta, num_samples) for beta in betas}
  if objective.is_curve:
    value = objective.score(points)
  else:
    value = objective.score(points[objective.beta])
  return Score(
    value if math.isfinite(value) else math.inf,
    statistics.fmean(p.rate_nats for p in points.values()),
    statistics.fmean(p.distortion_nats for p in points.values()),
  )
