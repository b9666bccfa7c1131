# SPDX-License-Identifier: Apache-2.0
"""The architecture `---` in an eager PyTorch loop, for comparison.

The same layers, loss, optimiser and dropout, written as a PyTorch user would:
`[N, C, H, W]` images, `torch.nn` modules, fused Adam, one Monte Carlo draw.  A
test checks that with our weights it gives our rate, distortion and gradients.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

__all__ = ['Model', 'Training']


class _GatedConv(nn.Module):
  """A linear gate over a convolution; pads as TensorFlow's SAME does."""

  def __init__(self, i, o, kernel, stride, *, padded=True):
    super().__init__()
    before, after = _same(kernel, stride) if padded else (0, 0)
    self.around = [before, after] * 2 if before != after else None
    self.linear = nn.Conv2d(
      i, 2 * o, kernel, stride, 0 if self.around else before
    )

  def forward(self, x):
    x = functional.pad(x, self.around) if self.around else x
    return functional.glu(self.linear(x), dim=1)


class _GatedDeconv(nn.Module):
  """A linear gate over a transposed convolution, cut as SAME is."""

  def __init__(self, i, o, kernel, stride):
    super().__init__()
    self.stride = stride
    self.linear = nn.ConvTranspose2d(
      i, 2 * o, kernel, stride, _same(kernel, stride)[0]
    )

  def forward(self, x):
    height, width = (self.stride * n for n in x.shape[2:])
    y = self.linear(x)[:, :, :height, :width]
    return functional.glu(y, dim=1)


class Model(nn.Module):
  """Five gated convolutions, a Gaussian, six gated deconvolutions.

  Args:
    image_shape: (H, W, C), H and W multiples of 4.
    latent_size: Dimensions k of z.
    widths: Features of the three stages.
    dropout: Rate after the first layer of the decoder.
  """

  def __init__(self, image_shape, latent_size, *, widths, dropout=0.0):
    super().__init__()
    *size, channels = image_shape
    low, mid, high = widths
    self.rest = (mid, *(n // 4 for n in size))
    self.dropout = dropout
    self.encoder = nn.Sequential(
      _GatedConv(channels, low, (5, 5), 1),
      _GatedConv(low, low, (5, 5), 2),
      _GatedConv(low, mid, (5, 5), 1),
      _GatedConv(mid, mid, (5, 5), 2),
      _GatedConv(mid, high, self.rest[1:], 1, padded=False),
      nn.Flatten(),
    )
    self.loc = nn.Linear(high, latent_size)
    self.scale = nn.Linear(high, latent_size)
    self.first = nn.Linear(latent_size, 2 * int(np.prod(self.rest)))
    self.decoder = nn.Sequential(
      _GatedDeconv(mid, mid, 5, 1),
      _GatedDeconv(mid, mid, 5, 2),
      _GatedDeconv(mid, low, 5, 1),
      _GatedDeconv(low, low, 5, 2),
      _GatedDeconv(low, low, 4, 1),
      nn.Conv2d(low, channels, 5, padding=2),
    )

  def forward(self, x, noise):
    """Computes rate and distortion.

    Args:
      x: `[B, C, H, W]` in {0, 1}.
      noise: `[B, k]`, standard normal.

    Returns:
      Rate and distortion in nats, `[B]` each.
    """
    features = self.encoder(2.0 * x - 1.0)
    scale = functional.softplus(self.scale(features) + np.log(np.e - 1))
    z = self.loc(features) + scale * noise
    rate = 0.5 * (z**2 - noise**2) - torch.log(scale)
    h = functional.glu(self.first(z), dim=1)
    h = functional.dropout(h, self.dropout, self.training)
    # Ours is [h, w, c]; the weights of a dense layer are in no order.
    h = h.unflatten(1, (*self.rest[1:], self.rest[0])).permute(0, 3, 1, 2)
    distortion = functional.binary_cross_entropy_with_logits(
      self.decoder(h), x, reduction='none'
    )
    return rate.sum(1), distortion.flatten(1).sum(1)


class Training:
  """An eager loop over images that are in memory.

  Args:
    model: A `Model`.
    images: `[N, H, W, C]`, a NumPy array.
    batch_size: B.
    learning_rate: Adam's.
  """

  def __init__(self, model, images, *, batch_size, learning_rate=1e-3):
    self._model = model.train()
    self._images = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
    self._batch_size = batch_size
    self._optimizer = torch.optim.Adam(
      model.parameters(), lr=learning_rate, fused=True
    )
    self._order = torch.empty(0, dtype=torch.int64)

  def run(self, num_steps: int) -> None:
    """Takes steps at beta = 1."""
    for _ in range(num_steps):
      while len(self._order) < self._batch_size:
        more = torch.randperm(len(self._images))
        self._order = torch.cat([self._order, more])
      now, self._order = self._order.split(
        [self._batch_size, len(self._order) - self._batch_size]
      )
      noise = torch.randn(len(now), self._model.loc.out_features)
      rate, distortion = self._model(self._images[now], noise)
      self._optimizer.zero_grad()
      (rate + distortion).mean().backward()
      self._optimizer.step()


def _same(kernel, stride):
  """Zeros before and after an axis whose length is a multiple of stride."""
  size = kernel if isinstance(kernel, int) else kernel[0]
  return (size - stride) // 2, (size - stride + 1) // 2
