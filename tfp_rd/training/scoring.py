# SPDX-License-Identifier: Apache-2.0
"""What a validation measures, and the score that it gives the weights.

No TensorFlow here: a program on another device scores by the same rule.
"""

import math
from collections.abc import Callable
from typing import Optional

from tfp_rd import objective as objective_lib
from tfp_rd import point as point_lib

__all__ = ['measured', 'score']

# Draws for each image when weights are compared on validation; the same draws
# at every validation, so that only the weights differ.
_VALIDATION_SAMPLES = 4


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
) -> float:
  """Returns the score of weights, less being better.

  Args:
    objective: The objective.
    measure: Returns the point at a beta, given the draws for each image.

  Returns:
    The objective's score; infinite where it is not finite.
  """
  betas, num_samples = measured(objective)
  points = {beta: measure(beta, num_samples) for beta in betas}
  if objective.is_curve:
    value = objective.score(points)
  else:
    value = objective.score(points[objective.beta])
  return value if math.isfinite(value) else math.inf
