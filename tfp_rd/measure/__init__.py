# SPDX-License-Identifier: Apache-2.0
"""What is read off a trained model, one file a measure."""

from tfp_rd.measure.encoder_share import encoder_share, EncoderShare
from tfp_rd.measure.loss_shares import loss_shares, LossShares
from tfp_rd.measure.quadrature import MOST_DIMENSIONS

__all__ = [
  'MOST_DIMENSIONS',
  'EncoderShare',
  'LossShares',
  'encoder_share',
  'loss_shares',
]
