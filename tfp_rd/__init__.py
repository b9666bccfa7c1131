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
from typing import TYPE_CHECKING

from tfp_rd.version import __version__

if TYPE_CHECKING:  # What editors and type checkers see.
  from tfp_rd import (
    cli,
    curve,
    dataset,
    decoder,
    encoder,
    information,
    layer,
    marginal,
    measure,
    model,
    network,
    objective,
    report,
    run,
    source,
    testing,
    toy,
    training,
  )
  from tfp_rd.architecture import Architecture
  from tfp_rd.config import (
    Config,
    DataConfig,
    EvaluationConfig,
    Execution,
    ModelConfig,
    TrainingConfig,
  )
  from tfp_rd.curve.best import best_at_rate
  from tfp_rd.curve.collection import load_curves
  from tfp_rd.curve.curve import Curve
  from tfp_rd.errors import UserError
  from tfp_rd.estimate import Estimate
  from tfp_rd.model.build import build
  from tfp_rd.model.conditional_model import ConditionalModel
  from tfp_rd.model.evaluation import evaluate
  from tfp_rd.model.latent_variable_model import LatentVariableModel
  from tfp_rd.objective.beta_elbo import BetaElbo
  from tfp_rd.objective.multi_rate import MultiRate
  from tfp_rd.objective.target_rate import TargetRate
  from tfp_rd.point import Point
  from tfp_rd.rate_distortion import draw, Draws
  from tfp_rd.report.report import write_report
  from tfp_rd.run.directory import load_run
  from tfp_rd.training.ancestry import restore
  from tfp_rd.training.fit import Fit, fit

# The module of each public name; other names of `__all__` are folders.
_HOMES = {
  'Architecture': 'architecture',
  'build': 'model.build',
  'Config': 'config',
  'DataConfig': 'config',
  'EvaluationConfig': 'config',
  'Execution': 'config',
  'ModelConfig': 'config',
  'TrainingConfig': 'config',
  'best_at_rate': 'curve.best',
  'Curve': 'curve.curve',
  'load_curves': 'curve.collection',
  'UserError': 'errors',
  'Estimate': 'estimate',
  'ConditionalModel': 'model.conditional_model',
  'LatentVariableModel': 'model.latent_variable_model',
  'BetaElbo': 'objective.beta_elbo',
  'MultiRate': 'objective.multi_rate',
  'TargetRate': 'objective.target_rate',
  'Point': 'point',
  'draw': 'rate_distortion',
  'Draws': 'rate_distortion',
  'evaluate': 'model.evaluation',
  'write_report': 'report.report',
  'load_run': 'run.directory',
  'restore': 'training.ancestry',
  'Fit': 'training.fit',
  'fit': 'training.fit',
}

__all__ = [
  '__version__',
  'Architecture',
  'best_at_rate',
  'BetaElbo',
  'build',
  'cli',
  'ConditionalModel',
  'Config',
  'Curve',
  'curve',
  'DataConfig',
  'dataset',
  'decoder',
  'draw',
  'Draws',
  'encoder',
  'Estimate',
  'evaluate',
  'EvaluationConfig',
  'Execution',
  'Fit',
  'fit',
  'information',
  'LatentVariableModel',
  'layer',
  'load_curves',
  'load_run',
  'marginal',
  'measure',
  'model',
  'ModelConfig',
  'MultiRate',
  'network',
  'objective',
  'Point',
  'report',
  'restore',
  'run',
  'source',
  'TargetRate',
  'testing',
  'toy',
  'training',
  'TrainingConfig',
  'UserError',
  'write_report',
]


if not TYPE_CHECKING:  # For a checker, any name would be one of these.

  def __getattr__(name):
    if name in _HOMES:
      return getattr(importlib.import_module(f'tfp_rd.{_HOMES[name]}'), name)
    if name in __all__:
      return importlib.import_module(f'tfp_rd.{name}')
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__():
  return sorted(__all__)
