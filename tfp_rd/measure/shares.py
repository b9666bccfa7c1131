# SPDX-License-Identifier: Apache-2.0
"""D + R - H, split into the marginal's and the decoder's loss.

No TensorFlow here.
"""

import dataclasses
from typing import ClassVar, Optional, TYPE_CHECKING

from tfp_rd import errors, field
from tfp_rd import source as source_lib
from tfp_rd.estimate import Value
from tfp_rd.measure import quadrature
from tfp_rd.measure.measure import Measure, Measured

if TYPE_CHECKING:
  from tfp_rd.dataset import Dataset
  from tfp_rd.model.latent_variable_model import LatentVariableModel

__all__ = ['Shares']

# What each value is of, and the field of `LossShares` that holds it.
_OF = {
  'rate': ('R', 'rate'),
  'distortion': ('D', 'distortion'),
  'information': ('I(X;Z)', 'information'),
  'excess': ('D + R - H', 'excess'),
  'marginal_share': ('R - I(X;Z)', 'marginal'),
  'decoder_share': ('D - (H - I(X;Z))', 'decoder'),
}
_ENCODER = 'encoder_share'
_OF_ENCODER = 'D + beta R - min over encoders'
# Draws of z for the model's own D + beta R of an image.
_NUM_SAMPLES = 64


@dataclasses.dataclass(frozen=True, repr=False)
class Shares(Measure):
  """Splits D + R - H into the losses of the marginal and of the decoder.

  The expectations are over the distribution of a source of at most 4x4 pixels,
  by sums over all of its images.  For one or two dimensions of z also: how far
  below D + beta R the best encoder for this decoder and this marginal would be,
  on test images.

  Attributes:
    num_draws: Draws of an image and a code for the marginal's loss.
    num_images: Test images for the encoder's loss; 0 leaves it out.
    seed: Of all draws, the same at every beta and for every model, so that
      differences between models vary less.

  Raises:
    UserError: `num_draws` is below 2, or `num_images` is negative or 1.
  """

  name: ClassVar[str] = 'shares'

  num_draws: int = 500
  num_images: int = 50
  seed: int = 0

  def __post_init__(self):
    field.check_whole(self, 'num_draws', least=2)
    field.check_whole(self, 'num_images', least=0)
    field.check_whole(self, 'seed', least=-(2**31), most=2**31 - 1)
    if self.num_images == 1:
      raise errors.UserError(
        'num_images of shares is 1, of which there is no standard error; '
        'choose 0, or several.'
      )

  def values(
    self,
    model: 'LatentVariableModel',
    data: 'Dataset',
    *,
    beta: Optional[float],
    seed: tuple[int, int],
  ) -> Measured:
    """Returns R, D, I(X;Z), D + R - H and the shares; costs up to minutes."""
    del seed  # The field `seed` says which draws.
    encoder, checks = self._of_encoder(model, data, beta)
    return Measured((*self._of_sums(model, data), encoder), checks)

  def _of_sums(self, model, data):
    reason = _why_no_sums(data)
    if reason:
      return [Value.undefined(n, reason, of=of) for n, (of, _) in _OF.items()]
    from tfp_rd.measure import excess_split  # It brings TensorFlow.

    images, log_prob = source_lib.every_image(data.source)
    found = excess_split.loss_shares(
      model,
      images,
      log_prob=log_prob,
      num_draws=self.num_draws,
      seed=self.seed,
    )
    return [
      Value.of_estimate(
        *(name, getattr(found, attribute)),
        status='exact',  # Sums and means without bias.
        of=of,
        split='source',
        num_samples=1,
      )
      for name, (of, attribute) in _OF.items()
    ]

  def _of_encoder(self, model, data, beta):
    """Returns the value and the checks of its integrals."""
    reason = self._why_no_integrals(model, data, beta)
    if reason:
      return Value.undefined(_ENCODER, reason, of=_OF_ENCODER), {}
    from tfp_rd.measure import best_encoder  # It brings TensorFlow.

    found = best_encoder.encoder_share(
      model,
      data.test[: self.num_images],
      beta=beta,
      num_samples=_NUM_SAMPLES,
      seed=self.seed,
    )
    value = Value.of_estimate(
      *(_ENCODER, found.share),
      of=_OF_ENCODER,
      num_samples=_NUM_SAMPLES,
      reason='' if found.is_sound else 'the integrals are not resolved',
    )
    return value, {
      'is_sound': found.is_sound,
      'quadrature_error_nats': found.quadrature_error_nats,
      'marginal_mass': found.marginal_mass,
    }

  def _why_no_integrals(self, model, data, beta):
    """Returns why the encoder's share is not measured, `''` if it is."""
    if not self.num_images:
      return 'num_images is 0'
    if beta is None:
      return 'the model was trained without a beta'
    if len(data.test) < 2:
      return 'there is one test image, and no standard error'
    shape = list(model.marginal().event_shape)
    if len(shape) != 1 or not 1 <= shape[0] <= quadrature.MOST_DIMENSIONS:
      return f'z has shape {shape}; integrals are over [1] or [2]'
    return ''


def _why_no_sums(data):
  """Returns why there are no sums over all images, `''` if there are."""
  if data.source is None:
    return f'the distribution of {data.name} is not known'
  try:
    source_lib.check_enumerable(data.source)
  except errors.UserError as e:
    return str(e).removesuffix('.')
  return ''
