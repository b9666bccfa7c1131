# SPDX-License-Identifier: Apache-2.0
"""Claim 8: what codes of different rates keep of an image."""

import numpy as np
from scipy import stats

from tfp_rd import errors
from tfp_rd.claim import evidence as evidence_lib
from tfp_rd.claim import labels as labels_lib
from tfp_rd.claim.claim import Claim, graded, NOT_TESTABLE, Verdict
from tfp_rd.estimate import Estimate

__all__ = ['CLAIM']

_LEAST_CORRELATION = 0.8
_LEAST_POINTS = 5
_SEMANTIC_NATS = (4.0, 12.0)
_KEPT = 0.7
_LOST_NATS = 0.5
_LOST = 0.3


def _judge(evidence):
  pictures = evidence.pictures(evidence_lib.MNIST)
  if len(pictures) < _LEAST_POINTS:
    return Verdict(
      NOT_TESTABLE, f'{len(pictures)} points have pictures.npz beside them.'
    )
  pictures.sort(key=lambda each: each[0].point.test.rate.nats)
  rates = [named.point.test.rate.nats for named, _ in pictures]
  agreements = [_agreement(picture) for _, picture in pictures]
  correlation = float(
    stats.spearmanr(rates, [a.nats for a in agreements]).statistic
  )
  kept, about = [None] * len(rates), ''
  try:
    kept, about = _labels_kept(evidence, [picture for _, picture in pictures])
  except errors.UserError as e:
    about = f'  {e}'
  is_semantic, words = _semantic(rates, kept)
  return graded(
    correlation >= _LEAST_CORRELATION,
    is_semantic,
    reason=f"Spearman's correlation of R and the part of pixels that "
    f'reconstructions keep is {correlation:.2f}, over {len(rates)} points.  '
    f'{words}{about}',
    table=(
      ('family', 'beta', 'R', 'pixels kept', 'label kept'),
      *(
        (
          f'`{named.name}`', named.point.label, f'{rate:.1f}',
          _part(agreement), _part(label),
        )
        for (named, _), rate, agreement, label in zip(
          pictures, rates, agreements, kept, strict=True
        )
      ),
    ),
  )  # fmt: skip


def _agreement(picture):
  """Returns the part of pixels that agree, as a number of images."""
  same = picture.reconstructions == picture.images
  return Estimate.of_mean(same.mean(axis=(0, 2, 3)))


def _labels_kept(evidence, pictures):
  """Returns the part of reconstructions that keep their label, or `None`s.

  And what is to be said of the classifier.
  """
  if not evidence.data_dir:
    return [None] * len(pictures), ''
  classify = labels_lib.classifier(evidence.data_dir)
  kept = []
  for picture in pictures:
    label = classify(picture.images)
    same = [classify(each) == label for each in picture.reconstructions]
    kept.append(Estimate.of_mean(np.mean(same, axis=0)))
  return kept, (
    f'  The classifier is right on {100 * classify.accuracy:.1f} % of the test '
    'digits.'
  )


def _semantic(rates, kept):
  """Returns whether middle rates keep the label and no rate loses it."""
  if None in kept:
    return False, (
      'Whether the label is kept is not testable without --data_dir, below '
      'which `mnist` is prepared.'
    )
  low, high = _SEMANTIC_NATS
  pairs = list(zip(rates, kept, strict=True))
  middle = [value.nats for rate, value in pairs if low <= rate <= high]
  lost = [value.nats for rate, value in pairs if rate < _LOST_NATS]
  if not (middle and lost):
    return False, 'No points at middle rates, or none at no rate.'
  is_kept, is_lost = np.mean(middle) >= _KEPT, np.mean(lost) <= _LOST
  return bool(is_kept and is_lost), (
    f'Labels are kept in {100 * np.mean(middle):.0f} % at R from {low:g} to '
    f'{high:g}, and in {100 * np.mean(lost):.0f} % below {_LOST_NATS:g}.'
  )


def _part(estimate):
  if estimate is None:
    return '\N{EN DASH}'
  return f'{estimate.nats:.2f} ± {estimate.stderr_nats:.2f}'


CLAIM = Claim(
  8,
  'A code of some nats keeps the class of a digit and draws its style anew '
  '(semantic); one of many nats keeps the pixels (syntactic); one of none '
  'keeps nothing (auto-decoder).',
  'Semantic at R of 6 to 8, syntactic from 24 to 120, by eye.',
  f"It holds if Spearman's correlation of R and the part of pixels that "
  f'reconstructions keep is at least {_LEAST_CORRELATION:g}, and a classifier '
  f'finds the label kept in {100 * _KEPT:.0f} % or more at R from '
  f'{_SEMANTIC_NATS[0]:g} to {_SEMANTIC_NATS[1]:g} and in {100 * _LOST:.0f} % '
  f'or less below {_LOST_NATS:g}; in part if one of the two is so.',
  _judge,
)
