# SPDX-License-Identifier: Apache-2.0
"""When something happens in a training: by the step, or by the clock.

What goes by the clock changes no number: noise depends on the step, and a row
of metrics is of fixed steps.
"""

import dataclasses
import time

__all__ = ['Pace', 'Schedule']

# A stop waits for the end of a call.
_CALL_SECONDS = 10.0
_GROWTH = 4


@dataclasses.dataclass(frozen=True)
class Schedule:
  """When something happens.

  Attributes:
    num_steps: Where training ends.
    validate_every: Steps between validations; 0 for none.
    checkpoint_seconds: Seconds between checkpoints; 0 for one with each row.
    steps_per_call: Steps of one row of metrics, and of a call at the most.
  """

  num_steps: int
  validate_every: int = 100
  checkpoint_seconds: float = 60.0
  steps_per_call: int = 50

  def next_row(self, step: int) -> int:
    """Returns the step at which the present row of metrics ends.

    It does not depend on where the training was cut.
    """
    everies = [self.steps_per_call, self.validate_every]
    stops = [(step // every + 1) * every for every in everies if every]
    return min(self.num_steps, *stops)

  def is_validation(self, step: int) -> bool:
    """Whether the weights are validated at this step."""
    return bool(self.validate_every) and (
      step % self.validate_every == 0 or step == self.num_steps
    )


class Pace:
  """Times the calls of a training.

  Args:
    checkpoint_seconds: Seconds between checkpoints; 0 for one with each row of
      metrics.
  """

  def __init__(self, checkpoint_seconds: float):
    self._checkpoint_seconds = checkpoint_seconds
    self._saved = time.monotonic()
    # The first call compiles, which says nothing of the next.
    self._most = 1

  def num_steps(self, wanted: int) -> int:
    """Returns the steps of the next call, at most those that are wanted."""
    return min(wanted, self._most)

  def took(self, num_steps: int, seconds: float) -> None:
    """Learns how long a call was.

    Args:
      num_steps: Its steps.
      seconds: How long it was.
    """
    affordable = int(_CALL_SECONDS * num_steps / max(seconds, 1e-9))
    self._most = max(1, min(affordable, _GROWTH * self._most))

  def is_due(self, *, at_row: bool) -> bool:
    """Whether a checkpoint is due.

    Args:
      at_row: Whether a row of metrics has just become whole.
    """
    waited = time.monotonic() - self._saved >= self._checkpoint_seconds
    return waited if self._checkpoint_seconds else at_row

  def saved(self) -> None:
    """Counts the seconds from here."""
    self._saved = time.monotonic()
