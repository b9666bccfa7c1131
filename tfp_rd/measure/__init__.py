# SPDX-License-Identifier: Apache-2.0
"""What is read off a trained model, one file a measure."""

from tfp_rd.measure.encoder_share import encoder_share, EncoderShare
from tfp_rd.measure.loss_shares import loss_shares, LossShares

__all__ = ['EncoderShare', 'LossShares', 'encoder_share', 'loss_shares']
