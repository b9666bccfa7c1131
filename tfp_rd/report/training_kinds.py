# SPDX-License-Identifier: Apache-2.0
"""The ways in which the points of a table were trained, by letters.

What all points share is said once, and what differs once for each way.  No
TensorFlow here.
"""

import itertools
import string
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tfp_rd.curve import columns
from tfp_rd.curve.point import CurvePoint

__all__ = ['TrainingKinds']


class TrainingKinds(NamedTuple):
  """Ways of training.

  Attributes:
    same: Settings that all points share, name to text.
    names: Of the other settings.
    letters: Texts of these settings to a letter.
  """

  same: Mapping[str, str]
  names: tuple[str, ...]
  letters: Mapping[tuple[str, ...], str]

  @classmethod
  def of(
    cls, points: Sequence[CurvePoint], settings: Sequence[str]
  ) -> 'TrainingKinds':
    """Finds the ways in which points were trained.

    Args:
      points: Points of a table.
      settings: The settings that they have, beside the objective.
    """
    values = {
      name: [str(columns.value(point, name)) for point in points]
      for name in ('objective', *settings)
    }
    same = {n: texts[0] for n, texts in values.items() if len(set(texts)) == 1}
    names = tuple(name for name in values if name not in same)
    found = sorted(set(zip(*(values[name] for name in names), strict=True)))
    return cls(same, names, dict(zip(found, _letters(), strict=False)))

  def letter(self, point: CurvePoint) -> str:
    """Returns the letter of a point, empty where there is one way alone."""
    key = tuple(str(columns.value(point, name)) for name in self.names)
    return self.letters.get(key, '')

  def text(self) -> str:
    """Returns the settings in words, the shared ones first."""
    shared = _words(self.same.items())
    ways = [
      f'- {letter}: {_words(zip(self.names, texts, strict=True))}'
      for texts, letter in self.letters.items()
    ]
    paragraphs = [f'All: {shared}.' if shared else '']
    paragraphs += ['Training:' if ways else '', '\n'.join(ways)]
    return '\n\n'.join(filter(None, paragraphs))


def _words(pairs):
  return ', '.join(f'{name} {text}' for name, text in pairs if text)


def _letters():
  """Yields a, b, ..., z, aa, ab, ..."""
  for length in itertools.count(1):
    for letters in itertools.product(string.ascii_lowercase, repeat=length):
      yield ''.join(letters)
