# SPDX-License-Identifier: Apache-2.0
"""Rate and distortion of deep latent-variable models, with TFP.

A latent-variable model is an encoder e(z|x), a marginal m(z) and a decoder
d(x|z).  One draw of z gives two numbers, in nats:

    D = -log d(x|z)                   distortion
    R = log e(z|x) - log m(z)         rate

and for every model H - D <= I_e(X; Z) <= R, -ELBO = E[D + R].

Shapes are written with these letters throughout: B images in a batch, S draws
of z for each, N images in all, k dimensions of z, (H, W, C) height, width and
channels of an image.  Logarithms are natural.

Names are imported when they are first used, so that reports load without
TensorFlow.
"""

import importlib

from tfp_rd.version import __version__

_MODULES = (
  'architecture',
  'call',
  'compare',
  'compare_table',
  'condition',
  'conditional',
  'config',
  'curve',
  'curve_file',
  'dataset',
  'decoder',
  'diagonal',
  'encoder',
  'errors',
  'frontier',
  'grid',
  'information',
  'layer',
  'marginal',
  'measure',
  'model',
  'network',
  'objective',
  'one_run',
  'pending',
  'plot',
  'point',
  'preset',
  'rate_distortion',
  'rate_search',
  'report',
  'run',
  'shares',
  'source',
  'testing',
  'toy',
  'train',
  'truth',
)
_NAMES = {
  'Architecture': 'architecture',
  'build': 'architecture',
  'ConditionalModel': 'conditional',
  'load_curves': 'curve',
  'UserError': 'errors',
  'LatentVariableModel': 'model',
  'BetaElbo': 'objective.beta_elbo',
  'MultiRate': 'objective.multi_rate',
  'TargetRate': 'objective.target_rate',
  'Point': 'point',
  'Draws': 'rate_distortion',
  'draw': 'rate_distortion',
  'evaluate': 'rate_distortion',
  'load_run': 'run',
  'restore': 'experiment',
  'fit': 'train',
}

__all__ = ['__version__', *_MODULES, *_NAMES]  # noqa: PLE0604


def __getattr__(name):
  if name in _NAMES:
    return getattr(importlib.import_module(f'tfp_rd.{_NAMES[name]}'), name)
  if name in _MODULES:
    return importlib.import_module(f'tfp_rd.{name}')
  raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__():
  return sorted(__all__)
